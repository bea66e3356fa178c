"""Boxes, points and masks that follow their image."""

from __future__ import annotations

import tensorflow as tf

from keras_cwp.augment.apply import apply_geometry
from keras_cwp.augment.draw import Draw
from keras_cwp.augment.geometry import matrices, motion_of
from keras_cwp.augment.policy import Policy
from keras_cwp.augment.sampling import sample

# Newton-like steps that undo the elastic displacement; it shrinks by its slope each time, 0.3 at the most.
_STEPS = 12


def follow_masks(masks: tf.Tensor, draw: Draw, policy: Policy, side_px: int, margin_px: int) -> tf.Tensor:
    """Label masks [batch, crop, crop, channels], any dtype → [batch, side, side, channels]: nearest, 0 outside."""
    moved = apply_geometry(tf.cast(masks, tf.float32), draw, policy, side_px, margin_px, "nearest", "constant")
    return tf.cast(moved, masks.dtype)


def follow_points(points: tf.Tensor, draw: Draw, policy: Policy, side_px: int, margin_px: int) -> tf.Tensor:
    """Where places of the crop appear in the view.

    Args:
        points: float32 [batch, points, 2 (x, y)], crop pixels, 0 the centre of the first.

    Returns:
        float32 [batch, points, 2], view pixels; outside 0 … side − 1 when the draw carried them out.
    """
    motion = motion_of(draw, tf.shape(points)[0], side_px)
    inverse = tf.linalg.inv(matrices(motion, margin_px, policy.keep))
    if motion.away is None:
        return _project(inverse, points)
    field = tf.transpose(motion.away, [0, 2, 3, 1])
    seen = _project(inverse, points)
    for _ in range(_STEPS):
        place = tf.clip_by_value(seen, 0.0, side_px - 1.0)
        away = sample(field, place[:, None, :, 0], place[:, None, :, 1])[:, 0]
        seen = _project(inverse, points - away)
    return seen


def follow_boxes(boxes: tf.Tensor, draw: Draw, policy: Policy, side_px: int, margin_px: int) -> tf.Tensor:
    """The boxes around where boxes went.

    Args:
        boxes: float32 [batch, boxes, 4 (x, y, width, height)], crop pixels, 0-based, end-exclusive.

    Returns:
        the same of the view; parts may lie outside.
    """
    x, y, width, height = tf.unstack(boxes - [0.5, 0.5, 0.0, 0.0], axis=2)
    corners = [tf.stack([x + i * width, y + j * height], axis=2) for i in (0.0, 0.5, 1.0) for j in (0.0, 0.5, 1.0)]
    moved = tf.stack([follow_points(corner, draw, policy, side_px, margin_px) for corner in corners])
    least, most = tf.reduce_min(moved, axis=0), tf.reduce_max(moved, axis=0)
    return tf.concat([least + 0.5, most - least], axis=2)


def _project(matrix: tf.Tensor, points: tf.Tensor) -> tf.Tensor:
    ones = tf.ones_like(points[:, :, :1])
    moved = tf.einsum("bij,bnj->bni", matrix, tf.concat([points, ones], axis=2))
    return moved[:, :, :2] / moved[:, :, 2:]
