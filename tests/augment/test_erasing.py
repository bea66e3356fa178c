"""Erasing: the drawn areas are covered with the mean."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from keras_cwp.augment.erasing import erase_rectangle, mask_grid

RNG = np.random.default_rng(0)
IMAGES = RNG.random((4, 32, 32, 1)).astype(np.float32)


@pytest.mark.parametrize("shape", [0.0, 0.5, 0.99])
def test_erasing_covers_the_drawn_area_with_the_mean(shape: float) -> None:
    place = np.tile(np.float32([[0.5, 0.5, shape]]), (4, 1))
    area = np.float32([0.0, 0.05, 0.1, 0.3])
    erased = erase_rectangle(IMAGES, tf.constant(area), tf.constant(place)).numpy()
    changed = (erased != IMAGES).mean(axis=(1, 2, 3))
    np.testing.assert_allclose(changed, area, atol=0.025)
    assert changed[0] == 0
    for b in range(1, 4):
        np.testing.assert_allclose(np.unique(erased[b][erased[b] != IMAGES[b]]), IMAGES[b].mean(), rtol=1e-5)


def test_grid_mask_covers_the_square_of_its_ratio() -> None:
    image = RNG.random((1, 240, 240, 1)).astype(np.float32)
    masked = mask_grid(image, tf.constant([0.4]), tf.constant([[0.0, 0.0, 0.0]])).numpy()
    assert (masked != image).mean() == pytest.approx(0.4**2, abs=0.01)
    np.testing.assert_array_equal(mask_grid(image, tf.constant([0.0]), tf.constant([[0.1, 0.2, 0.3]])), image)
