"""How many threads an operation is divided among: it decides the order of sums, and so the last digits."""

from __future__ import annotations

import os

import tensorflow as tf

from keras_cwp.errors import RunError


def use_threads(threads: int | None) -> None:
    """Have TensorFlow divide operations among so many threads; None leaves it at one a core of this process.

    Raises:
        RunError: TensorFlow has begun to work with another number.
    """
    if threads is None or tf.config.threading.get_intra_op_parallelism_threads() == threads:
        return
    try:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
    except RuntimeError:
        raise RunError(f"train.threads {threads}: TensorFlow runs with another number already; start anew") from None


def cores() -> int:
    """Cores that this process may use: what TensorFlow takes for its number of threads."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
