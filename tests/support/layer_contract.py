"""What every layer must do; called once for each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops


def check_layer(
    layer: keras.layers.Layer,
    inputs: np.ndarray,
    tmp_path: Path,
    *,
    weights: int,
    differentiable: bool = True,
    low_precision_tolerance: float = 5e-2,
) -> None:
    """Config round trip, shapes, save and load, dtype policy, gradient and one training step.

    Args:
        layer: not yet built.
        inputs: [batch, …] float32.
        tmp_path: where a model may be saved.
        weights: variables that it must have once built.
        differentiable: whether a gradient reaches the input.
        low_precision_tolerance: how far float16 may be from float32, as a share of the largest value.
    """
    config = layer.get_config()
    twin = type(layer).from_config(config)
    assert twin.get_config() == config
    expected = first(layer(inputs))
    assert len(layer.weights) == weights
    _check_shape(layer, inputs)
    _check_reload(layer, inputs, tmp_path)
    _check_float16(layer, inputs, expected, low_precision_tolerance)
    _check_gradient(layer, inputs, differentiable)
    _check_one_step(type(layer).from_config(config), inputs)


def first(outputs: Any) -> np.ndarray:
    """Outputs, or the first of several, as an array."""
    return ops.convert_to_numpy(outputs[0] if isinstance(outputs, (list, tuple)) else outputs)


def _check_shape(layer: keras.layers.Layer, inputs: np.ndarray) -> None:
    outputs = layer(inputs)
    shapes = layer.compute_output_shape(inputs.shape)
    if not isinstance(outputs, (list, tuple)):
        outputs, shapes = [outputs], [shapes]
    assert [tuple(output.shape) for output in outputs] == [tuple(shape) for shape in shapes]


def _check_reload(layer: keras.layers.Layer, inputs: np.ndarray, tmp_path: Path) -> None:
    image = keras.Input(inputs.shape[1:])
    model = keras.Model(image, layer(image))
    path = tmp_path / f"{type(layer).__name__}.keras"
    model.save(path)
    again = keras.models.load_model(path)  # safe mode: no pickle, no lambda
    np.testing.assert_array_equal(first(again(inputs)), first(model(inputs)))


def _check_float16(layer: keras.layers.Layer, inputs: np.ndarray, expected: np.ndarray, tolerance: float) -> None:
    half = type(layer).from_config({**layer.get_config(), "dtype": "mixed_float16"})
    half(inputs)
    half.set_weights(layer.get_weights())
    outputs = half(inputs)
    outputs = outputs[0] if isinstance(outputs, (list, tuple)) else outputs
    assert keras.backend.standardize_dtype(outputs.dtype) == "float16"
    assert all(keras.backend.standardize_dtype(weight.dtype) == "float32" for weight in half.weights)
    difference = np.abs(ops.convert_to_numpy(outputs).astype("float32") - expected).max()
    assert difference <= tolerance * np.abs(expected).max()


def _check_gradient(layer: keras.layers.Layer, inputs: np.ndarray, differentiable: bool) -> None:
    import tensorflow as tf

    image = tf.constant(inputs)
    with tf.GradientTape() as tape:
        tape.watch(image)
        outputs = layer(image)
        outputs = outputs[0] if isinstance(outputs, (list, tuple)) else outputs
        value = tf.reduce_sum(outputs * tf.random.stateless_normal(outputs.shape, (1, 2)))
    gradients = tape.gradient(value, [image, *layer.trainable_variables])
    if differentiable:
        assert all(gradient is not None and np.isfinite(gradient).all() for gradient in gradients)
        assert np.abs(gradients[0]).max() > 0


def _check_one_step(layer: keras.layers.Layer, inputs: np.ndarray) -> None:
    image = keras.Input(inputs.shape[1:])
    outputs = layer(image)
    outputs = outputs[0] if isinstance(outputs, (list, tuple)) else outputs
    model = keras.Model(image, keras.layers.Dense(1)(keras.layers.Flatten()(outputs)))
    model.compile("sgd", "mse", jit_compile=False)
    before = [ops.convert_to_numpy(weight).copy() for weight in layer.trainable_variables]
    assert np.isfinite(model.train_on_batch(inputs, np.ones((len(inputs), 1), "float32")))
    for old, weight in zip(before, layer.trainable_variables, strict=True):
        assert not np.array_equal(old, ops.convert_to_numpy(weight)), f"{weight.path} did not train"
