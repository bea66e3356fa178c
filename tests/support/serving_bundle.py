"""Versions as `export` writes them, without its check in a fresh process, which takes most of its time."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from keras_cwp.config import ModelConfig
from keras_cwp.files import file_sha256, write_text
from keras_cwp.models.build import build_model
from keras_cwp.models.deploy import deploy
from keras_cwp.models.likeness import describe, fit_likeness
from keras_cwp.models.mean import mean_of
from keras_cwp.prediction.card import CARD_FILE
from keras_cwp.prediction.judging import Judging
from keras_cwp.serving.bundled_onnx import CARD_KEY, ONNX_FILE, sign_onnx, write_onnx
from keras_cwp.serving.expected import answers_of
from keras_cwp.serving.export import write_saved_model
from keras_cwp.serving.server.parameters import UNSTATED
from keras_cwp.serving.server.servable import Servable
from keras_cwp.serving.warmup import write_warmup
from keras_cwp.training.run import ModelContract

ENGINE_SIDE = 64  # pixels of the networks that two engines compute
CLASSES = ("large_opacity", "normal", "small_opacities")


def steep_network(seed: int, side: int, **config: Any) -> Any:
    """An untrained network whose answers differ from image to image."""
    import keras

    keras.utils.set_random_seed(seed)
    network = build_model(ModelConfig(**config), len(CLASSES), side)
    head = network.get_layer("logits")
    head.set_weights([head.get_weights()[0] * 40, head.get_weights()[1]])
    return network


def write_version(folder: Path, networks: list[Any], judging: Judging | None = None, **contract: Any) -> ModelContract:
    """Write a version of the mean of some networks.

    Args:
        folder: saved_models/NAME/N.
        contract: fields of ModelContract other than classes and side.
    """
    network, side = mean_of(networks), networks[0].input_shape[1]
    fields = {"context": 0.25, "square": "pad", "spacing_mm": None, "data_hash": "f" * 64} | contract
    made = ModelContract(CLASSES, side, **fields)
    judging = judging or Judging()
    card = {"judging": judging.as_json(), CARD_KEY: write_onnx(folder, network, made, "normal", judging)}
    write_text(folder / CARD_FILE, json.dumps(card))
    write_saved_model(deploy(network), made, "normal", folder)
    write_warmup(folder, made)
    servable = Servable(folder, UNSTATED)
    sign_onnx(folder, answers_of(servable))
    servable.close()
    return made


def judging_of_noise(side: int) -> Judging:
    """Sets of nearly every kind, and a likeness of smooth noise."""
    rng = np.random.default_rng(0)
    crops = rng.uniform(0.2, 0.8, (60, side, side, 1)).cumsum(axis=1).astype(np.float32)
    crops /= crops.max(axis=(1, 2, 3), keepdims=True)
    likeness = fit_likeness(describe(crops), describe(1 - crops), np.arange(60))
    assert likeness is not None
    return Judging((likeness,), {"large_opacity": 0.2, "normal": 0.3, "small_opacities": 0.25}, 0.9)


def copied(version: Path, folder: Path) -> Path:
    """A version that may be changed: folder/N."""
    return Path(shutil.copytree(version, folder / version.name))


def with_onnx(version: Path, content: bytes, sign: bool) -> Path:
    """Replace a version's ONNX file; `sign`: have the card say that it is right."""
    (version / ONNX_FILE).write_bytes(content)
    if sign:
        card = json.loads((version / CARD_FILE).read_text())
        card[CARD_KEY]["sha256"][ONNX_FILE] = file_sha256(version / ONNX_FILE)
        (version / CARD_FILE).write_text(json.dumps(card))
    return version
