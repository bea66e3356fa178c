"""Dynamic batching: requests that arrive together are run together, and fail apart."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from keras_cwp.serving.server.parameters import BatchingParameters
from keras_cwp.serving.server.status import Code, Refused, invalid

Arrays = dict[str, np.ndarray]
WAITED_TOO_LONG = "Run() timeout exceeded while waiting in batching queue"
_IDLE_S = 60.0  # a thread without work looks up that often


@dataclass(eq=False)
class _Task:
    inputs: Arrays
    rows: int
    deadline: float
    future: Future[Arrays] = field(default_factory=Future)
    arrived: float = field(default_factory=time.monotonic)


@dataclass(eq=False)
class _Batch:
    run: Callable[[Arrays], Arrays]
    tasks: list[_Task] = field(default_factory=list)
    rows: int = 0


class Batcher:
    """Queues and the threads that empty them.

    Args:
        parameters: see there.
        name: of the threads.
    """

    def __init__(self, parameters: BatchingParameters, name: str = "batch") -> None:
        self.parameters = parameters
        self._changed = threading.Condition()
        self._queues: dict[Any, deque[_Batch]] = {}
        self._closed = False
        self._threads = [
            threading.Thread(target=self._work, name=f"{name}-{number}", daemon=True)
            for number in range(parameters.threads)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, key: Any, run: Callable[[Arrays], Arrays], inputs: Arrays, deadline: float) -> Future[Arrays]:
        """Queue a request.

        Args:
            key: requests with the same key and the same shapes are run together.
            run: arrays by name, each [B, ...] → arrays by name, each [B, ...].
            inputs: arrays by name, all with the same number of rows.
            deadline: time.monotonic() after which it need not be run any more.

        Returns:
            The request's own rows of the outputs. It fails with Refused, or with what `run` raised.

        Raises:
            Refused: more rows than a batch may have, the queue is full, or the server stops.
        """
        rows = len(next(iter(inputs.values())))
        limit = self.parameters.max_batch_size
        if rows > limit:
            raise invalid(f"Task size {rows} is larger than maximum input batch size {limit}")
        step = self.parameters.run_rows
        starts = range(0, max(rows, 1), step)
        parts = [{name: value[start : start + step] for name, value in inputs.items()} for start in starts]
        tasks = [_Task(part, min(step, rows - start), deadline) for part, start in zip(parts, starts, strict=True)]
        shapes = tuple((name, inputs[name].shape[1:], inputs[name].dtype.str) for name in sorted(inputs))
        with self._changed:
            self._enqueue((key, shapes), run, tasks)
            self._changed.notify(len(tasks))
        return tasks[0].future if len(tasks) == 1 else _joined([task.future for task in tasks])

    def close(self) -> None:
        """Run what waits, then stop."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def waiting(self) -> int:
        """Batches that wait."""
        with self._changed:
            return sum(map(len, self._queues.values()))

    def _enqueue(self, key: Any, run: Callable[[Arrays], Arrays], tasks: list[_Task]) -> None:
        if self._closed:
            raise Refused(Code.UNAVAILABLE, "The server is stopping")
        queue, size = self._queues.get(key, deque()), self.parameters.run_rows
        open_rows = queue[-1].rows if queue else size
        needed = sum(1 for task in tasks[1:]) + (open_rows + tasks[0].rows > size)
        waiting = sum(map(len, self._queues.values()))
        if waiting + needed > self.parameters.max_enqueued_batches:
            raise Refused(
                Code.UNAVAILABLE,
                f"The batch scheduling queue to which this task was submitted is full; currently {waiting} batches "
                f"enqueued and max_enqueued_batches is {self.parameters.max_enqueued_batches}",
            )
        for task in tasks:
            if not queue or queue[-1].rows + task.rows > size:
                queue.append(_Batch(run))
            queue[-1].tasks.append(task)
            queue[-1].rows += task.rows
        self._queues[key] = queue

    def _work(self) -> None:
        while True:
            with self._changed:
                batch = self._next()
                while batch is None:
                    if self._closed and not self._queues:
                        return
                    self._changed.wait(self._wait_s())
                    batch = self._next()
            self._run(batch)
            del batch  # or it would be held while the thread waits

    def _next(self) -> _Batch | None:
        """The batch that waited longest of those that are full or waited long enough."""
        ready = [key for key, queue in self._queues.items() if self._ready_at(queue) <= time.monotonic()]
        if not ready:
            return None
        key = min(ready, key=lambda each: self._queues[each][0].tasks[0].arrived)
        batch = self._queues[key].popleft()
        if not self._queues[key]:
            del self._queues[key]
        return batch

    def _ready_at(self, queue: deque[_Batch]) -> float:
        if self._closed or len(queue) > 1 or queue[0].rows >= self.parameters.run_rows:
            return 0.0
        return queue[0].tasks[0].arrived + self.parameters.batch_timeout_micros * 1e-6

    def _wait_s(self) -> float:
        soonest = min((self._ready_at(queue) for queue in self._queues.values()), default=None)
        return _IDLE_S if soonest is None else max(0.0, soonest - time.monotonic())

    def _run(self, batch: _Batch) -> None:
        tasks = [task for task in batch.tasks if _still_wanted(task)]
        if not tasks:
            return
        try:
            answers = self._together(batch.run, tasks)
        except Exception as error:  # whatever it is, it belongs to the requests, not to this thread
            if len(tasks) == 1:
                tasks[0].future.set_exception(error)
            for task in tasks if len(tasks) > 1 else []:
                self._alone(batch.run, task)
            return
        for task, answer in zip(tasks, answers, strict=True):
            task.future.set_result(answer)

    def _alone(self, run: Callable[[Arrays], Arrays], task: _Task) -> None:
        """Run one request of a batch that failed, for the fault may be a neighbour's."""
        try:
            task.future.set_result(self._together(run, [task])[0])
        except Exception as error:
            task.future.set_exception(error)

    def _together(self, run: Callable[[Arrays], Arrays], tasks: list[_Task]) -> list[Arrays]:
        rows = sum(task.rows for task in tasks)
        padding = self.parameters.padded(rows) - rows if rows else 0
        inputs = {name: _stacked([task.inputs[name] for task in tasks], padding) for name in tasks[0].inputs}
        outputs = run(inputs)
        wrong = [name for name, value in outputs.items() if value.shape[:1] != (rows + padding,)]
        if wrong:
            raise Refused(
                Code.FAILED_PRECONDITION,
                f"Batched output tensor's 0th dimension does not equal the sum of the 0th dimension sizes of the "
                f"input tensors: {wrong[0]}",
            )
        ends = np.cumsum([task.rows for task in tasks]).tolist()
        return [
            {name: value[end - task.rows : end] for name, value in outputs.items()}
            for task, end in zip(tasks, ends, strict=True)
        ]


