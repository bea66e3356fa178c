"""Geometry against scipy.ndimage on the same places, against TensorFlow Addons, and by hand."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from scipy import ndimage

from keras_cwp.augment.geometry import central_slice, matrices
from keras_cwp.augment.sampling import sample, view_places

SIDE, MARGIN = 40, 10


@pytest.fixture(scope="module")
def crops() -> np.ndarray:
    noise = np.random.default_rng(0).random((3, SIDE + 2 * MARGIN, SIDE + 2 * MARGIN, 1))
    return ndimage.gaussian_filter(noise, (0, 2, 2, 0)).astype(np.float32)


def draw_of(**factors: object) -> dict[str, tf.Tensor]:
    return {name: tf.constant(value, tf.float32) for name, value in factors.items()}


def view(crops: np.ndarray, **factors: object) -> np.ndarray:
    matrix = matrices(draw_of(**factors), tf.constant(len(crops)), SIDE, MARGIN, keep=0)
    return sample(tf.constant(crops), *view_places(matrix, SIDE, SIDE)).numpy()


def test_without_a_draw_the_view_is_the_central_slice(crops: np.ndarray) -> None:
    np.testing.assert_allclose(view(crops), central_slice(crops, SIDE, MARGIN), atol=1e-5)


@pytest.mark.parametrize(
    ("factors", "expected"),
    [
        ({"flip_x": [1.0]}, lambda x: x[:, ::-1]),
        ({"flip_y": [1.0]}, lambda x: x[::-1]),
        ({"rotation_deg": [90.0]}, lambda x: np.rot90(x)),
        ({"rotation_deg": [90.0], "flip_x": [1.0]}, lambda x: np.rot90(x[:, ::-1])),
    ],
)
def test_right_angles_and_flips_move_pixels_as_numpy_does(crops, factors, expected) -> None:
    central = central_slice(crops[:1], SIDE, MARGIN)[0]
    np.testing.assert_allclose(view(crops[:1], **factors)[0], expected(central), atol=1e-4)


def test_a_shift_is_of_the_content_to_the_right_and_down(crops: np.ndarray) -> None:
    moved = view(crops[:1], shift=[[4 / SIDE, -2 / SIDE]])
    expected = crops[:1, MARGIN + 2 : MARGIN + 2 + SIDE, MARGIN - 4 : MARGIN - 4 + SIDE]
    np.testing.assert_allclose(moved, expected, atol=1e-5)
