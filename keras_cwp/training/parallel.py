"""Folds in several processes of one machine, with the Scores that one process would give."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool

from keras_cwp.errors import RunError
from keras_cwp.runtime import start_child
from keras_cwp.training.fold import FoldJob, run_fold


def in_processes(
    jobs: Sequence[FoldJob],
    done: Callable[[FoldJob], None],
    processes: int,
    work: Callable[[FoldJob], None] = run_fold,
) -> None:
    """Run folds in processes that are spawned, for a fork of TensorFlow's threads can hang.

    Each divides its operations among as many threads as a lone process would, since that number decides the last
    digits of a sum; set `train.threads` to cores / processes, for any number of processes, to have them not compete.

    Args:
        work: what is run for each job; leaves its result in files.

    Raises:
        RunError: a process was killed.
        CwpError: what a fold raised; folds that had begun are finished first.
    """
    if not jobs:
        return
    context = multiprocessing.get_context("spawn")
    threads = jobs[0].config.train.threads
    count = min(processes, len(jobs))
    with ProcessPoolExecutor(count, mp_context=context, initializer=start_child, initargs=(threads,)) as pool:
        futures = {pool.submit(work, job): job for job in jobs}
        try:
            for future in as_completed(futures):
                future.result()
                done(futures[future])
        except BrokenProcessPool:
            raise RunError(
                "a process that trained a fold was killed, perhaps for lack of memory; the same command continues, "
                "with fewer --jobs if need be"
            ) from None
        finally:
            pool.shutdown(cancel_futures=True)
