"""Points, boxes and masks go where the pixels go: found again as bright spots in the augmented image."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from keras_cwp.augment.apply import apply_geometry
from keras_cwp.augment.draw import draw_policy
from keras_cwp.augment.follow import follow_boxes, follow_masks, follow_points
from keras_cwp.augment.policy import load_policy

SIDE, MARGIN, MANY = 64, 16, 6
POLICY = load_policy("strong")
CROP = SIDE + 2 * MARGIN


@pytest.fixture(scope="module")
def draw() -> dict[str, tf.Tensor]:
    drawn = draw_policy(POLICY, MANY, SIDE, tf.constant([3, 1], tf.int64))
    return drawn | {"elastic": tf.fill([MANY], 0.01)}


def spot(x: float, y: float) -> np.ndarray:
    rows, columns = np.mgrid[:CROP, :CROP]
    bright = np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * 1.2**2))
    return np.tile(bright[None, ..., None], (MANY, 1, 1, 1)).astype(np.float32)


@pytest.mark.parametrize(("x", "y"), [(48.0, 48.0), (40.3, 52.6), (58.0, 38.5)])
def test_a_point_is_where_its_spot_is(draw: dict[str, tf.Tensor], x: float, y: float) -> None:
    views = apply_geometry(tf.constant(spot(x, y)), draw, POLICY, SIDE, MARGIN).numpy()[..., 0]
    rows, columns = np.mgrid[:SIDE, :SIDE]
    weight = views / views.sum(axis=(1, 2), keepdims=True)
    centre = np.stack([(weight * columns).sum(axis=(1, 2)), (weight * rows).sum(axis=(1, 2))], axis=1)
    points = follow_points(tf.tile(tf.constant([[[x, y]]]), [MANY, 1, 1]), draw, POLICY, SIDE, MARGIN)
    np.testing.assert_allclose(points[:, 0], centre, atol=0.25)


def test_a_mask_keeps_its_labels_and_covers_what_its_image_covers(draw: dict[str, tf.Tensor]) -> None:
    mask = np.zeros((MANY, CROP, CROP, 1), np.uint8)
    mask[:, 36:60, 40:64] = 7
    moved = follow_masks(tf.constant(mask), draw, POLICY, SIDE, MARGIN).numpy()
    soft = apply_geometry(tf.constant(mask, tf.float32), draw, POLICY, SIDE, MARGIN).numpy()
    assert moved.dtype == np.uint8
    assert set(np.unique(moved)) == {0, 7}
    assert ((moved == 7) == (soft > 3.5)).mean() > 0.99


def test_a_box_goes_round_its_mask(draw: dict[str, tf.Tensor]) -> None:
    mask = np.zeros((MANY, CROP, CROP, 1), np.uint8)
    mask[:, 40:56, 40:60] = 1
    moved = follow_masks(tf.constant(mask), draw, POLICY, SIDE, MARGIN).numpy()[..., 0]
    boxes = follow_boxes(tf.tile(tf.constant([[[40.0, 40.0, 20.0, 16.0]]]), [MANY, 1, 1]), draw, POLICY, SIDE, MARGIN)
    for b in range(MANY):
        rows, columns = np.nonzero(moved[b])
        found = columns.min(), rows.min(), np.ptp(columns) + 1, np.ptp(rows) + 1
        np.testing.assert_allclose(boxes[b, 0], found, atol=1.6)


def test_without_a_draw_only_the_margin_comes_off() -> None:
    boxes = follow_boxes(tf.constant([[[20.0, 30.0, 10.0, 5.0]]]), {}, POLICY, SIDE, MARGIN)
    np.testing.assert_allclose(boxes, [[[4, 14, 10, 5]]], atol=1e-4)
