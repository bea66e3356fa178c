"""The application: from images and a draw to pixels, in the order of the physics. No randomness."""

from __future__ import annotations

import tensorflow as tf

from keras_cwp.augment.draw import Draw
from keras_cwp.augment.geometry import central_slice, matrices, motion_of, skipped_sigma
from keras_cwp.augment.intensity import gaussian_blur
from keras_cwp.augment.operations import OPERATIONS, carry_out
from keras_cwp.augment.policy import Policy
from keras_cwp.augment.sampling import sample, view_places

# Radius that holds the blur of a fourfold shrink, the table's widest, in pixels: two sigma and a half of 1.9.
_ANTIALIAS_RADIUS_PX = 5


def apply_draw(crops: tf.Tensor, draw: Draw, policy: Policy, side_px: int, margin_px: int) -> tf.Tensor:
    """Crops float [batch, side + 2 margin, …, 1] → views float32 [batch, side, side, 1], clipped to [0, 1]."""
    if not draw:
        return central_slice(tf.cast(crops, tf.float32), side_px, margin_px)
    views = apply_geometry(tf.cast(crops, tf.float32), draw, policy, side_px, margin_px)
    return tf.clip_by_value(carry_out(views, draw, "intensity", "erasing"), 0.0, 1.0)


def apply_geometry(
    crops: tf.Tensor,
    draw: Draw,
    policy: Policy,
    side_px: int,
    margin_px: int,
    interpolation: str | None = None,
    fill: str | None = None,
) -> tf.Tensor:
    """The geometric part: one resampling. For masks: `interpolation="nearest", fill="constant"`."""
    if not any(OPERATIONS[name].stage == "geometry" for name in draw if name in OPERATIONS):
        return central_slice(crops, side_px, margin_px)
    motion = motion_of(draw, tf.shape(crops)[0], side_px)
    matrix = matrices(motion, margin_px, policy.keep)
    return resample(crops, matrix, motion.away, policy, side_px, interpolation, fill)


def resample(
    crops: tf.Tensor,
    matrix: tf.Tensor,
    away: tf.Tensor | None,
    policy: Policy,
    side_px: int,
    interpolation: str | None = None,
    fill: str | None = None,
) -> tf.Tensor:
    """Views float32 [batch, side, side, 1] of crops float32 [batch, …, 1] whose motion is known.

    Args:
        matrix: float32 [batch or 1, 3, 3], view → crop; one matrix is for every crop.
        away: float32 [batch or 1, 2, side, side], as `Motion.away`.
        interpolation, fill: instead of the policy's.
    """
    if policy.antialias:
        crops = gaussian_blur(crops, skipped_sigma(matrix), _ANTIALIAS_RADIUS_PX)
    x, y = view_places(matrix, side_px, side_px)
    if away is not None:
        x, y = x + away[:, 0], y + away[:, 1]
    return sample(crops, x, y, fill or policy.fill, interpolation or policy.interpolation)
