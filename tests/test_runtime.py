"""What a missing extra says, and what the import of TensorFlow brings."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys

import pytest

from keras_cwp.runtime import install_command


@pytest.mark.parametrize(("extra", "package"), [("onnx", "onnxruntime"), ("dicom", "highdicom"), ("cluster", "ray")])
def test_the_command_names_what_the_extra_brings(extra: str, package: str) -> None:
    listed = [line for line in importlib.metadata.requires("keras_cwp") or [] if line.endswith(f"'{extra}'")]
    command = install_command(extra)
    assert command.startswith("pip install ")
    assert package in command
    assert command.count(">=") == len(listed) or not listed
    assert "keras_cwp" not in command  # no registry has it


def test_without_metadata_the_checkout_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(_: str) -> None:
        raise importlib.metadata.PackageNotFoundError

    monkeypatch.setattr(importlib.metadata, "requires", missing)
    assert install_command("onnx") == "pip install '.[onnx]'"


IMPORTED = """
import sys
from keras_cwp.runtime import import_tensorflow, leave_out_optional_imports
leave_out_optional_imports() if len(sys.argv) > 1 else None
import_tensorflow()
print([name for name in ("IPython", "jax", "matplotlib", "pandas", "sklearn") if name in sys.modules])
import keras, matplotlib.pyplot, pandas, sklearn.linear_model
print(keras.layers.Dense(2)(keras.ops.ones((1, 2))).shape)
"""


@pytest.mark.parametrize("command", [True, False])
def test_a_command_imports_less_and_a_users_process_is_left_alone(command: bool) -> None:
    done = subprocess.run(
        [sys.executable, "-c", IMPORTED, *(["x"] if command else [])], capture_output=True, text=True, check=True
    )
    names, shape = done.stdout.splitlines()
    assert (names == "[]") == command
    assert shape == "(1, 2)"
