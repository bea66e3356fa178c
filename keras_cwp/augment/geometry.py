"""Geometry: every draw becomes one matrix an image, and one resampling makes the pixels.

Coordinates are pixel centres, x right, y down, origin 0 in the first pixel; a matrix maps a place in the
network's view to the place in the crop that it is read from (homogeneous, row-major).
"""

from __future__ import annotations

import tensorflow as tf

from keras_cwp.augment.draw import Draw
from keras_cwp.augment.moves import Motion, square
from keras_cwp.augment.operations import carry_out


def motion_of(draw: Draw, batch: tf.Tensor, side_px: int) -> Motion:
    """What the geometric operations of a draw do together."""
    motion: Motion = carry_out(Motion.none(batch, side_px), draw, "geometry")
    return motion


def matrices(motion: Motion, margin_px: int, keep: float = 0.8) -> tf.Tensor:
    """View → crop, for each image; displacements (`motion.away`) are left out.

    The content is scaled, moved by the linear part, shifted, in this order about the centre; then perspective. A shift
    is reduced, along its own direction, where it would carry the centred disc of `keep` × side out of the view, or, if
    the crop has a margin, the view out of the crop; perspective and elastic displacement are not counted in this.

    Returns:
        float32 [batch, 3, 3].
    """
    side_px, batch = motion.side_px, tf.shape(motion.across)[0]
    forward = motion.linear @ tf.linalg.diag(tf.stack([motion.across, motion.down], axis=1))
    inverse = _invert(forward)
    shift = motion.shift * _allowed(forward, inverse, motion.shift, side_px, margin_px, keep)
    bend = motion.bend
    centre = (side_px - 1) / 2
    # In centred view coordinates p: crop = inverse (p − shift) / (1 + bend·p) + centre of the crop.
    offset = -tf.linalg.matvec(inverse, shift)
    upper = tf.concat([inverse, offset[:, :, None]], axis=2)
    lower = tf.concat([bend, tf.ones([batch, 1])], axis=1)[:, None, :]
    upper += (centre + margin_px) * lower
    matrix = tf.concat([upper, lower], axis=1)
    to_centre = tf.constant([[1.0, 0.0, -centre], [0.0, 1.0, -centre], [0.0, 0.0, 1.0]])
    return matrix @ to_centre


def skipped_sigma(matrix: tf.Tensor) -> tf.Tensor:
    """Sigma, in crop pixels, of the Gaussian that holds what lies between the places read: [batch].

    A pixel is taken as a Gaussian of sigma 1/2; read at steps of s pixels, one of s/2 is wanted, and
    variances add. 0 where the view magnifies. Perspective's variation across the view is left out.
    """
    linear = matrix[:, :2, :2]
    area = tf.abs(linear[:, 0, 0] * linear[:, 1, 1] - linear[:, 0, 1] * linear[:, 1, 0])
    return tf.sqrt(tf.nn.relu(area - 1)) / 2


def central_slice(images: tf.Tensor, side_px: int, margin_px: int) -> tf.Tensor:
    """The un-augmented view: [batch, side, side, channels]."""
    return images[:, margin_px : margin_px + side_px, margin_px : margin_px + side_px]


def _invert(linear: tf.Tensor) -> tf.Tensor:
    a, b, c, d = linear[:, 0, 0], linear[:, 0, 1], linear[:, 1, 0], linear[:, 1, 1]
    return square([[d, -b], [-c, a]]) / (a * d - b * c)[:, None, None]


def _allowed(
    forward: tf.Tensor, inverse: tf.Tensor, shift: tf.Tensor, side_px: int, margin_px: int, keep: float
) -> tf.Tensor:
    """Share of the shift that is allowed: [batch, 1], 0 to 1."""
    disc = side_px / 2 * keep * tf.norm(forward, axis=2)
    share = _share(side_px / 2 - disc, shift)
    if margin_px:
        corner = side_px / 2 * tf.reduce_sum(tf.abs(inverse), axis=2)
        moved = tf.linalg.matvec(inverse, shift)
        share = tf.minimum(share, _share(side_px / 2 + margin_px - corner, moved))
    return share


def _share(room: tf.Tensor, way: tf.Tensor) -> tf.Tensor:
    share = tf.math.divide_no_nan(tf.nn.relu(room), tf.abs(way))
    share = tf.where(way == 0, 1.0, share)
    return tf.reduce_min(tf.minimum(share, 1.0), axis=1, keepdims=True)
