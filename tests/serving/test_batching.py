"""Dynamic batching with arithmetic in place of a model, and the parameters file."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from keras_cwp.errors import ServingError
from keras_cwp.runtime import cores
from keras_cwp.serving.bundle import BATCH_SIZES, write_bundle_files
from keras_cwp.serving.server.batching import Arrays, Batcher, overdue, result_within
from keras_cwp.serving.server.parameters import UNSTATED, BatchingParameters, read_parameters
from keras_cwp.serving.server.status import Code, Refused

SMALL = BatchingParameters(8, 20_000, 4, 1, (1, 2, 4, 8))


class Model:
    """Doubles its input; remembers what it was run with; can be held; refuses numbers below zero."""

    def __init__(self) -> None:
        self.runs: list[list[float]] = []
        self.free = threading.Event()
        self.free.set()
        self.begun = threading.Event()

    def __call__(self, inputs: Arrays) -> Arrays:
        self.begun.set()
        self.free.wait(20)
        self.runs.append(inputs["x"].tolist())
        if (inputs["x"] < 0).any():
            raise Refused(Code.INVALID_ARGUMENT, "below zero")
        return {"y": inputs["x"] * 2}


@contextmanager
def batching(parameters: BatchingParameters) -> Iterator[tuple[Model, Callable[..., Future[Arrays]]]]:
    batcher, model = Batcher(parameters), Model()

    def ask(*values: float, key: str = "a", seconds: float = 20) -> Future[Arrays]:
        return batcher.submit(key, model, {"x": np.array(values, np.float32)}, time.monotonic() + seconds)

    try:
        yield model, ask
    finally:
        model.free.set()
        batcher.close()


def test_what_arrives_together_runs_together_padded_to_an_allowed_size() -> None:
    with batching(SMALL) as (model, ask):
        futures = [ask(1), ask(2, 3), ask(4, 5)]
        assert [future.result(20)["y"].tolist() for future in futures] == [[2], [4, 6], [8, 10]]
        assert model.runs == [[1, 2, 3, 4, 5, 4, 4, 4]]  # the last request's first row fills it up


def test_a_full_batch_does_not_wait() -> None:
    with batching(replace(SMALL, batch_timeout_micros=10_000_000)) as (_, ask):
        assert ask(*range(8)).result(5)["y"].tolist() == [2 * value for value in range(8)]


def test_other_keys_and_shapes_run_apart() -> None:
    with batching(SMALL) as (model, ask):
        wait = [ask(1), ask(2, key="b")]
        assert [future.result(20)["y"].tolist() for future in wait] == [[2], [4]]
        assert sorted(model.runs) == [[1], [2]]


def test_a_request_that_fails_fails_alone() -> None:
    with batching(SMALL) as (_, ask):
        good, bad, other = ask(1), ask(-1), ask(2)
        assert (good.result(20)["y"].tolist(), other.result(20)["y"].tolist()) == ([2], [4])
        with pytest.raises(Refused, match="below zero"):
            bad.result(20)


def test_more_rows_than_a_batch_has() -> None:
    with batching(SMALL) as (_, ask), pytest.raises(Refused, match="Task size 9 is larger than maximum input batch si"):
        ask(*range(9))


def test_large_requests_are_split_where_the_file_says_so() -> None:
    split = replace(SMALL, max_batch_size=100, enable_large_batch_splitting=True, max_execution_batch_size=8)
    with batching(split) as (model, ask):
        assert ask(*range(21)).result(20)["y"].tolist() == [2 * value for value in range(21)]
        assert [len(run) for run in model.runs] == [8, 8, 8]  # the last of them padded from 5
        with pytest.raises(Refused, match="below zero"):
            ask(*range(10), -1).result(20)


def test_a_full_queue_refuses_at_once() -> None:
    with batching(SMALL) as (model, ask):
        model.free.clear()
        running = ask(*range(8))
        assert model.begun.wait(20)
        waiting = [ask(*range(8)) for _ in range(4)]
        with pytest.raises(
            Refused, match="is full; currently 4 batches enqueued and max_enqueued_batches is 4"
        ) as full:
            ask(1)
        assert full.value.code is Code.UNAVAILABLE
        model.free.set()
        assert all(len(future.result(20)["y"]) == 8 for future in [running, *waiting])


def test_what_waits_longer_than_it_may_is_not_run() -> None:
    with batching(SMALL) as (model, ask):
        model.free.clear()
        first = ask(*range(8))
        assert model.begun.wait(20)
        late, cancelled = ask(1, seconds=0.0), ask(2)
        with pytest.raises(Refused, match="timeout exceeded while waiting in batching queue"):
            result_within(cancelled, 0.01)
        running = overdue(first)
        assert running.code is Code.DEADLINE_EXCEEDED
        model.free.set()
        with pytest.raises(Refused, match="timeout exceeded while waiting in batching queue") as refusal:
            late.result(20)
        assert refusal.value.code is Code.RESOURCE_EXHAUSTED
        first.result(20)
    assert len(model.runs) == 1


def test_close_answers_what_waits_and_takes_no_more() -> None:
    batcher, model = Batcher(replace(SMALL, batch_timeout_micros=10_000_000)), Model()
    future = batcher.submit("a", model, {"x": np.ones(1)}, time.monotonic() + 20)
    batcher.close()
    assert future.result(0)["y"].tolist() == [2]
    with pytest.raises(Refused, match="The server is stopping"):
        batcher.submit("a", model, {"x": np.ones(1)}, 0)


def test_outputs_with_another_number_of_rows_are_refused() -> None:
    batcher = Batcher(SMALL)
    future = batcher.submit("a", lambda _: {"y": np.ones(3)}, {"x": np.ones(2)}, time.monotonic() + 20)
    with pytest.raises(Refused, match="Batched output tensor's 0th dimension does not equal"):
        future.result(20)
    batcher.close()


def test_many_threads_get_their_own_rows() -> None:
    with batching(replace(SMALL, batch_timeout_micros=500, num_batch_threads=3, max_enqueued_batches=10_000)) as (
        _,
        ask,
    ):
        wrong = []

        def client(seed: int) -> None:
            random = np.random.default_rng(seed)
            for _ in range(50):
                values = random.integers(1, 1000, random.integers(1, 9)).astype(float)
                if ask(*values).result(20)["y"].tolist() != (2 * values).tolist():
                    wrong.append(values)

        threads = [threading.Thread(target=client, args=(seed,)) for seed in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not wrong


def test_the_file_of_a_bundle(tmp_path: Path) -> None:
    write_bundle_files(tmp_path / "cwp")
    found = read_parameters(tmp_path / "cwp" / "batching_parameters.txt")
    assert found == BatchingParameters(32, 2000, 64, 0, BATCH_SIZES)
    assert found.threads == cores() + 1
    assert replace(found, num_batch_threads=2).threads == 2
    assert [found.padded(rows) for rows in (1, 3, 32)] == [1, 4, 32]
    assert UNSTATED.run_rows == 32


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("max_batch_size: 3", "Expected"),
        ("batch_size { value: 3 }", "no field named"),
        ("max_batch_size { value: 0 }", "sizes and counts have to be positive"),
        ("batch_timeout_micros { value: -1 }", "batch_timeout_micros is -1"),
        ("max_batch_size { value: 8 } allowed_batch_sizes: 4 allowed_batch_sizes: 2", "have to ascend and end with 8"),
        ("max_batch_size { value: 8 } allowed_batch_sizes: 4", "have to ascend and end with 8"),
    ],
)
def test_files_that_tensorflow_serving_would_refuse(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "p.txt").write_text(text)
    with pytest.raises(ServingError, match=rf"batching parameters .*p\.txt: .*{message}"):
        read_parameters(tmp_path / "p.txt")
    with pytest.raises(ServingError, match="No such file"):
        read_parameters(tmp_path / "nowhere.txt")


def test_splitting_asks_for_sizes_up_to_that_of_a_run(tmp_path: Path) -> None:
    (tmp_path / "p.txt").write_text(
        "max_batch_size { value: 64 } enable_large_batch_splitting { value: true } thread_pool_name { value: 'x' } "
        "max_execution_batch_size { value: 4 } allowed_batch_sizes: 2 allowed_batch_sizes: 4"
    )
    assert read_parameters(tmp_path / "p.txt").run_rows == 4
