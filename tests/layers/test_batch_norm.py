from __future__ import annotations

import inspect

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops
from support.layer_contract import check_layer

from keras_cwp.layers.batch_norm import FusedBatchNormalization

OPTIONS = [{}, {"scale": False}, {"center": False}, {"epsilon": 1e-5, "momentum": 0.9}, {"dtype": "mixed_float16"}]
# float16 holds 11 bits; the float32 sums differ in order only
TOLERANCE = {"float32": 2e-5, "float16": 2e-3}


def pair(rng: np.random.Generator, shape: tuple[int, ...], **options):
    """Keras' layer and ours with the same random weights."""
    both = [kind(**options) for kind in (keras.layers.BatchNormalization, FusedBatchNormalization)]
    for layer in both:
        layer.build(shape)
    weights = [rng.uniform(0.5, 2, shape[-1]).astype("float32") for _ in both[0].weights]
    for layer in both:
        layer.set_weights(weights)
    return both


def step(layer, images, upstream):
    """Outputs, gradients of input and weights, and moving statistics after one training step."""
    with tf.GradientTape() as tape:
        tape.watch(images)
        outputs = layer(images, training=True)
        value = tf.reduce_sum(tf.cast(outputs, "float32") * upstream)
    gradients = tape.gradient(value, [images, *layer.trainable_variables])
    return [outputs, *gradients, *layer.non_trainable_variables]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("shape", [(4, 6, 5, 8), (2, 1, 1, 3), (1, 2, 1, 24)], ids=str)
def test_training_step_equals_keras(shape, options, rng: np.random.Generator) -> None:
    theirs, ours = pair(rng, shape, **options)
    images = tf.constant(rng.normal(3, 2, shape).astype(theirs.compute_dtype))
    upstream = rng.normal(size=shape).astype("float32")
    for expected, got in zip(step(theirs, images, upstream), step(ours, images, upstream), strict=True):
        assert got.dtype == expected.dtype
        expected, got = (ops.convert_to_numpy(value).astype("float64") for value in (expected, got))
        allowed = TOLERANCE[theirs.compute_dtype] * max(1.0, np.abs(expected).max())
        np.testing.assert_allclose(got, expected, rtol=0, atol=allowed)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_inference_equals_keras(options, rng: np.random.Generator) -> None:
    theirs, ours = pair(rng, (3, 4, 4, 8), **options)
    images = rng.normal(3, 2, (3, 4, 4, 8)).astype(theirs.compute_dtype)
    expected, got = theirs(images, training=False), ours(images, training=False)
    tolerance = TOLERANCE[theirs.compute_dtype]
    np.testing.assert_allclose(got, expected, rtol=tolerance, atol=10 * tolerance)


def test_moving_statistics_by_hand() -> None:
    layer = FusedBatchNormalization(momentum=0.5)
    layer(np.array([1.0, 3.0], "float32").reshape(1, 1, 2, 1), training=True)
    mean, variance = (ops.convert_to_numpy(value).item() for value in (layer.moving_mean, layer.moving_variance))
    assert mean == pytest.approx(0.5 * 0 + 0.5 * 2)
    assert variance == pytest.approx(0.5 * 1 + 0.5 * 1)  # divided by n; by n - 1 it would be 1.5


def test_uses_the_fused_kernel_and_falls_back_where_it_must() -> None:
    def operations(layer, *shape):
        call = tf.function(lambda x: layer(x, training=True))
        return {op.type for op in call.get_concrete_function(tf.TensorSpec(shape)).graph.get_operations()}

    assert "FusedBatchNormV3" in operations(FusedBatchNormalization(), None, 4, 4, 3)
    assert "FusedBatchNormV3" not in operations(FusedBatchNormalization(), None, 3)
    assert "FusedBatchNormV3" not in operations(FusedBatchNormalization(axis=1), None, 3, 4, 4)
    if "renorm" in inspect.signature(keras.layers.BatchNormalization).parameters:  # from Keras 3.13 on
        assert "FusedBatchNormV3" not in operations(FusedBatchNormalization(renorm=True), None, 4, 4, 3)


def test_works_with_a_keras_without_renorm(rng: np.random.Generator) -> None:
    layer = FusedBatchNormalization()
    images = rng.normal(3, 2, (2, 4, 4, 3)).astype("float32")
    expected = ops.convert_to_numpy(layer(images))
    vars(layer).pop("renorm", None)  # as Keras 3.11 and 3.12 leave the layer
    np.testing.assert_array_equal(layer(images), expected)


def test_frozen_layer_keeps_its_statistics(rng: np.random.Generator) -> None:
    layer = FusedBatchNormalization()
    layer.build((None, 4, 4, 3))
    layer.trainable = False
    before = layer.get_weights()
    layer(rng.normal(5, 2, (2, 4, 4, 3)).astype("float32"), training=True)
    for old, new in zip(before, layer.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_contract(tmp_path, rng: np.random.Generator) -> None:
    check_layer(FusedBatchNormalization(), rng.random((2, 4, 3, 6), "float32"), tmp_path, weights=4)
