"""What a network costs: parameters, multiply-accumulates, seconds."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass

import keras
import numpy as np

from keras_cwp.models.mean import networks_of


@dataclass(frozen=True)
class Cost:
    """Of one network.

    Attributes:
        parameters: trainable ones.
        macs: multiply-accumulates of convolutions and linear layers for one image.
        latency_ms: median time of one image on this machine.
    """

    arch: str
    parameters: int
    macs: int
    latency_ms: float


def count_parameters(model: keras.Model) -> int:
    """Trainable parameters."""
    return sum(int(np.prod(weight.shape)) for weight in model.trainable_variables)


def count_macs(model: keras.Model) -> int:
    """Multiply-accumulates of convolutions and linear layers, for one image; of a mean of networks those of all."""
    return sum(_macs(layer) for network in networks_of(model) or [model] for layer in network.layers)


def _macs(layer: keras.layers.Layer) -> int:
    kinds = (keras.layers.Conv2D, keras.layers.DepthwiseConv2D, keras.layers.Dense)
    if not isinstance(layer, kinds):
        return 0
    kernel = int(np.prod(layer.kernel.shape))
    places = int(np.prod(layer.output.shape[1:-1]))  # none for a linear layer on a vector: one
    return kernel * places


def measure_latency_ms(model: keras.Model, repeats: int = 15) -> float:
    """Median time of one image, after warming up, as a compiled function."""
    import tensorflow as tf

    run = tf.function(lambda image: model(image, training=False), autograph=False)
    image = tf.zeros((1, *model.input_shape[1:]))
    for _ in range(3):
        run(image)
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        run(image).numpy()
        times.append(time.perf_counter() - start)
    return 1000 * statistics.median(times)


def measure(model: keras.Model, repeats: int = 15) -> Cost:
    """Its cost as it would be deployed."""
    from keras_cwp.models.deploy import deploy

    latency = measure_latency_ms(deploy(model), repeats)
    return Cost(model.name, count_parameters(model), count_macs(model), latency)
