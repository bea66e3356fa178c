"""What the machine decides: precision, compilation, determinism, and the record of the environment."""

from __future__ import annotations

import contextlib
import importlib.metadata
import platform
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from keras_cwp.config import TrainConfig
from keras_cwp.runtime import cores
from keras_cwp.version import VERSION

_LIBRARIES = ("tensorflow", "keras", "numpy", "scipy", "scikit-learn", "opencv-python-headless", "pydicom")


def has_gpu() -> bool:
    """Whether TensorFlow sees a GPU."""
    return bool(tf.config.list_physical_devices("GPU"))


def jit_compile(config: TrainConfig) -> bool:
    """XLA for the training step; `auto` leaves it off on a CPU, where it is several times slower."""
    return {"on": True, "off": False, "auto": has_gpu()}[config.jit_compile]


@contextlib.contextmanager
def training_precision(config: TrainConfig) -> Iterator[None]:
    """Layers built inside compute in float16 with float32 weights when mixed precision is on."""
    mixed = {"on": True, "off": False, "auto": has_gpu()}[config.mixed_precision]
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16" if mixed else "float32")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def make_reproducible(seed: int) -> None:
    """Seed Python, NumPy and TensorFlow, and choose operations that give the same numbers each time."""
    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()


def environment() -> dict[str, Any]:
    """Versions and machine, for environment.json."""
    return {
        "keras_cwp": VERSION,
        "git_commit": _git_commit(),
        "python": platform.python_version(),
        "libraries": {name: importlib.metadata.version(name) for name in _LIBRARIES},
        "machine": platform.platform(),
        "cpus": cores(),
        "gpus": [device.name for device in tf.config.list_physical_devices("GPU")],
    }


def command_line() -> str:
    """The command that runs, as it could be typed again."""
    return shlex.join(["keras-cwp", *sys.argv[1:]])


def _git_commit() -> str | None:
    here = Path(__file__).parent
    try:
        answer = subprocess.run(["git", "rev-parse", "HEAD"], cwd=here, capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return answer.stdout.strip() or None
