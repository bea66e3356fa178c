"""The REST API."""

from __future__ import annotations

import base64
import http.client
import json
import ssl
import threading
from typing import Any

import numpy as np

from keras_cwp.errors import ServingError
from keras_cwp.serving.client.address import Address, Credentials
from keras_cwp.serving.client.tls import hint
from keras_cwp.serving.client.transport import SIGNATURE, Reply, Row, Served, UnavailableError

_GRPC_PORT = "if it is the port of the gRPC API, write grpc:// in place of http://"
_MAX_REPLY = 64 * 2**20  # bytes


class HttpTransport:
    """A connection for each thread, kept open."""

    def __init__(self, address: Address, credentials: Credentials, timeout_s: float) -> None:
        self._address, self._timeout_s = address, timeout_s
        self._headers = {"Content-Type": "application/json"}
        if credentials.token:
            self._headers["Authorization"] = f"Bearer {credentials.token}"
        self._tls = _context(credentials) if address.tls else None
        self._local = threading.local()
        self._open: list[http.client.HTTPConnection] = []

    def describe(self) -> Served:
        """See Transport."""
        found = self._json("GET", f"{self._path(self._address.version)}/metadata")
        try:
            signatures = found["metadata"]["signature_def"]["signature_def"]
            version = int(found["model_spec"]["version"])
        except (KeyError, TypeError, ValueError):
            raise ServingError(f"{self._address}: the answer is not TensorFlow Serving's") from None
        if SIGNATURE not in signatures:
            raise ServingError(
                f"{self._address}: the model has no signature {SIGNATURE}; was it exported by keras-cwp?"
            )
        return Served(version, frozenset(signatures[SIGNATURE]["inputs"]))

    def ask(self, rows: list[Row], served: Served) -> list[Reply]:
        """See Transport."""
        instances = [_instance(row, served) for row in rows]
        body = json.dumps({"signature_name": SIGNATURE, "instances": instances}).encode()
        found = self._json("POST", f"{self._path(served.version, by_label=False)}:predict", body)
        try:
            replies = [_reply(each) for each in found["predictions"]]
        except (KeyError, TypeError, ValueError):
            raise ServingError(f"{self._address}: the answer is not of the signature {SIGNATURE}") from None
        if len(replies) != len(rows):
            raise ServingError(f"{self._address}: {len(replies)} answers to {len(rows)} regions")
        return replies

    def close(self) -> None:
        """See Transport."""
        for connection in self._open:
            connection.close()

    def _path(self, version: int | None, by_label: bool = True) -> str:
        if by_label and self._address.label:
            return f"/v1/models/{self._address.model}/labels/{self._address.label}"
        return f"/v1/models/{self._address.model}" + (f"/versions/{version}" if version is not None else "")

    def _json(self, method: str, path: str, body: bytes | None = None) -> Any:
        status, content = self._exchange(method, path, body)
        try:
            found = json.loads(content)
        except ValueError:
            found = None
        if status == http.HTTPStatus.OK:
            return found
        reason = found.get("error", "") if isinstance(found, dict) else ""
        message = f"{self._address}: HTTP {status}: {str(reason)[:300]}"
        raise UnavailableError(message) if status == http.HTTPStatus.SERVICE_UNAVAILABLE else ServingError(message)

    def _exchange(self, method: str, path: str, body: bytes | None) -> tuple[int, bytes]:
        connection = self._connection()
        try:
            connection.request(method, path, body, self._headers)
            response = connection.getresponse()
            return response.status, response.read(_MAX_REPLY)
        except TimeoutError:
            connection.close()
            raise ServingError(f"{self._address}: no answer within {self._timeout_s:g} s") from None
        except ssl.SSLError as error:
            connection.close()
            raise ServingError(
                f"{self._address}: TLS: {hint(self._address) or f'{error.reason}; see --tls-ca'}"
            ) from None
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            if isinstance(error, http.client.BadStatusLine) and not isinstance(error, ConnectionError):
                raise ServingError(f"{self._address}: the answer is not HTTP; {_GRPC_PORT}") from None
            if not isinstance(error, ConnectionRefusedError) and (advice := hint(self._address)):
                raise ServingError(f"{self._address}: {advice}") from None
            refused = "; is the server running there? keras-cwp serve starts one"
            hint_to = refused if isinstance(error, ConnectionRefusedError) else ""
            raise UnavailableError(f"{self._address}: {_said(error)}{hint_to}") from None

    def _connection(self) -> http.client.HTTPConnection:
        if not hasattr(self._local, "connection"):
            host, port = self._address.host, self._address.port
            if self._tls is None:
                connection = http.client.HTTPConnection(host, port, timeout=self._timeout_s)
            else:
                connection = http.client.HTTPSConnection(host, port, timeout=self._timeout_s, context=self._tls)
            self._local.connection = connection
            self._open.append(connection)
        return self._local.connection


def _instance(row: Row, served: Served) -> dict[str, Any]:
    instance: dict[str, Any] = {
        "image_bytes": {"b64": base64.b64encode(row.image).decode()},
        "box": list(row.box),
    }
    if "spacing_mm" in served.inputs:
        instance["spacing_mm"] = row.spacing_mm
    return instance


def _reply(found: Any) -> Reply:
    classes, probabilities = tuple(found["classes"]), np.array(found["probabilities"], dtype=np.float64)
    members = tuple(map(bool, found["set"])) if "set" in found else None
    distance = float(found["distance"] or "nan") if "distance" in found else None  # a server may write NaN as null
    return Reply(classes, probabilities, str(found["status"]), members, distance)


def _context(credentials: Credentials) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=credentials.authority)
    except (OSError, ssl.SSLError) as error:
        raise ServingError(f"--tls-ca {credentials.authority}: {_said(error)}") from None


def _said(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
