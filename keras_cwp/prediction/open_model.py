"""Open every kind of model as a `Predictor`: a run, a .keras file, an exported version."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from keras_cwp.errors import ModelError
from keras_cwp.prediction import onnx_format
from keras_cwp.prediction.card import versions
from keras_cwp.prediction.decided import thresholds_of
from keras_cwp.prediction.formats import open_converted
from keras_cwp.prediction.judging import judging_of
from keras_cwp.prediction.kept_onnx import KERAS_FILE, Kept, open_kept
from keras_cwp.prediction.predictor import Predictor
from keras_cwp.runtime import import_tensorflow
from keras_cwp.training.run import RunFolder, common_contract, fold_folders

_GPU_DEVICES = (Path("/dev/nvidiactl"), Path("/dev/kfd"))  # NVIDIA's driver, AMD's


def open_predictor(path: Path, fold: int | None = None) -> Predictor:
    """Open a RUN (of cv: the mean of its folds' probabilities), a .keras file, an exported version or its parent.

    Networks run in ONNX Runtime where it is installed, knows them, and there is no GPU; else in TensorFlow. A run that
    kept its ONNX form (see `kept_onnx`) is opened without importing TensorFlow.

    Args:
        fold: of a run of cv, which then answers alone.

    Raises:
        ModelError: none of these, or one that cannot be read.
        RunError: a model without its contract.
    """
    if fold is not None:
        import_tensorflow()
        from keras_cwp.training.saved import named_model

        return open_predictor(named_model(path, fold))
    is_run = any((folder / KERAS_FILE).is_file() for folder in (path, *fold_folders(path).values()))
    if not is_run and versions(path):
        return open_predictor(path / str(versions(path)[-1]))
    opened = _of_run(path) if is_run else _opened(path)
    return replace(opened, thresholds=thresholds_of(path), judging=judging_of(path))


def _opened(path: Path) -> Predictor:
    if (path / "saved_model.pb").is_file():
        return _by_tensorflow().of_saved_model(path)
    if converted := open_converted(path):
        return Predictor(*converted)
    if path.suffix == ".keras" and path.is_file():
        return _by_tensorflow().of_networks([path])
    raise ModelError(
        f"MODEL {path}: {'no model in it' if path.exists() else 'no such file or folder'}; expected a completed RUN, "
        "a .keras file that fit or cv wrote, or a version that export wrote"
    )


def _of_run(path: Path) -> Predictor:
    folders = RunFolder(path).model_folders()
    kept = [] if _may_have_gpu() else [open_kept(folder) for folder in folders]
    found = [each for each in kept if each is not None]
    return _of_kept(found) if found and len(found) == len(folders) else _by_tensorflow().of_networks(folders)


def _of_kept(kept: list[Kept]) -> Predictor:
    asks = [each.ask for each in kept]
    return Predictor(
        common_contract([each.contract for each in kept]),
        lambda pixels: np.mean([ask(pixels) for ask in asks], axis=0),
        onnx_format.engine_name(),
        kept[0].views,
    )


def _by_tensorflow() -> Any:
    """The module that opens what needs TensorFlow, which is imported without its messages."""
    if "tensorflow" not in sys.modules:
        import_tensorflow()
    from keras_cwp.prediction import tensorflow_models

    return tensorflow_models


def _may_have_gpu() -> bool:
    """Whether TensorFlow might find one, which only TensorFlow can say for sure."""
    if os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1"):
        return False
    return any(device.exists() for device in _GPU_DEVICES)
