"""The ONNX form that a run keeps of its networks, so that a few films are scored without TensorFlow.

It stands beside model.keras under the name `model.onnx` and carries that file's SHA-256: where they no longer belong
together, predict takes model.keras.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from keras_cwp.data.crops import margin_px
from keras_cwp.errors import ModelError, ServingError
from keras_cwp.files import file_sha256, write_bytes
from keras_cwp.prediction import onnx_format
from keras_cwp.prediction.views import Matrices
from keras_cwp.training.run import ModelContract, RunFolder

ONNX_FILE, KERAS_FILE = "model.onnx", "model.keras"
_SHA256, _VIEWS = "keras_sha256", "views"
_BOUND = 1e-5  # largest difference of a probability to the Keras model's
_CHECKED = 4  # images


@dataclass(frozen=True)
class Kept:
    """A network in its ONNX form.

    Args:
        ask: float32 [B, image_size, image_size, 1] → probabilities float64 [B, classes].
        views: matrices of the run's views; see `views.Matrices`.
    """

    contract: ModelContract
    ask: Callable[[Any], np.ndarray]
    views: Matrices


def keep_onnx(run: Path, note: Callable[[str], None] = lambda _: None) -> list[Path]:
    """Write model.onnx beside each model.keras of a completed run. Imports TensorFlow.

    Args:
        note: gets a line where a network cannot be kept so.

    Returns:
        The files written; none where the extra `onnx` is not installed or the network is of another kind.

    Raises:
        RunError: not a RUN folder, or one without a model.
        CwpError: the disk refuses.
    """
    if not onnx_format.is_installed():
        return []
    from keras_cwp.training.saved import load_with_contract

    written = []
    for folder in RunFolder(run).model_folders():
        network, contract = load_with_contract(folder)
        if onnx_format.why_not_onnx(network):
            continue
        notes = {_SHA256: file_sha256(folder / KERAS_FILE), _VIEWS: json.dumps(_matrices(contract))}
        content = onnx_format.to_onnx(network, contract, notes)
        difference = _difference(network, contract, content)
        if not difference <= _BOUND:
            note(f"{folder}: {ONNX_FILE} was not kept, for it differs by {difference:.2g} in a probability")
            continue
        write_bytes(folder / ONNX_FILE, content)
        written.append(folder / ONNX_FILE)
    return written


def open_kept(folder: Path) -> Kept | None:
    """The ONNX form beside a folder's model.keras; None where there is none of it, or nothing that runs it."""
    if not (folder / ONNX_FILE).is_file() or not (folder / KERAS_FILE).is_file():
        return None
    try:
        session = onnx_format.open_session((folder / ONNX_FILE).read_bytes())
        about = session.get_modelmeta().custom_metadata_map
        if about[_SHA256] != file_sha256(folder / KERAS_FILE):
            return None
        contract = ModelContract.read(folder)
        return Kept(contract, onnx_format.ask_of(session), json.loads(about[_VIEWS]))
    except (OSError, ValueError, KeyError, ServingError, ModelError):  # model.keras will do, or say what is wrong
        return None


def _matrices(contract: ModelContract) -> Matrices:
    """Of the views after the first, in the order of augment/tta.py."""
    from keras_cwp.augment.tta import view_matrices

    margin = margin_px(contract.image_size, contract.context)
    return view_matrices(contract.image_size, margin, contract.views).tolist()


def _difference(network: Any, contract: ModelContract, content: bytes) -> float:
    import tensorflow as tf

    side = contract.image_size
    pixels = np.random.default_rng(0).uniform(0, 1, (_CHECKED, side, side, 1)).astype(np.float32)
    with tf.device("/CPU:0"):
        expected = tf.nn.softmax(tf.cast(network(pixels, training=False), tf.float64)).numpy()
    return float(np.abs(onnx_format.run_onnx(content)(pixels) - expected).max())
