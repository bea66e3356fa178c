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
from keras_cwp.errors import ConfigError
from keras_cwp.runtime import cores
from keras_cwp.version import VERSION

_LIBRARIES = ("tensorflow", "keras", "numpy", "scipy", "scikit-learn", "opencv-python-headless", "pydicom")


def has_gpu() -> bool:
    """Whether TensorFlow sees a GPU."""
    return bool(tf.config.list_physical_devices("GPU"))


def sharing_devices(config: TrainConfig) -> list[str]:
    """Names of the devices that share each batch, such as GPU:0; empty where one device has it to itself.

    They are GPUs; CPUs where there is no GPU, and of these TensorFlow has one unless it was told to divide it.

    Raises:
        ConfigError: more devices than there are, a batch smaller than their number, or a step that is to be compiled.
    """
    if config.devices == 1:
        return []
    kind = "GPU" if has_gpu() else "CPU"
    found = [device.name.removeprefix("/device:") for device in tf.config.list_logical_devices(kind)]
    count = len(found) if config.devices == "all" else config.devices
    if count == 1:
        return []
    if count > len(found):
        names = f"{'no GPU here, and ' if kind == 'CPU' else ''}{', '.join(found)}"
        raise ConfigError(f"train.devices {count}: TensorFlow finds {names}; set it to {len(found)} or less")
    if config.batch_size < count:
        raise ConfigError(
            f"train.batch_size {config.batch_size}: {count} devices share each batch (train.devices "
            f"{config.devices}), so it has to be {count} or more"
        )
    if config.jit_compile == "on":
        raise ConfigError(
            f"train.jit_compile on: a step that {count} devices share (train.devices {config.devices}) cannot be "
            "compiled; set it to auto or off"
        )
    return found[:count]


def jit_compile(config: TrainConfig) -> bool:
    """XLA for the training step.

    `auto` leaves it off on a CPU, where it is several times slower, and where devices share a batch: XLA has no
    general way to add up what they have.

    Raises:
        ConfigError: see `sharing_devices`.
    """
    if sharing_devices(config):
        return False
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
