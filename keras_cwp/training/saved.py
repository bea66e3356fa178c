"""The trained network in its file: written whole, read without running anything that the file brings."""

from __future__ import annotations

import importlib
import zipfile
from pathlib import Path
from typing import Any

import keras

from keras_cwp.errors import ModelError

MODEL_FILE = "model.keras"
_LAYERS = "keras_cwp.models.build"  # importing it registers every layer that a saved network may hold


def save_network(network: keras.Model, folder: Path) -> None:
    """Write model.keras so that it is there whole or not at all."""
    beside = folder / ".unfinished.keras"
    network.save(beside)
    beside.rename(folder / MODEL_FILE)


def load_network(path: Path) -> Any:
    """A network from a .keras file, or from the folder of one: images [B, side, side, 1] in [0, 1] → logits.

    Raises:
        ModelError: not a Keras file, or one with layers that are not of this package; pickled code is never run.
    """
    path = path / MODEL_FILE if path.is_dir() else path
    importlib.import_module(_LAYERS)
    if not zipfile.is_zipfile(path):
        raise ModelError(f"model {path}: not a .keras file that keras-cwp fit or cv wrote")
    try:
        return keras.models.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # Keras raises of every kind on a file that is not its own
        reason = str(error).strip().split("\n")[0]
        raise ModelError(f"model {path}: cannot be loaded: {reason}") from None
