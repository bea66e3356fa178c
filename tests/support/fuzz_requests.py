"""Malformed requests of every kind: each is answered in time, and none is answered with an error of the server."""

from __future__ import annotations

import base64
import json
import socket
import time
from typing import Any

import cv2
import grpc
import numpy as np

from keras_cwp.serving.wire import message
from support.fuzz_inputs import _cut, _double, _drop, _flip, _insert, _oddity, _renumber

KINDS = ("json", "base64", "image", "protobuf", "headers", "sizes", "path")
LIMIT_S = 90.0  # one attempt; a hang, not a slow machine
_PATIENCE_S = 0.5  # before a half-sent request is called over
_SERVER_FAULTS_GRPC = ("INTERNAL", "UNKNOWN", "UNAVAILABLE", "DATA_LOSS", "DEADLINE_EXCEEDED", "ABORTED")
_SERVER_FAULTS_HTTP = (500, 502, 503, 504, 505)  # 501 is the contract's word for a type that JSON does not have
_SIGNATURES = ("serving_default", "roi_bytes", "pixels", "classify", "regress", "nothing", "")
_METHODS = (
    "PredictionService/Predict",
    "PredictionService/Classify",
    "PredictionService/Regress",
    "PredictionService/GetModelMetadata",
    "ModelService/GetModelStatus",
    "ModelService/HandleReloadConfigRequest",
)
_DAMAGES = (_flip, _cut, _drop, _double, _insert)


def _received(raw: socket.socket) -> bytes:
    answer = b""
    try:
        while part := raw.recv(65536):
            answer += part
    except ConnectionError:
        return answer
    return answer


