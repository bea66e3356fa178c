"""Run by test_backends.py in a process of its own, under another KERAS_BACKEND.

The folder holds images.npy and <place>.weights.h5; it receives <place>.npy, logits [inference and training, batch, 3].
"""

from __future__ import annotations

import sys
from pathlib import Path

import keras
import numpy as np

from keras_cwp.config import ModelConfig
from keras_cwp.models.build import build_model

folder = Path(sys.argv[1])
pixels = np.load(folder / "images.npy")
for weights in folder.glob("*.weights.h5"):
    place = weights.name.removesuffix(".weights.h5")
    model = build_model(ModelConfig.model_validate({"eca": place}), 3, pixels.shape[1])
    model.load_weights(weights)
    logits = [keras.ops.convert_to_numpy(model(pixels, training=training)) for training in (False, True)]
    np.save(folder / f"{place}.npy", np.stack(logits))
print(keras.backend.backend())
