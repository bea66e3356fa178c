"""Before a head is fitted, batch normalisation learns the statistics of the training images."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from support.small_network import small_presets

from keras_cwp.config import Config, ModelConfig
from keras_cwp.data.prepared import PreparedData
from keras_cwp.layers.batch_norm import FusedBatchNormalization
from keras_cwp.models.build import build_model
from keras_cwp.training.adapt import adapt_statistics
from keras_cwp.training.probe import fit_head


def _images(data: PreparedData, rows: np.ndarray) -> np.ndarray:
    side = slice(data.margin, data.margin + data.image_size)
    return (data.read(rows).astype("float32")[..., None] / 255)[:, side, side]


def _norms(network: keras.Model) -> list[keras.layers.BatchNormalization]:
    return [layer for layer in network.layers if isinstance(layer, keras.layers.BatchNormalization)]


@pytest.mark.parametrize("kind", [keras.layers.BatchNormalization, FusedBatchNormalization])
def test_statistics_are_those_of_the_training_rois(prepared, kind):
    image = keras.Input((prepared.image_size, prepared.image_size, 1))
    shade = kind(name="first")(image)
    network = keras.Model(image, kind(name="second")(keras.layers.Conv2D(3, 5, name="conv")(shade)))
    rows = np.arange(0, len(prepared), 2)  # fewer than a batch: each draw has all of them
    adapt_statistics(network, prepared, rows, seed=3)
    images = _images(prepared, rows)
    first, second = network.get_layer("first"), network.get_layer("second")
    np.testing.assert_allclose(np.asarray(first.moving_mean), images.mean((0, 1, 2)), rtol=1e-4)
    np.testing.assert_allclose(np.asarray(first.moving_variance), images.var((0, 1, 2)), rtol=1e-3)
    seen = np.asarray(network.get_layer("conv")(first(images, training=False)))
    np.testing.assert_allclose(np.asarray(second.moving_mean), seen.mean((0, 1, 2)), rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(np.asarray(second.moving_variance), seen.var((0, 1, 2)), rtol=1e-2)


def test_nothing_else_of_the_network_changes(prepared):
    with small_presets():
        network = build_model(ModelConfig(dropout=0.5), 3, prepared.image_size)
    before = [np.array(keras.ops.convert_to_numpy(v)) for v in network.trainable_variables]
    momenta = [layer.momentum for layer in _norms(network)]
    rows = np.arange(len(prepared))
    adapt_statistics(network, prepared, rows, seed=0)
    for old, variable in zip(before, network.trainable_variables, strict=True):
        np.testing.assert_array_equal(old, np.asarray(variable))
    assert [layer.momentum for layer in _norms(network)] == momenta
    once = [np.array(keras.ops.convert_to_numpy(layer.moving_variance)) for layer in _norms(network)]
    adapt_statistics(network, prepared, rows, seed=0)
    for old, layer in zip(once, _norms(network), strict=True):
        np.testing.assert_array_equal(old, np.asarray(layer.moving_variance))


def test_the_head_then_fits_the_batches_of_training(prepared):
    """A network of other pictures: its moving statistics are far off."""
    keras.utils.set_random_seed(0)
    config = Config(train={"mode": "fine_tune"})
    rows = np.arange(len(prepared))
    images = _images(prepared, rows)
    gaps = {}
    for adapted in (False, True):
        with small_presets():
            network = build_model(ModelConfig(dropout=0.0), len(prepared.classes), prepared.image_size)
        adapt_statistics(network, prepared, rows, seed=0)
        for layer in _norms(network):
            layer.moving_mean.assign(layer.moving_mean - keras.ops.sqrt(layer.moving_variance))
        if adapted:
            adapt_statistics(network, prepared, rows, seed=0)
        fit_head(network, prepared, rows, config, 0)
        fitted, trained = (np.asarray(network(images, training=training)) for training in (False, True))
        gaps[adapted] = np.abs(trained - fitted).mean() / fitted.std(axis=0).mean()
    assert gaps[True] < 0.02
    assert gaps[False] > 0.2


def test_a_network_without_batch_normalisation_stays(prepared):
    image = keras.Input((prepared.image_size, prepared.image_size, 1))
    network = keras.Model(image, keras.layers.Dense(3)(keras.layers.GlobalAveragePooling2D()(image)))
    adapt_statistics(network, prepared, np.arange(len(prepared)), seed=0)
    assert not network.non_trainable_variables
