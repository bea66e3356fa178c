"""tf.data gives what the training step would have."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from keras_cwp.augment.layer import Augment
from keras_cwp.augment.pipeline import augment_dataset

CROPS = np.random.default_rng(0).random((10, 24, 24, 1)).astype(np.float32)
LABELS = np.arange(10)


def layer_of(policy: str, jit_compile: bool = False) -> Augment:
    return Augment(policy, 16, 4, seed=5, jit_compile=jit_compile)


def batched() -> tf.data.Dataset:
    return tf.data.Dataset.from_tensor_slices((CROPS, LABELS)).batch(4)


@pytest.mark.parametrize(("policy", "jit_compile"), [("strong", False), ("paper", True)])
def test_the_same_numbers_as_on_the_device_step_by_step(policy: str, jit_compile: bool) -> None:
    on_device = layer_of(policy)
    in_pipeline = list(augment_dataset(batched(), layer_of(policy, jit_compile)))
    assert [images.shape[0] for images, _ in in_pipeline] == [4, 4, 2]
    for (crops, labels), (images, same) in zip(batched(), in_pipeline, strict=True):
        np.testing.assert_array_equal(same, labels)
        np.testing.assert_allclose(images, on_device(crops, training=True), atol=1e-4)


def test_a_resumed_stream_goes_on() -> None:
    layer = layer_of("paper")
    whole = list(augment_dataset(batched().repeat(2), layer))
    rest = list(augment_dataset(batched(), layer, first_step=3))
    for (images, _), (later, _) in zip(whole[3:], rest, strict=True):
        np.testing.assert_array_equal(images, later)


def test_magnitude_follows_the_epochs() -> None:
    layer = layer_of("paper")
    ramped = list(augment_dataset(batched().repeat(3), layer, steps_per_epoch=3, ramp_epochs=2))
    on_device = layer_of("paper")
    for step, (crops, _) in enumerate(batched().repeat(3)):
        on_device.magnitude.assign(min(1, (step // 3 + 1) / 2))
        np.testing.assert_allclose(ramped[step][0], on_device(crops, training=True), atol=1e-4)


def test_a_ramp_needs_to_know_an_epoch() -> None:
    with pytest.raises(ValueError, match="ramp_epochs needs steps_per_epoch"):
        augment_dataset(batched(), layer_of("paper"), ramp_epochs=2)
