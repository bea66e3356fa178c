"""Batch normalisation of a pretrained network, with statistics of the images that it is trained on next."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import keras
import numpy as np
import tensorflow as tf

from keras_cwp.augment.geometry import central_slice
from keras_cwp.data.pipeline import batches
from keras_cwp.data.prepared import PreparedData

_BATCHES, _BATCH = 30, 64


def adapt_statistics(network: keras.Model, data: PreparedData, train: np.ndarray, seed: int) -> None:
    """Set the moving means and variances to those of the training images.

    In training, normalisation takes each batch's own statistics. The head is fitted to features that were normalised by
    the moving statistics. Where these still belong to the pictures of the pretraining, the head does not fit the first
    batches, and their large loss spoils the features.

    Args:
        network: images [batch, image_size, image_size, 1] → logits; changed in place, its trainable weights are not.
        train: int [n]; rows of the manifest. Means over 30 random batches of up to 64 of them are taken, of crops
            without their margin, without augmentation.
        seed: of the draws.

    Reference: Li et al., Revisiting Batch Normalization for Practical Domain Adaptation, 2016, arXiv 1603.04779.
    """
    layers = [layer for layer in network.layers if isinstance(layer, keras.layers.BatchNormalization)]
    if not layers:
        return
    size, rng = min(_BATCH, len(train)), np.random.default_rng(seed)
    drawn = np.concatenate([rng.choice(train, size, replace=False) for _ in range(_BATCHES)])
    variables = [variable for layer in layers for variable in (layer.moving_mean, layer.moving_variance)]
    sums = [np.zeros(variable.shape) for variable in variables]
    with _without_memory(layers):
        graph = tf.function(lambda images: network(images, training=True), autograph=False)  # half of the time
        see = graph.get_concrete_function(tf.TensorSpec([size, *network.input_shape[1:]]))  # as `models.forward`
        for crops, _, _ in batches(data, drawn, batch_size=size):
            see(central_slice(crops, data.image_size, data.margin))
            for total, variable in zip(sums, variables, strict=True):
                total += keras.ops.convert_to_numpy(variable)
    for total, variable in zip(sums, variables, strict=True):
        variable.assign(total / _BATCHES)


@contextmanager
def _without_memory(layers: list[keras.layers.BatchNormalization]) -> Iterator[None]:
    """Have the moving statistics be those of the last batch alone."""
    before = [layer.momentum for layer in layers]
    try:
        for layer in layers:
            layer.momentum = 0.0
        yield
    finally:
        for layer, momentum in zip(layers, before, strict=True):
            layer.momentum = momentum
