"""Crops against numbers worked out by hand, a slow second implementation, and TensorFlow's own resampling."""

from __future__ import annotations

import math

import numpy as np
import pytest

from keras_cwp.data.crops import crop_roi, margin_px, mirrored, resample, roi_window


def noise(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).random((height, width)).astype(np.float32)


def slow_resample(pixels: np.ndarray, window) -> np.ndarray:
    """Pixel by pixel: mirror the picture out to the window's edges, then a triangle about each sample point."""
    height, width = pixels.shape
    out = np.zeros((window.side_px, window.side_px))
    step_y, step_x = window.height / window.side_px, window.width / window.side_px
    low_y, high_y = min(0, math.floor(window.y)), max(height, math.ceil(window.y + window.height))
    low_x, high_x = min(0, math.floor(window.x)), max(width, math.ceil(window.x + window.width))
    for i in range(window.side_px):
        for j in range(window.side_px):
            y, x = window.y + (i + 0.5) * step_y, window.x + (j + 0.5) * step_x
            total = weights = 0.0
            for row in range(max(low_y, math.floor(y - step_y) - 2), min(high_y, math.ceil(y + step_y) + 2)):
                for column in range(max(low_x, math.floor(x - step_x) - 2), min(high_x, math.ceil(x + step_x) + 2)):
                    weight = max(0, 1 - abs(row + 0.5 - y) / max(step_y, 1)) * max(
                        0, 1 - abs(column + 0.5 - x) / max(step_x, 1)
                    )
                    total += weight * pixels[slow_mirror(row, height), slow_mirror(column, width)]
                    weights += weight
            out[i, j] = total / weights
    return out


def slow_mirror(index: int, length: int) -> int:
    while not 0 <= index < length:
        index = -index if index < 0 else 2 * (length - 1) - index
    return index


BOXES = {
    "inside, shrunk": (10.3, 4.7, 25.2, 21.9),
    "inside, grown": (10.0, 8.0, 5.0, 4.0),
    "at a corner": (34.0, 24.0, 6.0, 6.0),
    "whole": (0.0, 0.0, 40.0, 30.0),
    "single pixel": (7.0, 9.0, 1.0, 1.0),
}


@pytest.mark.parametrize("square", ["pad", "stretch"])
@pytest.mark.parametrize("box", BOXES.values(), ids=BOXES)
def test_crop_equals_the_slow_implementation(box, square):
    pixels = noise(30, 40)
    window = roi_window(box, 16, 4, square)
    np.testing.assert_allclose(resample(pixels, window), slow_resample(pixels, window), atol=2e-6)


@pytest.mark.parametrize("box", BOXES.values(), ids=BOXES)
def test_crop_equals_scale_and_translate_on_a_mirrored_picture(box):
    import tensorflow as tf

    pixels = noise(30, 40)
    window = roi_window(box, 16, 4, "pad")
    left, top = max(0, math.ceil(-window.x)), max(0, math.ceil(-window.y))
    right = max(0, math.ceil(window.x + window.width - 40))
    bottom = max(0, math.ceil(window.y + window.height - 30))
    padded = np.pad(pixels, ((top, bottom), (left, right)), mode="reflect")
    scale = window.side_px / window.height, window.side_px / window.width
    expected = tf.raw_ops.ScaleAndTranslate(
        images=padded[None, ..., None],
        size=[window.side_px] * 2,
        scale=scale,
        translation=[-(window.y + top) * scale[0], -(window.x + left) * scale[1]],
        kernel_type="triangle",
        antialias=True,
    )
    np.testing.assert_allclose(resample(pixels, window), expected[0, ..., 0], atol=5e-5)


def test_whole_picture_is_what_tensorflow_resize_gives():
    import tensorflow as tf

    pixels = noise(30, 40)
    expected = tf.image.resize(pixels[..., None], [16, 16], antialias=True)[..., 0]
    np.testing.assert_allclose(crop_roi(pixels, None, 16, 0, "stretch"), expected, atol=2e-6)


def test_box_at_its_own_scale_is_copied_with_its_surroundings():
    pixels = noise(30, 40)
    crop = crop_roi(pixels, (10, 8, 12, 12), 12, 3, "pad")
    np.testing.assert_array_equal(crop, pixels[5:23, 7:25])


def test_halving_by_hand():
    """A triangle of radius 2 about 1.0, 3.0: taps 1/4 × (.5, 1.5, 1.5, .5), cut at the edge and made whole."""
    pixels = np.array([[0.0, 1.0, 2.0, 10.0]] * 4, dtype=np.float32)
    crop = crop_roi(pixels, (0, 0, 4, 4), 2, 0, "pad")
    first = (0.75 * 0 + 0.75 * 1 + 0.25 * 2) / 1.75
    last = (0.25 * 1 + 0.75 * 2 + 0.75 * 10) / 1.75
    np.testing.assert_allclose(crop, [[first, last]] * 2, rtol=1e-6)


def test_box_grows_to_a_square_about_its_centre():
    window = roi_window((10, 20, 8, 4), 32, 0, "pad")
    assert (window.x, window.y, window.width, window.height) == (10, 18, 8, 8)


def test_fixed_side_ignores_the_size_of_the_box():
    window = roi_window((10, 20, 8, 4), 32, 8, "pad", side=16)
    assert (window.x, window.y, window.width, window.height) == (14 - 12, 22 - 12, 24, 24)


@pytest.mark.parametrize(("length", "index", "expected"), [(4, -1, 1), (4, 4, 2), (4, 9, 3), (1, -5, 0), (2, -3, 1)])
def test_mirror(length, index, expected):
    assert mirrored(np.array([index]), length)[0] == expected


def test_margin_is_rounded():
    assert margin_px(224, 0.25) == 56
    assert margin_px(33, 0.25) == 8


def test_flat_picture_stays_flat_wherever_the_box_is():
    crop = crop_roi(np.full((20, 20), 7, np.uint8), (15, 15, 5, 5), 32, 8, "pad")
    np.testing.assert_allclose(crop, 7, rtol=1e-6)
    assert crop.dtype == np.float32
