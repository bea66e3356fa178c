"""Start a process with TensorFlow: its messages, memory, threads and worker processes."""

from __future__ import annotations

import contextlib
import ctypes
import multiprocessing
import os
import sys
import threading
from collections.abc import Iterator, Sequence

from keras_cwp.errors import RunError

# What TensorFlow and Keras import if it is there, for parts of theirs that no command uses: 3 s of CPU of 7 in all.
_OPTIONAL = ("IPython", "jax", "matplotlib", "pandas", "sklearn")
_own_cores: int | None = None  # that `use_cores` stated
_left_out: list[str] = []  # of _OPTIONAL, while this process imports TensorFlow


def leave_out_optional_imports() -> None:
    """Have `import_tensorflow` spare what it can; for a process that is a command of ours.

    Keras then has no scikit-learn wrappers and takes no tables of pandas. A user's own process is left as it is.
    """
    _left_out[:] = _OPTIONAL


@contextlib.contextmanager
def _without(names: Sequence[str]) -> Iterator[None]:
    """Modules that were not imported yet cannot be while the block runs, as if they were not installed."""
    hidden = [name for name in names if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]  # None is how Python marks them
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]


def install_command(extra: str) -> str:
    """The command that installs what an extra of setup.cfg names; it works in a checkout and with a wheel alike."""
    import importlib.metadata  # 30 ms, which --help need not take
    import re
    import shlex

    try:
        listed = importlib.metadata.requires("keras_cwp") or []
    except importlib.metadata.PackageNotFoundError:
        listed = []
    names = [line.partition(";")[0].strip() for line in listed if re.search(rf"extra == ['\"]{extra}['\"]", line)]
    return f"pip install {' '.join(map(shlex.quote, names)) or shlex.quote(f'.[{extra}]')}"


def quiet_tensorflow() -> None:
    """Settings that TensorFlow reads when it is imported; those that the environment has stay."""
    # TensorFlow leaves oneDNN off on some processors, where a training step then takes up to three times as long
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # its start-up notes are no news to the user


def import_tensorflow(keep_memory: bool = True) -> None:
    """Import it, and look for GPUs, with the process's standard error turned away.

    TensorFlow's C++ part tells every user without a GPU so, on lines that no setting silences: they are
    written before its log is set up. An error in the import is a Python exception and is not lost.

    Args:
        keep_memory: see `keep_freed_memory`; not for what runs for months, which gets `share_two_heaps`.
    """
    quiet_tensorflow()
    if keep_memory:
        keep_freed_memory()
    else:
        share_two_heaps()
    if "tensorflow" in sys.modules:
        return
    sys.stderr.flush()
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        with _without(_left_out):
            import tensorflow as tf

            tf.config.list_physical_devices()
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


@contextlib.contextmanager
def errors_of_tensorflow_only() -> Iterator[None]:
    """Without the advice and notes of its Python part, which it prints in a notebook, and some everywhere."""
    import logging

    import tensorflow as tf

    logger = tf.get_logger()
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def keep_freed_memory() -> None:
    """Have glibc keep what it frees: training steps, like radiographs in a row, ask for the same large blocks again.

    By default each goes back to the kernel, to be faulted in and cleared anew: a fifth of a training step's CPU time in
    a profile. One arena, because those of further threads cannot hold large blocks. Does nothing where the C library
    is another.
    """
    arena_max, mmap_threshold, trim_threshold = -8, -3, -1  # the parameters' numbers in malloc.h
    with contextlib.suppress(OSError, AttributeError):
        libc = ctypes.CDLL("libc.so.6")
        libc.mallopt(arena_max, 1)
        libc.mallopt(mmap_threshold, 2**30)
        libc.mallopt(trim_threshold, 2**31 - 1)


def give_large_blocks_back() -> None:
    """Have glibc return each large block to the kernel as soon as it is freed, from now on.

    By default it learns from the first radiograph that is freed to keep the next ones, and does so for each thread: for
    a server that decodes films in many threads this is the contrary of `keep_freed_memory`. Does nothing where the C
    library is another.
    """
    arena_max, mmap_threshold, trim_threshold = -8, -3, -1  # the parameters' numbers in malloc.h
    with contextlib.suppress(OSError, AttributeError):
        libc = ctypes.CDLL("libc.so.6")
        libc.mallopt(arena_max, 2)
        libc.mallopt(mmap_threshold, 2**20)
        libc.mallopt(trim_threshold, 2**23)


def share_two_heaps() -> None:
    """Have glibc serve all threads from two heaps, where each thread would get one that keeps the most it ever held.

    For a server, whose threads each load and answer. What it saves over changes of versions was not measured. Does
    nothing where the C library is another.
    """
    arena_max = -8  # the parameter's number in malloc.h
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").mallopt(arena_max, 2)


def give_back_freed_memory() -> None:
    """Return to the kernel what was freed, after something large that will not come again soon.

    Does nothing where the C library is another.
    """
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)


def use_threads(threads: int | None) -> None:
    """Have TensorFlow divide operations among so many threads; None leaves it at one a core of this process.

    Raises:
        RunError: TensorFlow has begun to work with another number.
    """
    import tensorflow as tf

    if threads is None or tf.config.threading.get_intra_op_parallelism_threads() == threads:
        return
    try:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
    except RuntimeError:
        raise RunError(f"train.threads {threads}: TensorFlow runs with another number already; start anew") from None


def cores() -> int:
    """Cores that this process may use, fewer than the machine has under taskset, in a container or on a Ray actor."""
    if _own_cores is not None:
        return _own_cores
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def use_cores(count: int, threads: int) -> None:
    """Have this process take so many cores, because others beside it use the rest.

    Args:
        threads: that TensorFlow is to divide operations among all the same; see `use_threads`.
    """
    global _own_cores
    _own_cores = count
    os.environ["TF_NUM_INTRAOP_THREADS"] = str(threads)  # read when TensorFlow is imported, which it may never be


def leave_with_parent() -> None:
    """End this process when its parent is gone: one that was killed cannot tell its children to stop."""
    parent = multiprocessing.parent_process()

    def wait() -> None:
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def start_child(threads: int | None) -> None:
    """Start TensorFlow with so many threads (see `use_threads`), and end when the parent does."""
    leave_with_parent()
    leave_out_optional_imports()
    import_tensorflow()
    use_threads(threads)
