"""Networks that look trained, for tests that rewrite them."""

from __future__ import annotations

import keras
import numpy as np
from keras import ops

from keras_cwp.config import ModelConfig
from keras_cwp.models.build import build_model
from keras_cwp.models.probed import probed


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


def with_head(model: keras.Model, images: np.ndarray, rng: np.random.Generator) -> keras.Model:
    """A head whose logits of these images have a mean of 0 and a standard deviation of 1, class by class."""
    head = model.get_layer("logits")
    kernel, bias = (rng.normal(size=weight.shape) for weight in head.weights)
    head.set_weights([kernel, 0 * bias])
    logits = ops.convert_to_numpy(model(images))
    head.set_weights([kernel / logits.std(axis=0), -logits.mean(axis=0) / logits.std(axis=0)])
    return model


# Networks with trained weights, whole or as a probe, at an even and at an odd side.
REAL_NETWORKS = [
    (arch, weights, probe, side)
    for arch, weights in (("efficientnet_lite0", "imagenet"), ("shufflenet_v2_x0_5", "cxr"))
    for probe in (False, True)
    for side in (64, 95)
]


def real_network(
    arch: str, weights: str, probe: bool, side: int, rng: np.random.Generator
) -> tuple[keras.Model, np.ndarray]:
    """One of REAL_NETWORKS with a head that tells five images apart, and these images."""
    model = build_model(ModelConfig(arch=arch, weights=weights), 3, side)
    images = images_unlike(side, 5, rng)
    return with_head(probed(model, 3) if probe else model, images, rng), images


def images_unlike(side: int, count: int, rng: np.random.Generator) -> np.ndarray:
    """float32 [count, side, side, 1] in [0, 1]: noise in squares of 1, 2, 4, … pixels."""
    images = [np.kron(rng.random((side, side)), np.ones((2**n, 2**n)))[:side, :side] for n in range(count)]
    return np.stack(images)[..., None].astype("float32")
