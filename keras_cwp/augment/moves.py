"""What each geometric operation does to the motion of an image's content. Pure functions of a motion and factors."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import tensorflow as tf

from keras_cwp.augment.sampling import smooth_field


@dataclass(frozen=True)
class Motion:
    """Where the content of each image goes, about the centre of the view; x right, y down.

    Args:
        side_px: side of the view.
        across, down: float32 [batch], factors of width and height; negative: mirrored.
        linear: float32 [batch, 2, 2], what is done after that: shear, rotation.
        shift: float32 [batch, 2 (x, y)], pixels, done last.
        bend: float32 [batch, 2 (x, y)], change of scale for each pixel from the centre.
        away: float32 [batch, 2 (x, y), side, side], pixels by which each place of the view is read elsewhere;
            None: nowhere.
    """

    side_px: int
    across: tf.Tensor
    down: tf.Tensor
    linear: tf.Tensor
    shift: tf.Tensor
    bend: tf.Tensor
    away: tf.Tensor | None = None

    @classmethod
    def none(cls, batch: Any, side_px: int) -> Motion:
        """Everything stays. batch: int or int32 scalar tensor."""
        one, zero = tf.ones([batch]), tf.zeros([batch, 2])
        return cls(side_px, one, one, tf.eye(2, batch_shape=[batch]), zero, zero)


def flip_x(motion: Motion, flipped: tf.Tensor) -> Motion:
    """Left and right change places where `flipped` is 1."""
    return replace(motion, across=motion.across * (1 - 2 * flipped))


def flip_y(motion: Motion, flipped: tf.Tensor) -> Motion:
    """Top and bottom change places where `flipped` is 1."""
    return replace(motion, down=motion.down * (1 - 2 * flipped))


def zoom(motion: Motion, factor: tf.Tensor) -> Motion:
    """Above 1 the content grows."""
    return replace(motion, across=motion.across * factor, down=motion.down * factor)


def stretch(motion: Motion, ratio: tf.Tensor) -> Motion:
    """Width over height of what was square; the area stays."""
    root = tf.sqrt(ratio)
    return replace(motion, across=motion.across * root, down=motion.down / root)


def shear(motion: Motion, angles_deg: tf.Tensor) -> Motion:
    """By angles [batch, 2] along x and along y."""
    slope, one = tf.tan(angles_deg * (math.pi / 180)), tf.ones_like(motion.across)
    return replace(motion, linear=square([[one, slope[:, 0]], [slope[:, 1], one]]) @ motion.linear)


def rotate(motion: Motion, angle_deg: tf.Tensor) -> Motion:
    """Counter-clockwise."""
    angle = angle_deg * (math.pi / 180)
    cos, sin = tf.cos(angle), tf.sin(angle)
    return replace(motion, linear=square([[cos, sin], [-sin, cos]]) @ motion.linear)


def shift(motion: Motion, share: tf.Tensor) -> Motion:
    """To the right and down by shares [batch, 2] of the side."""
    return replace(motion, shift=motion.shift + share * motion.side_px)


def perspective(motion: Motion, change: tf.Tensor) -> Motion:
    """Change of scale [batch, 2] from the centre to the right and to the lower edge."""
    return replace(motion, bend=motion.bend + change / (motion.side_px / 2))


def elastic(motion: Motion, rms: tf.Tensor, control: tf.Tensor) -> Motion:
    """A smooth random displacement. rms: share of the side; control: [batch, 2, points, points], unit variance."""
    away = smooth_field(control, motion.side_px) * (rms * motion.side_px)[:, None, None, None]
    return replace(motion, away=away if motion.away is None else motion.away + away)


def square(rows: list[list[tf.Tensor]]) -> tf.Tensor:
    """[batch, 2, 2] from its entries [batch], row by row."""
    return tf.stack([tf.stack(row, axis=1) for row in rows], axis=1)
