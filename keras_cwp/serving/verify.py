"""Compare an exported version, run in a fresh process, with the Keras model that it was made of."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import tensorflow as tf

from keras_cwp.augment.layer import load_policy
from keras_cwp.augment.tta import VIEWS_POLICY, mean_probabilities
from keras_cwp.data.crops import crop_roi, margin_px
from keras_cwp.errors import ServingError
from keras_cwp.prediction.formats import BOUND
from keras_cwp.serving.decode import OK, UNREADABLE
from keras_cwp.training.run import ModelContract

# A crop made in the graph differs from the same crop made by SciPy in the last bit of its pixels (1e-7), and a
# network passes that on magnified: 7e-6 was seen.
BOUND_CROPPED = 5e-5
_SCRIPT = Path(__file__).with_name("check_bundle.py")
_TIMEOUT_S = 600
_IMAGES = 4


def verify(
    folder: Path, network: Any, contract: ModelContract, negative: str
) -> tuple[dict[str, float], dict[str, int]]:
    """Ask every signature, an unreadable row among them, and replay the warm-up records.

    Args:
        folder: the version's folder.
        network: images [B, image_size, image_size, 1] in [0, 1] → logits.

    Returns:
        Largest difference of a probability by signature, and warm-up records replayed by signature.

    Raises:
        ServingError: the bundle cannot be run, or its answers differ.
    """
    images, boxes = _radiographs(), _boxes()
    requests = _requests(images, boxes, contract)
    result = _ask(folder, requests)
    expected = _expected(images, boxes, network, contract, negative)
    difference = {name: _compare(name, expected[name], answer) for name, answer in result["answers"].items()}
    return difference, result["warmup"]


def check_crops(contract: ModelContract) -> np.ndarray:
    """Crops float32 [n, image_size, image_size, 1] in [0, 1] that every kind of export is compared on."""
    images = _radiographs()
    size, margin = contract.image_size, margin_px(contract.image_size, contract.context)
    return _crops(images, [None] * len(images), contract)[:, margin : margin + size, margin : margin + size]


def _radiographs() -> list[np.ndarray]:
    """Smooth noise uint8 of four sizes, with detail from coarse to fine; the last one is a single grey."""
    generator = np.random.default_rng(0)
    shapes = [(300, 260), (221, 410), (97, 64)][: _IMAGES - 1]
    rough = [cv2.resize(generator.uniform(0, 255, (3 + 8 * i, 5)), s[::-1]) for i, s in enumerate(shapes)]
    noisy = [image + generator.normal(0, 9, image.shape) for image in rough]
    return [*(np.clip(image, 0, 255).astype(np.uint8) for image in noisy), np.full((50, 50), 90, np.uint8)]


def _boxes() -> np.ndarray:
    """float32 [images, 4]: within, at the left edge, at the lower right corner, and all of it."""
    return np.array([[40, 60, 120, 90], [0, 20.5, 60, 180], [20, 30, 44, 67], [0, 0, 50, 50]], np.float32)


def _requests(images: list[np.ndarray], boxes: np.ndarray, contract: ModelContract) -> dict[str, np.ndarray]:
    """Inputs by `signature/name`; bytes as base64. An unreadable row follows the images."""
    files = [*(bytes(cv2.imencode(".png", image)[1]) for image in images), b"not an image"]
    examples = [_example(file) for file in files]
    everywhere = np.concatenate([boxes, boxes[:1]])
    requests = {
        "serving_default/image_bytes": _base64(files),
        "roi_bytes/image_bytes": _base64(files),
        "roi_bytes/box": everywhere,
        "pixels/pixels": check_crops(contract),
        "classify/inputs": _base64(examples),
        "regress/inputs": _base64(examples),
    }
    if contract.spacing_mm:
        requests["roi_bytes/spacing_mm"] = np.full(len(files), contract.spacing_mm / 2, np.float32)
    return requests


def _crops(
    images: list[np.ndarray], boxes: list[Any], contract: ModelContract, side: float | None = None
) -> np.ndarray:
    """float32 [images, image_size + 2 margin, …, 1], context included."""
    size, margin = contract.image_size, margin_px(contract.image_size, contract.context)
    crops = [
        crop_roi(image / np.float32(255), box, size, margin, contract.square, side)  # type: ignore[arg-type]
        for image, box in zip(images, boxes, strict=True)
    ]
    return np.stack(crops)[..., None]


def _expected(
    images: list[np.ndarray], boxes: np.ndarray, network: Any, contract: ModelContract, negative: str
) -> dict[str, np.ndarray]:
    """Probabilities float64 [images, classes] of the Keras model by signature."""
    size, margin = contract.image_size, margin_px(contract.image_size, contract.context)
    policy = load_policy(VIEWS_POLICY)

    def probabilities(pixels: Any) -> np.ndarray:
        with tf.device("/CPU:0"):
            return tf.nn.softmax(tf.cast(network(pixels, training=False), tf.float32)).numpy().astype(float)

    def of_views(crops: np.ndarray) -> np.ndarray:
        return mean_probabilities(probabilities, crops, policy, size, margin, contract.views)

    side = size * 2.0 if contract.spacing_mm else None  # of a radiograph twice as fine
    whole = of_views(_crops(images, [None] * len(images), contract))
    return {
        "serving_default": whole,
        "roi_bytes": of_views(_crops(images, boxes.tolist(), contract, side)),
        "pixels": probabilities(check_crops(contract)),
        "classify": whole,
        "regress": 1 - whole[:, contract.classes.index(negative)],
    }


def _compare(signature: str, expected: np.ndarray, answer: dict[str, Any]) -> float:
    """Largest difference of the images' probabilities; the row after them must be refused, and alone.

    Raises:
        ServingError: the difference is above the bound, or the row was not refused.
    """
    key = {"classify": "scores", "regress": "outputs"}.get(signature, "probabilities")
    found = np.array(answer[key], dtype=float)  # null becomes NaN
    images = len(expected)
    if signature != "pixels" and not np.isnan(found[images:]).all():
        raise ServingError(f"export check: signature {signature} answered bytes that are no image: {answer}")
    statuses = answer.get("status", [OK] * images)
    if statuses[:images] != [OK] * images or statuses[images:] not in ([], [UNREADABLE]):
        raise ServingError(f"export check: signature {signature} gave the statuses {statuses}")
    difference = float(np.abs(found[:images] - expected).max())
    bound = BOUND if signature == "pixels" else BOUND_CROPPED
    if not difference <= bound:
        raise ServingError(
            f"export check: signature {signature} differs from the Keras model by {difference:.2g} in a "
            f"probability, more than {bound:g}; nothing was published"
        )
    return difference


def _ask(folder: Path, requests: dict[str, np.ndarray]) -> Any:
    with tempfile.TemporaryDirectory() as scratch:
        inputs = Path(scratch) / "inputs.npz"
        np.savez(inputs, **requests)  # type: ignore[arg-type]
        environment = os.environ | {"CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "2"}
        command = [sys.executable, "-c", _SCRIPT.read_text(encoding="utf-8"), str(folder.resolve()), str(inputs)]
        try:
            done = subprocess.run(
                command, cwd=scratch, env=environment, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
            )
        except subprocess.TimeoutExpired:
            raise ServingError(f"export check: no answer within {_TIMEOUT_S} s; nothing was published") from None
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise ServingError(f"export check: the bundle cannot be run: {lines[-1]}; nothing was published")
    return json.loads(done.stdout.splitlines()[-1])


def _base64(contents: list[bytes]) -> np.ndarray:
    return np.array([base64.b64encode(content).decode() for content in contents])


def _example(image: bytes) -> bytes:
    feature = tf.train.Feature(bytes_list=tf.train.BytesList(value=[image]))
    return tf.train.Example(features=tf.train.Features(feature={"image_bytes": feature})).SerializeToString()
