"""Saturate a server over REST and gRPC, swap a version in, compare every answer with the offline one; then its speed.

python scripts/load_serving.py saved_models/NAME [--engine auto] [--seconds 60] [--rounds 3]
python scripts/load_serving.py saved_models/NAME --compare         # TensorFlow against ONNX Runtime, nothing else
python scripts/load_serving.py saved_models/NAME --compare --before OLD    # and against an older bundle

NAME needs two versions of different weights. Starts `keras-cwp serve` on loopback itself.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import cv2  # noqa: E402 - the path comes first
import grpc  # noqa: E402
import numpy as np  # noqa: E402
from support.serving_load import Tally, Target, load, offline  # noqa: E402
from support.serving_process import Served, served  # noqa: E402

from keras_cwp.serving.wire import message  # noqa: E402

IMAGES, SIDE_PX = 64, 224
CLIENTS = 4
SPEED_BATCH, SPEED_S = 32, 4.0
GOALS = {"gRPC": 0.8, "REST": 0.5}  # of the images a second of the SavedModel in process
MAX_GROWTH = 0.02
FLOAT, STRING = 1, 7  # of types.proto


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="saved_models/NAME")
    parser.add_argument("--engine", default="auto", choices=["auto", "tensorflow", "onnx"])
    parser.add_argument("--seconds", type=float, default=60.0, help="of each of the three loads with a swap")
    parser.add_argument("--rounds", type=int, default=3, help="of the tables of speed")
    parser.add_argument("--compare", action="store_true", help="only compare the engines' images a second over gRPC")
    parser.add_argument("--before", type=Path, help="with --compare: another bundle, under TensorFlow")
    given = parser.parse_args()
    if given.compare:
        compare(given.folder.resolve(), given.before and given.before.resolve(), given.rounds)
    else:
        loaded(given.folder.resolve(), given.engine, given.seconds, given.rounds)


def loaded(source: Path, engine: str, seconds: float, rounds: int) -> None:
    """The loads with swaps, and the table of speed."""
    numbers = sorted(int(path.name) for path in source.iterdir() if path.name.isdecimal())[:2]
    if len(numbers) < 2:
        sys.exit(f"{source} has the versions {numbers}; two are needed")
    first, second = (source / str(number) for number in numbers)
    images = crops()
    answers = [offline(path, images) for path in (first, second)]
    with tempfile.TemporaryDirectory() as scratch:
        model = Path(scratch) / source.name
        publish(first, model / "1")
        shutil.copy(source / "batching_parameters.txt", model)
        with served(model, "--engine", engine) as server:
            expected = {number: answers[1 - number % 2] for number in (1, 2, 3, 4)}
            target = Target(server.rest_port, server.grpc_port, source.name, images, expected)
            swaps = [(second, model / "2"), (first, model / "3"), (second, model / "4")]
            good = mixed(server, target, seconds, swaps)
        with served(model, "--engine", engine) as server:
            target = Target(server.rest_port, server.grpc_port, source.name, images, expected)
            speed(target, model / "4", rounds)
    sys.exit(0 if good else "rows failed or were wrong, or memory grew")


def compare(folder: Path, before: Path | None, rounds: int) -> None:
    """Images a second over gRPC at batch 32, the engines in turns; files are PNG, pixels are float32."""
    servers = {"TensorFlow": (folder, "tensorflow"), "ONNX Runtime": (folder, "onnx")}
    if before is not None:
        servers = {"before": (before, "tensorflow"), **servers}
    images = crops()
    speeds: dict[tuple[str, str], list[float]] = {}
    costs: dict[tuple[str, str], list[float]] = {}
    with ExitStack() as stack:
        running = {
            name: stack.enter_context(served(path, "--engine", engine)) for name, (path, engine) in servers.items()
        }
        for turn in range(rounds + 1):
            for kind in ("files", "pixels"):
                for name, server in running.items():
                    asking = (server.grpc_port, servers[name][0].name, images if kind == "files" else None)
                    before_s, (per_second, asked) = server.cpu_s(), clients_per_second(asking)
                    if turn:  # the first one warms up
                        speeds.setdefault((kind, name), []).append(per_second)
                        costs.setdefault((kind, name), []).append((server.cpu_s() - before_s) / asked * 1000)
    print(f"gRPC, batch {SPEED_BATCH}, {CLIENTS} clients; medians of {rounds} turns of {SPEED_S:.0f} s, and of ratios")
    first = next(iter(servers))
    for kind, name in speeds:
        faster = [value / base for value, base in zip(speeds[kind, name], speeds[kind, first], strict=True)]
        less = [base / value for value, base in zip(costs[kind, name], costs[kind, first], strict=True)]
        print(
            f"  {kind:6} {name:12} {statistics.median(speeds[kind, name]):6.0f} images/s, ratio {_range(faster)}; "
            f"{statistics.median(costs[kind, name]):.2f} ms of the server's CPU an image, ratio {_range(less)}"
        )


def _range(values: list[float]) -> str:
    return f"{statistics.median(values):.2f} ({min(values):.2f}-{max(values):.2f})"


def request_of(model: str, images: list[bytes] | None) -> bytes:
    """A request for one batch of PNG files; without them, of crops in float32."""
    request = message("PredictRequest")()
    request.model_spec.name = model
    if images is not None:
        tensor = request.inputs["image_bytes"]
        tensor.dtype = STRING
        tensor.tensor_shape.dim.add(size=SPEED_BATCH)
        tensor.string_val.extend(images[:SPEED_BATCH])
        return bytes(request.SerializeToString())
    request.model_spec.signature_name = "pixels"
    tensor, shape = request.inputs["pixels"], (SPEED_BATCH, SIDE_PX, SIDE_PX, 1)
    tensor.dtype = FLOAT
    for side in shape:
        tensor.tensor_shape.dim.add(size=side)
    tensor.tensor_content = np.random.default_rng(0).uniform(0, 1, shape).astype("<f4").tobytes()
    return bytes(request.SerializeToString())


def clients_per_second(asking: tuple[int, str, list[bytes] | None]) -> tuple[float, int]:
    """Images a second of CLIENTS threads that ask without pause, and how many images they asked for.

    Args:
        asking: port, model, and the images of `request_of`.
    """
    content, counts = request_of(*asking[1:]), [0] * CLIENTS
    until = time.monotonic() + SPEED_S

    def ask(number: int) -> None:
        options = [("grpc.max_send_message_length", -1), ("grpc.use_local_subchannel_pool", 1)]
        with grpc.insecure_channel(f"127.0.0.1:{asking[0]}", options) as channel:
            call = channel.unary_unary("/tensorflow.serving.PredictionService/Predict")
            while time.monotonic() < until:
                call(content, timeout=120)
                counts[number] += SPEED_BATCH

    return _together(ask, counts), sum(counts)


def _together(ask: Callable[[int], None], counts: list[int]) -> float:
    threads = [threading.Thread(target=ask, args=(number,)) for number in range(CLIENTS)]
    start = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / (time.monotonic() - start)


def crops() -> list[bytes]:
    """Smooth noise with grain, as PNG: about as large as crops of radiographs."""
    random = np.random.default_rng(0)
    rough = [cv2.resize(random.uniform(0, 255, (9, 9)), (SIDE_PX, SIDE_PX)) for _ in range(IMAGES)]
    grained = [np.clip(image + random.normal(0, 3, image.shape), 0, 255).astype(np.uint8) for image in rough]
    return [bytes(cv2.imencode(".png", image)[1]) for image in grained]


def publish(version: Path, path: Path) -> None:
    """Write beside and rename, as export does."""
    beside = path.with_name(f".{path.name}")
    shutil.copytree(version, beside)
    beside.rename(path)


def mixed(server: Served, target: Target, seconds: float, swaps: list[tuple[Path, Path]]) -> bool:
    """The load and its table: two loads to warm up, and a third, each with a swap.

    A swap holds two models for a moment, and the C library keeps some of the room of both; the first swaps are part of
    warming up.
    """
    memory, tallies = [], []
    for swap in swaps:
        timer = threading.Timer(seconds / 2, publish, swap)
        timer.start()
        tallies.append(load(target, seconds, CLIENTS))
        timer.join()
        wait_for_the_swap(target, swap[1])
        memory.append(server.rss_mib())
    growth, tally = memory[-1] / memory[-2] - 1, tallies[-1]
    failed, wrong = ([line for each in tallies for line in getattr(each, name)] for name in ("failed", "wrong"))
    print(
        f"mixed load, {CLIENTS} clients, batches 1-32, {seconds:.0f} s, one row in 20 unreadable, a swap in the middle"
    )
    print(f"  {tally.requests} requests, {tally.requests / seconds:.1f}/s, {tally.good_rows} good rows, "
          f"{tally.bad_rows} unreadable, versions {sorted(tally.versions)}")  # fmt: skip
    for api, times in tally.seconds.items():
        p50, p99 = np.percentile(times, [50, 99]) * 1000
        print(f"  {api}: {len(times)} requests, p50 {p50:.0f} ms, p99 {p99:.0f} ms")
    print(f"  failed {len(failed)}, wrong {len(wrong)}, memory {memory[-2]:.0f} → {memory[-1]:.0f} MiB ({growth:+.1%})")
    for line in [*failed[:5], *wrong[:5]]:
        print(f"    {line}")
    return not failed and not wrong and growth <= MAX_GROWTH


def wait_for_the_swap(target: Target, version: Path) -> None:
    """Until a version is the only one that is loaded; on a busy machine that takes a while."""
    while True:
        with urllib.request.urlopen(f"http://127.0.0.1:{target.rest_port}/v1/models/{target.model}") as response:
            found = json.load(response)["model_version_status"]
        if [each["version"] for each in found if each["state"] != "END"] == [version.name]:
            return
        time.sleep(0.1)


def speed(target: Target, version: Path, rounds: int) -> None:
    """Images a second at batch 32, in turns, so that a noisy machine is noisy for all."""
    import tensorflow as tf

    function = (loaded := tf.saved_model.load(str(version))).signatures["serving_default"]
    batch = tf.constant(target.images[:SPEED_BATCH])
    function(image_bytes=batch)
    found: dict[str, list[float]] = {"in process": [], "gRPC": [], "REST": []}
    for _ in range(rounds):
        found["in process"].append(in_process(function, batch))
        for api in GOALS:
            tally = load(target, SPEED_S, CLIENTS, (SPEED_BATCH,), (api,), bad_one_in=0)
            found[api].append(per_second(tally, api))
    del loaded
    base = statistics.median(found["in process"])
    print(f"images/s at batch {SPEED_BATCH}, median of {rounds} turns of {SPEED_S:.0f} s")
    for name, values in found.items():
        ratios = [value / reference for value, reference in zip(values, found["in process"], strict=True)]
        goal = f", goal {GOALS[name]}" if name in GOALS else ""
        value = statistics.median(values)
        print(
            f"  {name:10} {value:6.0f}  {value / base:.2f} of in process "
            f"(turns {min(ratios):.2f}-{max(ratios):.2f}{goal})"
        )


def in_process(function: object, batch: object) -> float:
    """Images a second of CLIENTS threads, as many as ask the server."""
    counts = [0] * CLIENTS
    until = time.monotonic() + SPEED_S

    def ask(number: int) -> None:
        while time.monotonic() < until:
            function(image_bytes=batch)["probabilities"].numpy()  # type: ignore[operator]
            counts[number] += SPEED_BATCH

    return _together(ask, counts)


def per_second(tally: Tally, api: str) -> float:
    """Images a second; CLIENTS threads asked all the time."""
    return tally.good_rows * CLIENTS / sum(tally.seconds[api])


if __name__ == "__main__":
    main()
