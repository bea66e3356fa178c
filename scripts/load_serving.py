"""Saturate a server over REST and gRPC, swap a version in, compare every answer with the offline one; then its speed.

python scripts/load_serving.py saved_models/NAME [--engine auto] [--seconds 60] [--rounds 3]
python scripts/load_serving.py saved_models/NAME --swaps 10 --seconds 10 --rounds 0    # memory over ten swaps

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
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import numpy as np  # noqa: E402 - the path comes first
from support.serving_load import Tally, Target, crops, load, offline, together  # noqa: E402
from support.serving_process import Served, served  # noqa: E402

CLIENTS = 4
SPEED_BATCH, SPEED_S = 32, 4.0
GOALS = {"gRPC": 0.8, "REST": 0.5}  # of the images a second of the SavedModel in process
WARM_UPS, MAX_GROWTH = 2, 0.02
PATIENCE_S = 600.0  # for a version to be loaded, or unloaded


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="saved_models/NAME")
    parser.add_argument("--engine", default="auto", choices=["auto", "tensorflow", "onnx"])
    parser.add_argument("--seconds", type=float, default=60.0, help="of each load with a swap")
    parser.add_argument("--swaps", type=int, default=1, help="loads that are counted, after two to warm up")
    parser.add_argument("--rounds", type=int, default=3, help="of the tables of speed")
    given = parser.parse_args()
    if given.swaps < 1:
        parser.error("--swaps: at least 1 load is counted")
    loaded(given)


def loaded(given: argparse.Namespace) -> None:
    """The loads with swaps, and the table of speed."""
    source = given.folder.resolve()
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
        last = 1 + WARM_UPS + given.swaps
        expected = {number: answers[1 - number % 2] for number in range(1, last + 1)}
        with served(model, "--engine", given.engine) as server:
            target = Target(server.rest_port, server.grpc_port, source.name, images, expected)
            swaps = [((first, second)[1 - number % 2], model / str(number)) for number in range(2, last + 1)]
            good = mixed(server, target, given.seconds, swaps)
        if given.rounds:
            with served(model, "--engine", given.engine) as server:
                target = Target(server.rest_port, server.grpc_port, source.name, images, expected)
                speed(target, model / str(last), given.rounds)
    sys.exit(0 if good else "rows failed or were wrong, or memory grew")


def publish(version: Path, path: Path) -> None:
    """Write beside and rename, as export does."""
    beside = path.with_name(f".{path.name}")
    shutil.copytree(version, beside)
    beside.rename(path)


def mixed(server: Served, target: Target, seconds: float, swaps: list[tuple[Path, Path]]) -> bool:
    """The loads, each with a swap, and their table: WARM_UPS of them first, then those that count.

    A swap holds two models for a moment, and the C library keeps some of the room of both; the first swaps are part of
    warming up.
    """
    memory, tallies, ready = [], [], []
    for source, version in swaps:
        tally, waited = load_with_swap(target, seconds, source, version)
        tallies.append(tally)
        ready.append(waited)
        memory.append(server.rss_mib())
    before, after = memory[WARM_UPS - 1], memory[-1]
    growth, counted = after / before - 1, tallies[WARM_UPS:]
    failed, wrong = ([line for each in tallies for line in getattr(each, name)] for name in ("failed", "wrong"))
    requests, good, bad = (
        sum(getattr(each, name) for each in counted) for name in ("requests", "good_rows", "bad_rows")
    )
    print(
        f"mixed load, {CLIENTS} clients, batches 1-32, {len(counted)} x {seconds:.0f} s, one row in 20 unreadable, "
        "a swap in the middle of each"
    )
    print(f"  {requests} requests, {requests / seconds / len(counted):.1f}/s, {good} good rows, {bad} unreadable, "
          f"versions {sorted(set().union(*(each.versions for each in counted)))}")  # fmt: skip
    for api in GOALS:
        times = [value for each in counted for value in each.seconds[api]]
        p50, p99 = np.percentile(times, [50, 99]) * 1000
        print(f"  {api}: {len(times)} requests, p50 {p50:.0f} ms, p99 {p99:.0f} ms")
    steps = " ".join(f"{value:.0f}" for value in memory)
    print(f"  failed {len(failed)}, wrong {len(wrong)}, memory {before:.0f} → {after:.0f} MiB ({growth:+.1%}): {steps}")
    print("  seconds from the publication of a version until it answered: " + " ".join(f"{each:.0f}" for each in ready))
    for line in [*failed[:5], *wrong[:5]]:
        print(f"    {line}")
    return not failed and not wrong and growth <= MAX_GROWTH


def load_with_swap(target: Target, seconds: float, source: Path, version: Path) -> tuple[Tally, float]:
    """A load in whose middle a version is published; also the seconds until that version answered."""
    waited = 0.0

    def swap_in() -> None:
        nonlocal waited
        publish(source, version)
        start = time.monotonic()
        wait_for(target, lambda states: states.get(version.name) == "AVAILABLE")
        waited = time.monotonic() - start

    timer = threading.Timer(seconds / 2, swap_in)
    timer.start()
    tally = load(target, seconds, CLIENTS)
    timer.join()
    wait_for(target, lambda states: all(state == "END" for name, state in states.items() if name != version.name))
    return tally, waited


def wait_for(target: Target, wanted: Callable[[dict[str, str]], bool]) -> None:
    """Until the states of the versions, by number, are as wanted; on a busy machine that takes a while.

    Raises:
        TimeoutError: they are not after PATIENCE_S.
    """
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        with urllib.request.urlopen(f"http://127.0.0.1:{target.rest_port}/v1/models/{target.model}") as response:
            found = json.load(response)["model_version_status"]
        if wanted({each["version"]: each["state"] for each in found}):
            return
        time.sleep(0.1)
    raise TimeoutError(f"versions of {target.model} after {PATIENCE_S:.0f} s: {found}")


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

    return together(ask, counts)


def per_second(tally: Tally, api: str) -> float:
    """Images a second; CLIENTS threads asked all the time."""
    return tally.good_rows * CLIENTS / sum(tally.seconds[api])


if __name__ == "__main__":
    main()
