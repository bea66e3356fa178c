"""The gRPC API."""

from __future__ import annotations

import math
from typing import Any

import grpc
import numpy as np

from keras_cwp.errors import ServingError
from keras_cwp.serving.client.address import Address, Credentials
from keras_cwp.serving.client.tls import hint
from keras_cwp.serving.client.transport import SIGNATURE, Reply, Row, Served, UnavailableError
from keras_cwp.serving.wire import message

_SERVICE = "/tensorflow.serving.PredictionService"
_HTTP_SERVER = "Trying to connect an http1.x server"  # gRPC's words
_FLOAT, _STRING, _BOOL = 1, 7, 10  # tensorflow.DataType


class GrpcTransport:
    """One channel; gRPC shares it among threads."""

    def __init__(self, address: Address, credentials: Credentials, timeout_s: float) -> None:
        self._address, self._timeout_s = address, timeout_s
        self._metadata = [("authorization", f"Bearer {credentials.token}")] if credentials.token else []
        options = [("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1)]  # 4 MB otherwise
        if address.tls:
            self._channel = grpc.secure_channel(address.netloc, _trust(credentials), options)
        else:
            self._channel = grpc.insecure_channel(address.netloc, options)
        self._predict = self._method("Predict", "PredictResponse")
        self._describe = self._method("GetModelMetadata", "GetModelMetadataResponse")

    def describe(self) -> Served:
        """See Transport."""
        request = message("GetModelMetadataRequest")(metadata_field=["signature_def"])
        self._name(request.model_spec, self._address.version, self._address.label)
        found = self._call(self._describe, request)
        signatures = message("SignatureDefMap").FromString(found.metadata["signature_def"].value).signature_def
        if SIGNATURE not in signatures:
            raise ServingError(
                f"{self._address}: the model has no signature {SIGNATURE}; was it exported by keras-cwp?"
            )
        return Served(found.model_spec.version.value, frozenset(signatures[SIGNATURE].inputs))

    def ask(self, rows: list[Row], served: Served) -> list[Reply]:
        """See Transport."""
        request = message("PredictRequest")()
        self._name(request.model_spec, served.version, None)
        request.model_spec.signature_name = SIGNATURE
        _put_strings(request.inputs["image_bytes"], [row.image for row in rows])
        _put_floats(request.inputs["box"], np.array([row.box for row in rows], np.float32))
        if "spacing_mm" in served.inputs:
            _put_floats(request.inputs["spacing_mm"], np.array([row.spacing_mm for row in rows], np.float32))
        return self._replies(self._call(self._predict, request).outputs, len(rows))

    def close(self) -> None:
        """See Transport."""
        self._channel.close()

    def _replies(self, outputs: Any, rows: int) -> list[Reply]:
        try:
            classes = _strings(outputs["classes"]).reshape(rows, -1)
            probabilities = _floats(outputs["probabilities"]).reshape(rows, -1)
            statuses = _strings(outputs["status"]).reshape(rows)
            if classes.shape != probabilities.shape:
                raise ValueError(f"{classes.shape} classes")
            members = _bools(outputs["set"]).reshape(classes.shape) if "set" in outputs else None
            distance = _floats(outputs["distance"]).reshape(rows) if "distance" in outputs else None
        except (ValueError, UnicodeDecodeError):
            raise ServingError(f"{self._address}: the answer is not of the signature {SIGNATURE}") from None
        return [
            Reply(
                tuple(classes[row].tolist()),
                probabilities[row],
                str(statuses[row]),
                None if members is None else tuple(members[row].tolist()),
                None if distance is None else float(distance[row]),
            )
            for row in range(rows)
        ]

    def _name(self, spec: Any, version: int | None, label: str | None) -> None:
        spec.name = self._address.model
        if label is not None:
            spec.version_label = label
        elif version is not None:
            spec.version.value = version

    def _method(self, name: str, response: str) -> Any:
        return self._channel.unary_unary(
            f"{_SERVICE}/{name}",
            request_serializer=lambda request: request.SerializeToString(),
            response_deserializer=message(response).FromString,
        )

    def _call(self, method: Any, request: Any) -> Any:
        try:
            return method(request, timeout=self._timeout_s, metadata=self._metadata)
        except grpc.RpcError as error:
            code, details = error.code(), (error.details() or "")[:300]
            said = f"{self._address}: {code.name}: {details}"
            if _HTTP_SERVER in (error.details() or ""):
                raise ServingError(
                    f"{self._address}: the port is of the REST API; write http:// in place of grpc://"
                ) from None
            if code is grpc.StatusCode.UNAVAILABLE and (advice := hint(self._address)):
                raise ServingError(f"{self._address}: {advice}") from None
            raise (UnavailableError if code is grpc.StatusCode.UNAVAILABLE else ServingError)(said) from None


def _put_strings(tensor: Any, values: list[bytes]) -> None:
    tensor.dtype = _STRING
    tensor.tensor_shape.dim.add(size=len(values))
    tensor.string_val.extend(values)


def _put_floats(tensor: Any, values: np.ndarray) -> None:
    tensor.dtype = _FLOAT
    for side in values.shape:
        tensor.tensor_shape.dim.add(size=side)
    tensor.tensor_content = values.astype("<f4").tobytes()


def _floats(tensor: Any) -> np.ndarray:
    """float64 of a TensorProto."""
    return _numbers(tensor, _FLOAT, "<f4", tensor.float_val).astype(np.float64)


def _bools(tensor: Any) -> np.ndarray:
    """bool of a TensorProto."""
    return _numbers(tensor, _BOOL, "?", tensor.bool_val)


def _numbers(tensor: Any, kind: int, stored: str, listed: Any) -> np.ndarray:
    """The values, which are bytes or a list whose last value stands for all that follow."""
    if tensor.dtype != kind:
        raise ValueError(f"type {tensor.dtype}")
    shape = [dim.size for dim in tensor.tensor_shape.dim]
    if tensor.tensor_content:
        return np.frombuffer(tensor.tensor_content, stored).reshape(shape)
    values = np.array(listed, stored)
    return np.pad(values, (0, math.prod(shape) - len(values)), "edge").reshape(shape)


def _strings(tensor: Any) -> np.ndarray:
    return np.array([value.decode() for value in tensor.string_val], dtype=str)


def _trust(credentials: Credentials) -> grpc.ChannelCredentials:
    try:
        roots = credentials.authority.read_bytes() if credentials.authority else None
    except OSError as error:
        raise ServingError(f"--tls-ca {credentials.authority}: {error.strerror}") from None
    return grpc.ssl_channel_credentials(roots)
