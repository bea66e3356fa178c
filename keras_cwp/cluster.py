"""A Ray cluster: how to reach it, and work for an actor on each core or GPU of it. Needs the extra `cluster`."""

from __future__ import annotations

import contextlib
import logging
import os
import pickle
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from keras_cwp.errors import CwpError, RunError
from keras_cwp.runtime import install_command

_Work = Callable[[Any], Any]


def cluster_address(cluster: str, name: str = "cluster") -> str:
    """The address in `ray` or `ray:ADDRESS`; "" of the former.

    Args:
        name: of the option, for the message.

    Raises:
        CwpError: another kind of cluster.
    """
    kind, _, address = cluster.partition(":")
    if kind != "ray":
        raise CwpError(f"{name} {cluster}: expected ray, or ray:ADDRESS")
    return address


def import_ray() -> Any:
    """The module `ray`.

    Raises:
        CwpError: Ray is not installed.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # it would report to its makers
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # work without GPUs leaves their variables be
    os.environ.setdefault(
        "RAY_BACKEND_LOG_LEVEL", "fatal"
    )  # its C++ part warns on standard error of what Ray Data does
    try:
        import ray
    except ImportError:
        raise CwpError(f"--cluster ray: Ray is not installed; {install_command('cluster')}") from None
    return ray


def import_ray_data() -> Any:
    """The module `ray` with `ray.data`, which needs PyArrow and pandas.

    Raises:
        CwpError: Ray, or what Ray Data needs, is not installed.
    """
    ray = import_ray()
    try:
        import ray.data
    except ImportError:
        raise CwpError(f"--cluster ray: Ray Data is not installed; {install_command('cluster')}") from None
    return ray


@contextlib.contextmanager
def connected(ray: Any, address: str) -> Iterator[None]:
    """A connection to the cluster; one that stood before the block stays after it.

    Args:
        address: HOST:PORT, auto, ray://HOST:PORT; "" starts a cluster on this machine.

    Raises:
        RunError: no such cluster.
    """
    if ray.is_initialized():
        yield
        return
    try:
        ray.init(address=address or "local", log_to_driver=False, configure_logging=False)
    except Exception as error:  # a node that is too slow to start is a plain one
        raise RunError(f"--cluster ray:{address}: cannot be reached: {' '.join(str(error).split())}") from None
    try:
        yield
    finally:
        ray.shutdown()


def on_actors(
    tasks: Sequence[Any],
    begin: Callable[..., _Work],
    arguments: tuple[Any, ...],
    address: str,
    *,
    gpus: bool = False,
    ordered: bool = False,
) -> Iterator[tuple[int, Any]]:
    """Do tasks by Ray Data's `map_batches`, on one actor a core, or a GPU; nodes need this package.

    Ray Data holds no more answers than its object store has room for. A task whose worker or node is lost is done
    again, as often as that happens.

    Args:
        tasks: each is sent to an actor by itself.
        begin: called once an actor with `arguments`; what it returns is called with each task.
        gpus: use one actor a GPU, where the cluster has any.
        ordered: yield answers in the order of the tasks.

    Yields:
        The number of a task, and its answer, as soon as it comes.

    Raises:
        CwpError: Ray is not installed; or what a task raised.
        RunError: no such cluster, or nodes on which no actor can begin.
    """
    if not tasks:
        return
    ray = import_ray_data()
    with connected(ray, address), _quiet_data(ray, ordered):
        resources, actors = _actors(ray, gpus)
        rows = [{"number": number, "task": pickle.dumps(task)} for number, task in enumerate(tasks)]
        answers = ray.data.from_items(rows, override_num_blocks=len(rows)).map_batches(
            _Actor,
            batch_size=1,
            compute=ray.data.ActorPoolStrategy(size=min(actors, len(rows))),
            fn_constructor_args=(begin, arguments),
            **resources,
        )
        for row in _rows(ray, answers):
            answer = pickle.loads(row["answer"])
            if isinstance(answer, CwpError):
                raise answer
            yield int(row["number"]), answer


class _Actor:
    """What Ray Data calls with batches of one row."""

    def __init__(self, begin: Callable[..., _Work], arguments: tuple[Any, ...]) -> None:
        self._failed: CwpError | None = None
        try:
            self._work = begin(*arguments)
        except CwpError as error:  # Ray would begin an actor again whose __init__ fails
            self._failed = error

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        return {"number": batch["number"], "answer": [pickle.dumps(self._answer(batch["task"][0]))]}

    def _answer(self, task: bytes) -> Any:
        if self._failed is not None:
            return self._failed
        try:
            return self._work(pickle.loads(task))
        except CwpError as error:
            return type(error)(*error.args)  # without the traceback's frames


def _actors(ray: Any, gpus: bool) -> tuple[dict[str, float], int]:
    """What an actor takes of a node, and how many the cluster has room for."""
    found = ray.cluster_resources()
    if gpus and found.get("GPU", 0) >= 1:
        return {"num_gpus": 1}, int(found["GPU"])
    return {"num_cpus": 1}, max(int(found.get("CPU", 1)), 1)


@contextlib.contextmanager
def _quiet_data(ray: Any, ordered: bool) -> Iterator[None]:
    """Ray Data without its bars and log, and with answers in order or as they come."""
    context, log = ray.data.DataContext.get_current(), logging.getLogger("ray.data")
    level, bars, order = log.level, context.enable_progress_bars, context.execution_options.preserve_order
    log.setLevel(logging.CRITICAL)  # an error is raised too
    context.enable_progress_bars, context.execution_options.preserve_order = False, ordered
    try:
        yield
    finally:
        log.setLevel(level)
        context.enable_progress_bars, context.execution_options.preserve_order = bars, order


def _rows(ray: Any, answers: Any) -> Iterator[dict[str, Any]]:
    try:
        yield from answers.iter_rows()
    except ray.exceptions.RayError as error:
        reason = str(error).strip().split("\n")[-1]
        raise RunError(
            f"--cluster ray: a node could not do its part ({reason}); is keras_cwp installed on each node? The same "
            "command continues"
        ) from None
