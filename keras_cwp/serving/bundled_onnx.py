"""The ONNX form of the network that an exported version carries, so that `serve` can score with ONNX Runtime.

TensorFlow Serving does not look into assets.extra. The model card beside the file has the file's SHA-256, or says why
there is no file.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

from keras_cwp.errors import ServingError
from keras_cwp.files import write_bytes
from keras_cwp.prediction.card import CARD_FILE
from keras_cwp.prediction.formats import BOUND
from keras_cwp.prediction.onnx_format import run_onnx, to_onnx, why_not_onnx
from keras_cwp.serving.samples import check_crops
from keras_cwp.training.run import ModelContract

ONNX_FILE = "assets.extra/model.onnx"
CARD_KEY = "onnx"
_SHA256, _LEFT_OUT = "sha256", "left_out"


def write_onnx(version: Path, network: Any, contract: ModelContract) -> dict[str, Any]:
    """Write ONNX_FILE into a version's folder, if the network has an ONNX form that answers as the network does.

    Args:
        network: the Keras model: images [B, image_size, image_size, 1] in [0, 1] → logits.

    Returns:
        The card's entry: the file, its size in bytes and SHA-256, and the largest difference of a probability; or why
        there is no file.

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
    digest = hashlib.sha256(content).hexdigest()
    return {"file": ONNX_FILE, "bytes": len(content), _SHA256: digest, "difference": difference}


def read_onnx(version: Path) -> bytes:
    """The content of a version's ONNX_FILE.

    Raises:
        ServingError: there is none, or it is not the file that was exported.
    """
    entry = _entry(version)
    try:
        content = (version / ONNX_FILE).read_bytes()
    except FileNotFoundError:
        why = entry.get(_LEFT_OUT) or "an older keras-cwp or another program exported it"
        raise ServingError(f"{version} has no {ONNX_FILE}: {why}") from None
    except OSError as error:
        raise ServingError(f"{version / ONNX_FILE} cannot be read: {error.strerror}") from None
    found = hashlib.sha256(content).hexdigest()
    if found != entry.get(_SHA256):
        raise ServingError(
            f"{version / ONNX_FILE} has the SHA-256 {found[:16]}, but the model card says "
            f"{str(entry.get(_SHA256))[:16]}: the file is damaged or belongs to another version"
        )
    return content


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