class RequestFuzzer:
    """Attempts on a server; its requests may take a few seconds at most, or an attempt takes long."""

    def __init__(self, rest_port: int, grpc_port: int, model: str, seed: int) -> None:
        self.rest_port, self.model = rest_port, model
        self.random = np.random.default_rng(seed)
        self.channel = grpc.insecure_channel(
            f"127.0.0.1:{grpc_port}", [("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1)]
        )
        self.tried = self.answered = 0
        self.slowest_s = 0.0
        noise = np.random.default_rng(0).integers(0, 256, (48, 40), dtype=np.uint8)
        self.image = bytes(cv2.imencode(".png", noise)[1])
        self.jpeg = bytes(cv2.imencode(".jpg", noise)[1])
        self.statuses: dict[str, int] = {}

    def close(self) -> None:
        """Let go of the channel."""
        self.channel.close()

    def try_once(self, kind: str) -> None:
        """One attempt.

        Raises:
            AssertionError: an error of the server, or no answer in time.
        """
        start = time.monotonic()
        status = getattr(self, f"_{kind}")()
        self.tried += 1
        self.statuses[status] = self.statuses.get(status, 0) + 1
        self.slowest_s = max(self.slowest_s, time.monotonic() - start)
        assert self.slowest_s < LIMIT_S, f"{kind}: {self.slowest_s:.1f} s"

    def good(self, tries: int = 1) -> Any:
        """The answer to a request that nothing is wrong with.

        Args:
            tries: until there is an answer at all: on a busy machine the first takes longer than a short time limit.
        """
        body = json.dumps({"instances": [self._b64(self.image), self._b64(self.jpeg)]}).encode()
        for _ in range(tries):
            status, answer = self._http(self._head("POST", f"/v1/models/{self.model}:predict", body))
            if answer:
                break
        assert status == 200, answer
        return json.loads(answer)

    def _json(self) -> str:
        kind = str(self.random.choice(["predict", "classify", "regress"]))
        return self._post(kind, self._damaged(json.dumps(self._body(kind)).encode(), text=True))

    def _base64(self) -> str:
        text = base64.b64encode(self.image)
        damaged = self._damaged(text, text=False).decode("latin-1")
        return self._post("predict", json.dumps({"instances": [{"b64": damaged}, self._b64(self.image)]}).encode())

    def _image(self) -> str:
        image = self._damaged(self.image if self.random.random() < 0.5 else self.jpeg, text=False)
        if self.random.random() < 0.5:
            return self._call("PredictionService/Predict", self._predict_request("serving_default", image))
        body = json.dumps({"instances": [self._b64(image), self._b64(self.image)]}).encode()
        status, answer = self._http(self._head("POST", f"/v1/models/{self.model}:predict", body))
        if status == 200:  # the row beside it is answered whatever the image is
            assert json.loads(answer)["predictions"][1]["status"] == "ok", answer
        return self._checked(status, answer)

    def _protobuf(self) -> str:
        method = str(self.random.choice(_METHODS))
        content = self._predict_request(str(self.random.choice(_SIGNATURES)), self.image)
        return self._call(method, self._damaged(content, text=False))

    def _headers(self) -> str:
        body = json.dumps({"instances": [self._b64(self.image)]}).encode()
        head, _, rest = self._head("POST", f"/v1/models/{self.model}:predict", body).partition(b"\r\n\r\n")
        damaged = self._damaged(head, text=True)
        status, answer = self._http(damaged + b"\r\n\r\n" + rest)
        return self._checked(status, answer)

    def _sizes(self) -> str:
        choice = int(self.random.integers(6))
        many = int(self.random.integers(33, 3000))
        if choice == 0:
            return self._post("predict", json.dumps({"instances": [self._b64(b"x")] * many}).encode())
        if choice == 1:
            return self._post("predict", b'{"instances": ' + b"[" * many + b"]" * many + b"}")
        if choice == 2:
            return self._post("predict", b'{"instances": [' + b"9" * many + b"]}")
        if choice == 3:
            return self._call("PredictionService/Predict", self._claims(many))
        if choice == 4:
            return self._call("PredictionService/Predict", self._predict_request("x" * many * 30, self.image))
        status, answer = self._http(self._head("GET", "/v1/models/" + "m" * many * 10, b""))
        return self._checked(status, answer)

    def _path(self) -> str:
        path = self._damaged(f"/v1/models/{self.model}/versions/1:predict".encode(), text=True).decode("latin-1")
        safe = "".join(character for character in path if "!" <= character <= "~") or "/"
        method = str(self.random.choice(["GET", "POST", "PUT", "HEAD", "DELETE"]))
        status, answer = self._http(self._head(method, safe, b"{}"))
        return self._checked(status, answer)

    def _body(self, kind: str) -> dict[str, Any]:
        if kind != "predict":
            return {"signature_name": kind, "examples": [{"image_bytes": self._b64(self.image), "box": [0.0, 0, 9, 9]}]}
        signature = str(self.random.choice(_SIGNATURES[:3]))
        row = {
            "serving_default": {"image_bytes": self._b64(self.image)},
            "roi_bytes": {"image_bytes": self._b64(self.image), "box": [1, 2, 30, 20.5]},
            "pixels": {"pixels": [[[0.5]] * 3] * 3},
        }[signature]
        if self.random.random() < 0.5:
            return {"signature_name": signature, "instances": [row, row]}
        return {"signature_name": signature, "inputs": {name: [value] * 2 for name, value in row.items()}}

    def _predict_request(self, signature: str, image: bytes) -> bytes:
        request = message("PredictRequest")()
        request.model_spec.name, request.model_spec.signature_name = self.model, signature
        tensor = request.inputs["image_bytes"]
        tensor.dtype = 7
        tensor.tensor_shape.dim.add(size=2)
        tensor.string_val.extend([image, self.image])
        if signature == "roi_bytes":
            box = request.inputs["box"]
            box.dtype = 1
            box.tensor_shape.dim.add(size=2)
            box.tensor_shape.dim.add(size=4)
            box.float_val.extend([0, 0, 9, 9, 1, 1, 20, 20])
        return request.SerializeToString()

    def _claims(self, many: int) -> bytes:
        """Tensors that claim shapes which their few bytes do not hold."""
        request = message("PredictRequest")()
        request.model_spec.name, request.model_spec.signature_name = self.model, "pixels"
        tensor = request.inputs["pixels"]
        tensor.dtype = int(self.random.integers(0, 24))
        for _ in range(4):
            tensor.tensor_shape.dim.add(size=int(self.random.choice([1, 2, many, many**3, 2**62, -1, 0])))
        tensor.float_val.append(0.5)
        return request.SerializeToString()

    def _damaged(self, content: bytes, text: bool) -> bytes:
        damages = [*_DAMAGES, *([_renumber, _oddity] * 2 if text else [])]
        for _ in range(int(self.random.integers(1, 4))):
            content = damages[int(self.random.integers(len(damages)))](content, self.random)
        return content

    def _post(self, kind: str, body: bytes) -> str:
        return self._checked(*self._http(self._head("POST", f"/v1/models/{self.model}:{kind}", body)))

    def _head(self, method: str, path: str, body: bytes) -> bytes:
        lines = [f"{method} {path} HTTP/1.1", "Host: x", "Connection: close", "Content-Type: application/json"]
        return "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]).encode("latin-1") + body

    def _http(self, content: bytes) -> tuple[int, bytes]:
        """Status and body; 0 where the server closed the connection without a word."""
        with socket.create_connection(("127.0.0.1", self.rest_port), timeout=_PATIENCE_S) as raw:
            answer = b""
            try:
                raw.sendall(content)
                answer = _received(raw)
            except TimeoutError:  # it waits for what will never come; now it hears so
                raw.settimeout(LIMIT_S)
                raw.shutdown(socket.SHUT_WR)
                answer = _received(raw)
            except ConnectionError:
                answer = b""
        head, _, body = answer.partition(b"\r\n\r\n")
        return (int(head.split()[1]) if head.startswith(b"HTTP/1.1 ") else 0), body

    def _checked(self, status: int, answer: bytes) -> str:
        assert status not in _SERVER_FAULTS_HTTP, f"{status} {answer[:300]!r}"
        self.answered += status != 0
        return str(status)

    def _call(self, method: str, content: bytes) -> str:
        call = self.channel.unary_unary(f"/tensorflow.serving.{method}")
        try:
            call(content, timeout=LIMIT_S)
        except grpc.RpcError as error:
            code, said = error.code().name, error.details()
        else:
            code, said = "OK", ""
        assert code not in _SERVER_FAULTS_GRPC, f"{method}: {code}: {said}"
        self.answered += 1
        return code

    def _b64(self, content: bytes) -> dict[str, str]:
        return {"b64": base64.b64encode(content).decode()}
