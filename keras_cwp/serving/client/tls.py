"""Whether a port speaks TLS: what a failed connection to it does not say."""

from __future__ import annotations

import socket
import ssl

from keras_cwp.serving.client.address import Address

_PROBE_S = 1.0
_OTHER_SCHEME = {"http": "https", "https": "http", "grpc": "grpcs", "grpcs": "grpc"}


def hint(address: Address) -> str:
    """What to change when the address's scheme is the wrong one for its port; "" where it is right or nobody knows."""
    speaks = _speaks_tls(address.host, address.port)
    if speaks is None or speaks == address.tls:
        return ""
    said = "the port speaks TLS" if speaks else "the port does not speak TLS"
    return f"{said}; write {_OTHER_SCHEME[address.scheme]}:// in place of {address.scheme}://"


def _speaks_tls(host: str, port: int) -> bool | None:
    """None: there is no connection."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # whose it is does not matter here
    context.set_alpn_protocols(["h2", "http/1.1"])
    try:
        with socket.create_connection((host, port), timeout=_PROBE_S) as plain:
            try:
                with context.wrap_socket(plain, server_hostname=host):
                    return True
            except (ssl.SSLError, ConnectionError):
                return False
    except OSError:
        return None
