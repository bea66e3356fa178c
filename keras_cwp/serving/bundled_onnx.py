"""What an exported version carries so that `serve` can score with ONNX Runtime: the network, and what is around it.

TensorFlow Serving does not look into assets.extra. The model card beside the files has their SHA-256, or says why they
are left out.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from keras_cwp.errors import ServingError
from keras_cwp.files import file_sha256, write_bytes, write_text
from keras_cwp.prediction.card import CARD_FILE
from keras_cwp.prediction.formats import BOUND
from keras_cwp.prediction.judging import Judging
from keras_cwp.prediction.onnx_format import run_onnx, to_onnx, why_not_onnx
from keras_cwp.serving.around import AROUND_FOLDER, write_around
from keras_cwp.serving.expected import EXPECTED_FILE, write_expected
from keras_cwp.serving.samples import check_crops
from keras_cwp.serving.server.batching import Arrays
from keras_cwp.training.run import ModelContract

ONNX_FILE = "assets.extra/model.onnx"
_FILES = (ONNX_FILE, f"{AROUND_FOLDER}/saved_model.pb", EXPECTED_FILE)
CARD_KEY = "onnx"
_SHA256, _LEFT_OUT = "sha256", "left_out"


def write_onnx(version: Path, network: Any, contract: ModelContract, negative: str, judging: Judging) -> dict[str, Any]:
    """Write ONNX_FILE and AROUND_FOLDER into a version's folder, if the ONNX form answers as the network does.

    Args:
        network: the Keras model: images [B, image_size, image_size, 1] in [0, 1] → logits.
        negative, judging: as `Signatures` takes them.

    Returns:
        The card's entry: the largest difference of a probability, or why there is no file. `sign_onnx` completes it.

    Raises:
        CwpError: the disk refuses.
    """
    if obstacle := why_not_onnx(network):
        return {_LEFT_OUT: obstacle}
    content = to_onnx(network, contract)
    difference = _difference(network, contract, content)
    if not difference <= BOUND:
        return {_LEFT_OUT: f"the ONNX form differs from the Keras model by {difference:.2g} in a probability"}
    write_bytes(version / ONNX_FILE, content)
    write_around(version, contract, negative, judging)
    return {"difference": difference}


def sign_onnx(version: Path, answers: list[Arrays]) -> None:
    """Write EXPECTED_FILE into a version's folder that has everything else, and the SHA-256 of the files into its card.

    Does nothing in a folder without ONNX_FILE.

    Args:
        answers: of the SavedModel, as `expected.answers_of` orders them.

    Raises:
        CwpError: the disk refuses.
    """
    if not (version / ONNX_FILE).is_file():
        return
    write_expected(version, answers)
    card = json.loads((version / CARD_FILE).read_text(encoding="utf-8"))
    card[CARD_KEY][_SHA256] = {name: file_sha256(version / name) for name in _FILES}
    write_text(version / CARD_FILE, json.dumps(card, indent=2) + "\n")


def read_onnx(version: Path) -> bytes:
    """The content of a version's ONNX_FILE, after a look at AROUND_FOLDER.

    Raises:
        ServingError: there is none, or a file is not the one that was exported.
    """
    entry = _entry(version)
    stated = entry.get(_SHA256)
    if not isinstance(stated, dict):
        why = entry.get(_LEFT_OUT) or "an older keras-cwp or another program exported it"
        raise ServingError(f"{version} has no {ONNX_FILE}: {why}")
    for name in _FILES:
        _check(version / name, str(stated.get(name)))
    return (version / ONNX_FILE).read_bytes()


def _check(file: Path, stated: str) -> None:
    """Raises: ServingError: the file is not the one that was exported."""
    try:
        found = file_sha256(file)
    except OSError as error:
        raise ServingError(f"{file} cannot be read: {error.strerror}") from None
    if found != stated:
        raise ServingError(
            f"{file} has the SHA-256 {found[:16]}, but the model card says {stated[:16]}: the file is damaged or "
            "belongs to another version"
        )


def _entry(version: Path) -> dict[str, Any]:
    try:
        entry = json.loads((version / CARD_FILE).read_text(encoding="utf-8")).get(CARD_KEY)
    except (OSError, ValueError, AttributeError):
        return {}
    return entry if isinstance(entry, dict) else {}


def _difference(network: Any, contract: ModelContract, content: bytes) -> float:
    import tensorflow as tf

    crops = check_crops(contract)
    with tf.device("/CPU:0"):
        expected = tf.nn.softmax(tf.cast(network(crops, training=False), tf.float64)).numpy()
    return float(np.abs(run_onnx(content)(crops) - expected).max())
