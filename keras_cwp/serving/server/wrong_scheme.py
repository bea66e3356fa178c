"""Clients that speak TLS to a plain port or plain HTTP to a TLS port: a line in the log, for they get no answer.

The line stands once a minute at most, because anyone can cause it.
"""

from __future__ import annotations

import logging
import ssl
import time

from keras_cwp.serving.server.log import event

_EVERY_S = 60.0
_TLS_HANDSHAKE = b"\x16\x03"  # the first bytes of a TLS record that opens a connection: handshake, version 3.x
_PLAIN = ("HTTP_REQUEST", "HTTPS_PROXY_REQUEST")  # OpenSSL's reasons for plain HTTP on a TLS port
_last: dict[str, float] = {}  # by what was said


def speaks_tls(first: bytes) -> bool:
    """Whether the first bytes of a connection to a plain port open TLS; then it is logged."""
    if not first.startswith(_TLS_HANDSHAKE):
        return False
    why = "a client speaks TLS to the REST port, which does not: it has to write http://"
    _say("refused_tls", f"{why}, or the server needs --tls-cert and --tls-key")
    return True


def log_failed_handshakes(context: ssl.SSLContext) -> None:
    """Have connections of a server's context log handshakes that fail."""
    context.sslobject_class = _Logged  # asyncio itself is silent about them


class _Logged(ssl.SSLObject):
    def do_handshake(self) -> None:
        try:
            super().do_handshake()
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise
        except ssl.SSLError as error:
            if error.reason in _PLAIN:
                why = "a client speaks plain HTTP to the REST port, which speaks TLS: it has to write https://"
                _say("refused_plain", why)
            else:
                _say("refused_handshake", f"a TLS handshake failed: {error.reason}")
            raise


def _say(name: str, reason: str) -> None:
    now = time.monotonic()
    if now - _last.get(reason, -_EVERY_S) >= _EVERY_S:
        _last[reason] = now
        event(name, logging.WARNING, reason=reason)
