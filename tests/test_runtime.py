"""What a missing extra says."""

from __future__ import annotations

import importlib.metadata

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
