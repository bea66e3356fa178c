"""`keras-cwp serve` with TensorFlow and with ONNX Runtime: images a second over gRPC, and how long single files wait.

python scripts/compare_engines.py saved_models/NAME [--rounds 5] [--before OLD]

Both servers run at once on loopback and are asked in turns, so that a busy machine is busy for both.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections import defaultdict
from contextlib import ExitStack
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import grpc  # noqa: E402 - the path comes first
import numpy as np  # noqa: E402
from support.serving_load import crops, together  # noqa: E402
from support.serving_process import Served, served  # noqa: E402

from keras_cwp.serving.wire import message  # noqa: E402

CLIENTS = 4
SIDE_PX, BATCH = 224, 32
SPEED_S, SINGLE_S = 4.0, 10.0
FLOAT, STRING = 1, 7  # of types.proto


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="saved_models/NAME, of 224 px")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--before", type=Path, help="another bundle, under TensorFlow, to compare with")
    given = parser.parse_args()
    asked = {"TensorFlow": (given.folder, "tensorflow"), "ONNX Runtime": (given.folder, "onnx")}
    if given.before:
        asked = {"before": (given.before, "tensorflow"), **asked}
    with ExitStack() as stack:
        servers = {
            name: (stack.enter_context(served(folder.resolve(), "--engine", engine)), folder.resolve().name)
            for name, (folder, engine) in asked.items()
        }
        speed(servers, given.rounds)
        waiting(servers, given.rounds)


def speed(servers: dict[str, tuple[Served, str]], rounds: int) -> None:
    """Images a second at one batch size; files are PNG, pixels are float32."""
    images, first = crops()[:BATCH], next(iter(servers))
    speeds: dict[tuple[str, str], list[float]] = defaultdict(list)
    costs: dict[tuple[str, str], list[float]] = defaultdict(list)
    for turn in range(rounds + 1):
        for kind in ("files", "pixels"):
            for name, (server, model) in servers.items():
                content = request_of(model, images if kind == "files" else None)
                before_s, (per_second, asked) = server.cpu_s(), clients_per_second(server.grpc_port, content)
                if turn:  # the first one warms up
                    speeds[kind, name].append(per_second)
                    costs[kind, name].append((server.cpu_s() - before_s) / asked * 1000)
    print(f"gRPC, batch {BATCH}, {CLIENTS} clients; medians of {rounds} turns of {SPEED_S:.0f} s, and of ratios")
    for kind, name in speeds:
        faster = [value / base for value, base in zip(speeds[kind, name], speeds[kind, first], strict=True)]
        less = [base / value for value, base in zip(costs[kind, name], costs[kind, first], strict=True)]
        print(
            f"  {kind:6} {name:12} {statistics.median(speeds[kind, name]):6.0f} images/s, ratio {_range(faster)}; "
            f"{statistics.median(costs[kind, name]):.2f} ms of the server's CPU an image, ratio {_range(less)}"
        )


def waiting(servers: dict[str, tuple[Served, str]], rounds: int) -> None:
    """How long single files wait beside batches."""
    images, first = crops()[:BATCH], next(iter(servers))
    waits: dict[str, list[float]] = defaultdict(list)
    for _ in range(rounds):
        for name, (server, model) in servers.items():
            waits[name] += single_waits(server.grpc_port, request_of(model, images), request_of(model, images[:1]))
    print(f"single files by one client while {CLIENTS - 1} others ask for batches of {BATCH} files")
    for name, seconds in waits.items():
        p50, p99 = np.percentile(seconds, [50, 99]) * 1000
        ratio = p99 / 1000 / np.percentile(waits[first], 99)
        print(
            f"  {name:12} {len(seconds)} requests, p50 {p50:.0f} ms, p99 {p99:.0f} ms, p99 of the first's {ratio:.2f}"
        )


def _range(values: list[float]) -> str:
    return f"{statistics.median(values):.2f} ({min(values):.2f}-{max(values):.2f})"


def request_of(model: str, images: list[bytes] | None) -> bytes:
    """A request for some PNG files; without them, for one batch of crops in float32."""
    request = message("PredictRequest")()
    request.model_spec.name = model
    if images is not None:
        tensor = request.inputs["image_bytes"]
        tensor.dtype = STRING
        tensor.tensor_shape.dim.add(size=len(images))
        tensor.string_val.extend(images)
        return bytes(request.SerializeToString())
    request.model_spec.signature_name = "pixels"
    tensor, shape = request.inputs["pixels"], (BATCH, SIDE_PX, SIDE_PX, 1)
    tensor.dtype = FLOAT
    for side in shape:
        tensor.tensor_shape.dim.add(size=side)
    tensor.tensor_content = np.random.default_rng(0).uniform(0, 1, shape).astype("<f4").tobytes()
    return bytes(request.SerializeToString())


def clients_per_second(port: int, content: bytes) -> tuple[float, int]:
    """Images a second of CLIENTS threads that ask for batches without pause, and how many images they asked for."""
    counts = [0] * CLIENTS
    until = time.monotonic() + SPEED_S

    def ask(number: int) -> None:
        counts[number] = BATCH * len(_waits(port, content, until))

    return together(ask, counts), sum(counts)


def single_waits(port: int, several: bytes, one: bytes) -> list[float]:
    """Seconds of each request for one file, while CLIENTS - 1 threads ask for batches without pause."""
    until, found = time.monotonic() + SINGLE_S, list[float]()

    def ask(number: int) -> None:
        waits = _waits(port, several if number else one, until)
        found.extend(() if number else waits)

    together(ask, [0] * CLIENTS)
    return found


def _waits(port: int, content: bytes, until: float) -> list[float]:
    """Seconds of each of the requests that one client sends without pause."""
    options = [("grpc.max_send_message_length", -1), ("grpc.use_local_subchannel_pool", 1)]
    waits = []
    with grpc.insecure_channel(f"127.0.0.1:{port}", options) as channel:
        call = channel.unary_unary("/tensorflow.serving.PredictionService/Predict")
        while (start := time.monotonic()) < until:
            call(content, timeout=120)
            waits.append(time.monotonic() - start)
    return waits


if __name__ == "__main__":
    main()
