"""Folds as tasks of a Ray cluster, with the Scores that one process would give. Needs the extra `cluster`."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from keras_cwp.cluster import connected, import_ray
from keras_cwp.errors import CwpError, RunError
from keras_cwp.files import write_bytes
from keras_cwp.runtime import cores, import_tensorflow, leave_out_optional_imports, use_threads
from keras_cwp.training.fold import FoldJob, run_fold

RETRIES = 3  # times that a fold is begun again, or continued, when its worker or node is lost
_MARK = "run.json"  # a node that has the driver's copy of it shares the RUN folder
_LAST = "scores.csv"  # of a fold: written last, for it says that the fold is done


def on_ray(
    jobs: Sequence[FoldJob],
    done: Callable[[FoldJob], None],
    address: str = "",
    cpus: int | None = None,
    gpus: float = 0,
    work: Callable[[FoldJob], None] = run_fold,
) -> None:
    """Run folds as Ray tasks. Nodes need this package, and the data set at the same path.

    Where nodes share the RUN folder, a fold whose worker is lost goes on from its last epoch; elsewhere it starts
    again, and its files come back when it ends. Operations are divided among `train.threads` threads on each
    node, or as many as this machine has cores: that number decides the last digits of a sum.

    Args:
        address: of the cluster (HOST:PORT, auto, ray://HOST:PORT); "" starts one on this machine.
        cpus, gpus: of a node that each fold takes; cpus None: as many as threads.

    Raises:
        RunError: no such cluster, or a fold that lost its worker more than RETRIES times.
        CwpError: Ray is not installed; what a fold raised.
    """
    if not jobs:
        return
    ray = import_ray()
    threads = jobs[0].config.train.threads or cores()
    with connected(ray, address):
        task = ray.remote(num_cpus=cpus or threads, num_gpus=gpus, max_retries=RETRIES)(fold_on_node)
        waiting = {task.remote(job, _mark(job), threads, work): job for job in jobs}
        while waiting:
            for reference in ray.wait(list(waiting))[0]:
                job = waiting.pop(reference)
                unpack(job, _answer(ray, reference, job))
                done(job)


def fold_on_node(job: FoldJob, mark: str, threads: int, work: Callable[[FoldJob], None]) -> dict[str, bytes]:
    """Run a fold on whatever machine this is.

    Args:
        mark: run.json of the RUN folder, to see whether the folder at that path is the same one.

    Returns:
        Files of the fold by name below its folder; none where the RUN folder is shared.
    """
    leave_out_optional_imports()  # the worker is this job's own process
    import_tensorflow()
    use_threads(threads)
    if (job.run / _MARK).is_file() and _mark(job) == mark:
        work(job)
        return {}
    with tempfile.TemporaryDirectory(prefix="keras_cwp_") as folder:
        own = replace(job, run=Path(folder))
        work(own)
        files = sorted(path for path in own.folder.rglob("*") if path.is_file())
        return {path.relative_to(own.folder).as_posix(): path.read_bytes() for path in files}


def _mark(job: FoldJob) -> str:
    return (job.run / _MARK).read_text(encoding="utf-8")


def unpack(job: FoldJob, files: dict[str, bytes]) -> None:
    """Put a fold's files where they would be had it run here.

    Raises:
        RunError: a name that leads out of the fold's folder.
    """
    for name in sorted(files, key=lambda name: name == _LAST):
        path = job.folder / name
        if not path.resolve().is_relative_to(job.folder.resolve()):
            raise RunError(f"fold {job.fold}: a worker sent the file {name!r}, which leads out of {job.folder}")
        write_bytes(path, files[name])


def _answer(ray: Any, reference: Any, job: FoldJob) -> dict[str, bytes]:
    try:
        return ray.get(reference)
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, CwpError):
            raise type(error.cause)(str(error.cause)) from None
        if isinstance(error.cause, ray.exceptions.RayError):
            reason = str(error.cause).strip().split("\n")[-1]
            raise RunError(
                f"fold {job.fold}: a node could not begin it ({reason}); is keras_cwp installed there?"
            ) from None
        raise
    except ray.exceptions.RayError as error:
        reason = str(error).strip().split("\n")[0]
        raise RunError(
            f"fold {job.fold}: lost its worker {RETRIES + 1} times ({reason}); the same command continues"
        ) from None
