"""An embedded server in this process, and requests to it as TensorFlow Serving's own clients make them."""

from __future__ import annotations

import base64
import http.client
import json
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import grpc
import tensorflow as tf
from tensorflow_serving.apis import model_service_pb2_grpc, predict_pb2, prediction_service_pb2_grpc

from keras_cwp.serving.server.server import Server
from keras_cwp.serving.server.settings import Settings
from keras_cwp.serving.server.versions import Polling

QUICK = Polling(every_s=0.05, retries=1, retry_wait_s=0.05)


@dataclass
class Running:
    """A server that answers."""

    server: Server
    channel: grpc.Channel
    headers: dict[str, str] = field(default_factory=dict)
    tls: ssl.SSLContext | None = None

    @property
    def prediction(self) -> Any:
        """PredictionService."""
        return prediction_service_pb2_grpc.PredictionServiceStub(self.channel)

    @property
    def models(self) -> Any:
        """ModelService."""
        return model_service_pb2_grpc.ModelServiceStub(self.channel)

    def http(self, method: str, path: str, body: bytes | None = None, headers: Any = None) -> tuple[int, bytes]:
        """Status and body."""
        port = self.server.rest_port
        if self.tls:
            connection = http.client.HTTPSConnection("localhost", port, timeout=20, context=self.tls)
        else:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        try:
            connection.request(method, path, body, headers={**self.headers, **(headers or {})})
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def get(self, path: str) -> tuple[int, Any]:
        """Status and JSON."""
        status, body = self.http("GET", path)
        return status, json.loads(body)

    def post(self, path: str, tree: Any) -> tuple[int, Any]:
        """Status and JSON; a path without slash is of the model `stub`."""
        path = path if path.startswith("/") else f"/v1/models/stub{path}"
        status, body = self.http("POST", path, tree if isinstance(tree, bytes) else json.dumps(tree).encode())
        return status, json.loads(body)

    def predict(self, signature: str, seconds: float = 20, model: str = "stub", **inputs: Any) -> Any:
        """PredictResponse."""
        return self.prediction.Predict(predict_request(signature, model, **inputs), timeout=seconds)


@contextmanager
def start(folders: list[Path], batching: Path | None = None, page: Any = None, **settings: Any) -> Iterator[Running]:
    """Start a server on free ports, and stop it."""
    wanted = replace(Settings(rest_port=0, grpc_port=0, polling=QUICK), **settings)
    server = Server(folders, wanted, batching, page)
    server.start()
    try:
        with grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}") as channel:
            yield Running(server, channel)
    finally:
        server.stop()


def predict_request(signature: str, model: str = "stub", **inputs: Any) -> Any:
    """PredictRequest of values that TensorFlow makes tensors of."""
    request = predict_pb2.PredictRequest()
    request.model_spec.name = model
    request.model_spec.signature_name = signature
    for name, value in inputs.items():
        request.inputs[name].CopyFrom(tf.make_tensor_proto(value))
    return request


def example(image: bytes) -> Any:
    """tf.Example with an image."""
    feature = tf.train.Feature(bytes_list=tf.train.BytesList(value=[image]))
    return tf.train.Example(features=tf.train.Features(feature={"image_bytes": feature}))


def b64(content: bytes) -> dict[str, str]:
    """Bytes in JSON."""
    return {"b64": base64.b64encode(content).decode()}


def refused(call: Callable[[], Any]) -> tuple[str, str]:
    """Code and details of a gRPC call that fails."""
    try:
        call()
    except grpc.RpcError as error:
        return error.code().name, error.details() or ""
    raise AssertionError("the call succeeded")


def wait_until(condition: Callable[[], bool], seconds: float = 20) -> None:
    """Raises AssertionError: it did not come true."""
    import time

    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "waited too long"
        time.sleep(0.01)