def result_within(future: Future[Arrays], seconds: float) -> Arrays:
    """Wait for an answer.

    Raises:
        Refused: it did not come; RESOURCE_EXHAUSTED while it still waited, else DEADLINE_EXCEEDED.
    """
    try:
        return future.result(seconds)
    except FutureTimeoutError:  # another class than TimeoutError before Python 3.11
        raise overdue(future) from None


def overdue(future: Future[Arrays]) -> Refused:
    """What to say of a request whose time is up; it is not run any more if it still waits."""
    if future.cancel():
        return Refused(Code.RESOURCE_EXHAUSTED, WAITED_TOO_LONG)
    return Refused(Code.DEADLINE_EXCEEDED, "Run() timeout exceeded")


def _still_wanted(task: _Task) -> bool:
    if not task.future.set_running_or_notify_cancel():
        return False
    if time.monotonic() > task.deadline:
        task.future.set_exception(Refused(Code.RESOURCE_EXHAUSTED, WAITED_TOO_LONG))
        return False
    return True


def _stacked(parts: list[np.ndarray], padding: int) -> np.ndarray:
    """Rows of all parts; padding repeats the last part's first row, as TensorFlow Serving does."""
    if padding:
        parts = [*parts, np.repeat(parts[-1][:1], padding, axis=0)]
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _joined(parts: list[Future[Arrays]]) -> Future[Arrays]:
    """One future of the parts of a request that was split."""
    whole: Future[Arrays] = Future()
    lock, left = threading.Lock(), [len(parts)]

    def part_done(_: Future[Arrays]) -> None:
        with lock:
            left[0] -= 1
        if left[0] or not whole.set_running_or_notify_cancel():
            return
        try:
            answers = [part.result() for part in parts]
            whole.set_result({name: np.concatenate([each[name] for each in answers]) for name in answers[0]})
        except Exception as error:
            whole.set_exception(error)

    def pass_on(done: Future[Arrays]) -> None:
        for part in parts if done.cancelled() else []:
            part.cancel()

    whole.add_done_callback(pass_on)
    for part in parts:
        part.add_done_callback(part_done)
    return whole
