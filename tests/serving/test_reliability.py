"""Short forms of scripts/load_serving.py and scripts/fuzz_serving.py."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path

import pytest
from support.fuzz_requests import KINDS, RequestFuzzer
from support.serving_helpers import start, wait_until
from support.serving_load import Target, load, offline


def test_mixed_load_through_a_swap_fails_nothing_and_answers_nothing_wrong(
    stub: Path, stub_2: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "stub"
    shutil.copytree(stub, folder)
    (folder / "batching_parameters.txt").write_text("max_batch_size { value: 32 } batch_timeout_micros { value: 500 }")
    images = [b"x" * (1 + 3 * number) for number in range(100)]
    expected = {1: offline(folder / "1", images), 2: offline(stub_2, images)}
    with start([folder]) as running:
        target = Target(running.server.rest_port, running.server.grpc_port, "stub", images, expected)

        def swap() -> None:
            shutil.copytree(stub_2, tmp_path / ".2")
            (tmp_path / ".2").rename(folder / "2")

        timer = threading.Timer(0.7, swap)
        timer.start()
        tally = load(target, 2.5, clients=4)
        timer.join()
    assert (tally.failed, tally.wrong) == ([], [])
    assert tally.versions == {1, 2}
    assert min(len(tally.seconds["REST"]), len(tally.seconds["gRPC"])) > 10
    assert tally.bad_rows > 0


def test_the_comparison_notices_a_wrong_row(stub: Path) -> None:
    images = [b"x" * (1 + 3 * number) for number in range(10)]
    with start([stub]) as running:
        wrong = {1: offline(stub / "1", images)[::-1]}
        target = Target(running.server.rest_port, running.server.grpc_port, "stub", images, wrong)
        tally = load(target, 0.3, clients=2, batches=(8,))
    assert len(tally.wrong) == tally.requests > 0


@pytest.mark.parametrize("kind", KINDS)
def test_malformed_requests_are_refused_and_hurt_nobody(kind: str, stub: Path) -> None:
    with start([stub], timeout_s=2.0) as running:
        fuzzer = RequestFuzzer(running.server.rest_port, running.server.grpc_port, "stub", seed=KINDS.index(kind))
        before = fuzzer.good(tries=5)
        for _ in range(60):
            fuzzer.try_once(kind)
        assert fuzzer.good() == before
        fuzzer.close()
        wait_until(lambda: running.server._versions.status("stub")[0].users == 0)
    assert fuzzer.answered > 30
