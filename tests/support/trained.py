"""Networks that look trained, for tests that rewrite them."""

from __future__ import annotations

import keras
import numpy as np


def as_trained(model: keras.Model, rng: np.random.Generator) -> keras.Model:
    """Statistics, gains and gates as training leaves them: none at its initial value."""
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            size = layer.gamma.shape[0]
            ranges = [(0.5, 1.5), (-0.5, 0.5), (-0.5, 0.5), (0.5, 2)]
            layer.set_weights([rng.uniform(low, high, size) for low, high in ranges])
        if layer.name.endswith("_eca"):
            layer.set_weights([rng.normal(size=layer.kernel.shape)])
    return model
