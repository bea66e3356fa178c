"""Runs with small untrained networks, for tests that need a RUN and no training."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Any

from support.small_network import small_presets

CLASSES = ("large_opacity", "normal", "small_opacities")
IMAGE_SIZE = 64
CONTEXT = 0.25


def write_model(
    folder: Path, seed: int = 0, spacing_mm: float | None = None, small: bool = True, **contract: Any
) -> None:
    """model.keras and model.json as fit writes them, of an untrained network.

    Its head is steep and prefers no class, so that answers differ.

    Args:
        small: of three units; see small_network.py. Else it is the real one.
        contract: further fields of ModelContract.
    """
    import keras
    import numpy as np

    from keras_cwp.config import ModelConfig
    from keras_cwp.models.build import build_model
    from keras_cwp.training.run import ModelContract

    keras.utils.set_random_seed(seed)
    with small_presets() if small else nullcontext():
        network = build_model(ModelConfig(), len(CLASSES), IMAGE_SIZE)
    head = network.get_layer("logits")
    steep = head.get_weights()[0] * (4 if small else 40)
    noise = np.random.default_rng(seed).random((64, IMAGE_SIZE, IMAGE_SIZE, 1), np.float32)
    features = keras.Model(network.input, head.input)(noise, training=False)
    head.set_weights([steep, -np.asarray(features).mean(axis=0) @ steep])
    folder.mkdir(parents=True, exist_ok=True)
    network.save(folder / "model.keras")
    ModelContract(CLASSES, IMAGE_SIZE, CONTEXT, "pad", spacing_mm, "f" * 64, **contract).write(folder)
