"""Mixed load on a server, each answer compared with the offline one."""

from __future__ import annotations

import base64
import http.client
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import grpc
import numpy as np

from keras_cwp.serving.wire import message

BAD = b"bad"  # a row that no model can read
BAD_ONE_IN = 20
BATCHES = (1, 2, 3, 4, 8, 16, 32)
BOUND = 5e-5  # of a probability; rounding of another batch size
_STRING = 7
_IMAGES, _SIDE_PX = 64, 224


@dataclass(frozen=True)
class Target:
    """A model on a server, and what each of its versions says of each image offline."""

    rest_port: int
    grpc_port: int
    model: str
    images: list[bytes]
    expected: dict[int, np.ndarray]


@dataclass
class Tally:
    """What happened; good rows are those with an image that can be read."""

    requests: int = 0
    good_rows: int = 0
    bad_rows: int = 0
    failed: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    seconds: dict[str, list[float]] = field(default_factory=lambda: {"REST": [], "gRPC": []})
    versions: set[int] = field(default_factory=set)


def offline(version: Path, images: list[bytes]) -> np.ndarray:
    """Probabilities float64 [images, classes] of a SavedModel in this process."""
    import tensorflow as tf

    loaded = tf.saved_model.load(str(version))
    return loaded.signatures["serving_default"](image_bytes=tf.constant(images))["probabilities"].numpy().astype(float)


def load(target: Target, seconds: float, clients: int, batches: tuple[int, ...] = BATCHES,
         apis: tuple[str, ...] = ("REST", "gRPC"), bad_one_in: int = BAD_ONE_IN) -> Tally:  # fmt: skip
    """Ask without pause.

    Args:
        clients: threads, each with one request at a time, by turns of the APIs.
    """
    tally, lock, until = Tally(), threading.Lock(), time.monotonic() + seconds
    threads = [
        threading.Thread(target=_client, args=(target, number, apis, batches, bad_one_in, until, tally, lock))
        for number in range(clients)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return tally


def _client(target: Target, number: int, apis: tuple[str, ...], batches: tuple[int, ...], bad_one_in: int,
            until: float, tally: Tally, lock: threading.Lock) -> None:  # fmt: skip
    random = np.random.default_rng(number)
    api = apis[number % len(apis)]
    ask, close = (_rest if api == "REST" else _grpc)(target)
    while time.monotonic() < until:
        rows = random.integers(0, len(target.images), random.choice(batches))
        bad = random.integers(0, bad_one_in, len(rows)) == 0 if bad_one_in else np.zeros(len(rows), bool)
        start = time.perf_counter()
        try:
            found, version = ask(rows, bad)
        except Exception as error:  # counted, not raised: the load goes on
            with lock:
                tally.failed.append(f"{api}: {error!r}"[:300])
            continue
        passed = time.perf_counter() - start
        fault = _fault(target, rows, bad, found, version)
        with lock:
            tally.requests += 1
            tally.good_rows += int((~bad).sum())
            tally.bad_rows += int(bad.sum())
            tally.seconds[api].append(passed)
            tally.versions |= {version} if version else set()
            tally.wrong += [f"{api}: {fault}"] if fault else []
    close()


def _fault(target: Target, rows: np.ndarray, bad: np.ndarray, found: np.ndarray, version: int | None) -> str:
    """What is wrong with an answer; all its rows have to be of one version, the one that it names."""
    if not np.isnan(found[bad]).all():
        return "a row that cannot be read has an answer"
    differences = {
        number: float(np.abs(found[~bad] - expected[rows[~bad]]).max(initial=0))
        for number, expected in target.expected.items()
        if version in (None, number)
    }
    best = min(differences.values(), default=np.inf)
    return "" if best <= BOUND else f"{len(rows)} rows differ by {differences}"


Ask = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, "int | None"]]


def _rest(target: Target) -> tuple[Ask, Callable[[], None]]:
    connection = http.client.HTTPConnection("127.0.0.1", target.rest_port, timeout=60)
    texts = [json.dumps({"b64": base64.b64encode(image).decode()}) for image in target.images]
    unreadable = json.dumps({"b64": base64.b64encode(BAD).decode()})

    def ask(rows: np.ndarray, bad: np.ndarray) -> tuple[np.ndarray, int | None]:
        chosen = [unreadable if lost else texts[row] for row, lost in zip(rows, bad, strict=True)]
        connection.request("POST", f"/v1/models/{target.model}:predict", f'{{"instances":[{",".join(chosen)}]}}')
        response = connection.getresponse()
        body = response.read()
        if response.status != 200:
            raise RuntimeError(f"{response.status} {body[:200]!r}")
        return np.array([row["probabilities"] for row in json.loads(body)["predictions"]], dtype=float), None

    return ask, connection.close


def _grpc(target: Target) -> tuple[Ask, Callable[[], None]]:
    channel = grpc.insecure_channel(
        f"127.0.0.1:{target.grpc_port}", [("grpc.max_send_message_length", -1), ("grpc.use_local_subchannel_pool", 1)]
    )
    call = channel.unary_unary(
        "/tensorflow.serving.PredictionService/Predict",
        request_serializer=lambda request: request.SerializeToString(),
        response_deserializer=message("PredictResponse").FromString,
    )

    def ask(rows: np.ndarray, bad: np.ndarray) -> tuple[np.ndarray, int | None]:
        request = message("PredictRequest")()
        request.model_spec.name = target.model
        tensor = request.inputs["image_bytes"]
        tensor.dtype = _STRING
        tensor.tensor_shape.dim.add(size=len(rows))
        tensor.string_val.extend(BAD if lost else target.images[row] for row, lost in zip(rows, bad, strict=True))
        response = call(request, timeout=60)
        return _floats(response.outputs["probabilities"]).reshape(len(rows), -1), response.model_spec.version.value

    return ask, channel.close


def _floats(tensor: Any) -> np.ndarray:
    if tensor.tensor_content:
        return np.frombuffer(tensor.tensor_content, "<f4").astype(float)
    values = np.array(tensor.float_val, float)
    size = int(np.prod([dim.size for dim in tensor.tensor_shape.dim]))
    return np.pad(values, (0, size - len(values)), "edge")


def together(ask: Callable[[int], None], counts: list[int]) -> float:
    """Run `ask` in as many threads as there are counts, each with its number; what is counted, a second."""
    threads = [threading.Thread(target=ask, args=(number,)) for number in range(len(counts))]
    start = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / (time.monotonic() - start)


def crops() -> list[bytes]:
    """Smooth noise with grain, as PNG: about as large as crops of radiographs."""
    random = np.random.default_rng(0)
    rough = [cv2.resize(random.uniform(0, 255, (9, 9)), (_SIDE_PX, _SIDE_PX)) for _ in range(_IMAGES)]
    grained = [np.clip(image + random.normal(0, 3, image.shape), 0, 255).astype(np.uint8) for image in rough]
    return [bytes(cv2.imencode(".png", image)[1]) for image in grained]
