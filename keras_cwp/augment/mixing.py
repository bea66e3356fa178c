"""Erasing and mixing: parts of an image are hidden, or two images and their labels become one.

For training only. Soft labels and sample weights stay right: the weighted loss of a mixed example is the
mixture of the two weighted losses, because cross-entropy is linear in the label.
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from scipy import special

from keras_cwp.augment.draw import MIX, uniform
from keras_cwp.augment.intensity import each
from keras_cwp.augment.policy import Mixing

# A rectangle's width over its height is drawn log-uniformly between 1/3 and 3. Zhong et al., arXiv 1708.04896.
_ASPECT = 3.0
# The grid mask's pitch is drawn between these shares of the side. Chen et al., arXiv 2001.04086.
_PITCH = (1 / 8, 1 / 3)
# Nodes of the table that turns a uniform number into a Beta one.
_QUANTILES = 2049


class MixDraw(NamedTuple):
    """What is mixed with what.

    Args:
        partner: int32 [batch], the row that is mixed in; never the own one unless the batch is of one.
        share: float32 [batch], the part that stays; 1: not mixed.
        patch: bool [batch], CutMix (a rectangle) instead of mixup (everywhere).
        place: float32 [batch, 2], centre of the rectangle, x and y as shares of the side.
    """

    partner: tf.Tensor
    share: tf.Tensor
    patch: tf.Tensor
    place: tf.Tensor


def erase_rectangle(images: tf.Tensor, area: tf.Tensor, place: tf.Tensor) -> tf.Tensor:
    """A rectangle becomes the image's mean. area: [batch], share of the image; place: [batch, 3], 0 to 1."""
    aspect = tf.sqrt(_ASPECT ** (2 * place[:, 2] - 1))
    width, height = tf.sqrt(area) * aspect, tf.sqrt(area) / aspect
    inside = _rectangle(images, place[:, :2], width, height)
    return tf.where(inside, tf.reduce_mean(images, axis=[1, 2, 3], keepdims=True), images)


def mask_grid(images: tf.Tensor, ratio: tf.Tensor, place: tf.Tensor) -> tf.Tensor:
    """Square holes on a grid become the image's mean. ratio: [batch], hole's side over the pitch."""
    pitch = _PITCH[0] + (_PITCH[1] - _PITCH[0]) * place[:, 2]
    x, y = _axes(images)
    in_x = tf.math.floormod(x / each(pitch) + each(place[:, 0]), 1.0) < each(ratio)
    in_y = tf.math.floormod(y / each(pitch) + each(place[:, 1]), 1.0) < each(ratio)
    return tf.where(in_x & in_y, tf.reduce_mean(images, axis=[1, 2, 3], keepdims=True), images)


def draw_mix(mixing: Mixing, batch: Any, seed: tf.Tensor) -> MixDraw:
    """Partners and shares for a batch. seed: [2]."""
    drawn = uniform([6, batch], seed, MIX)
    patch = drawn[0] < _patch_probability(mixing)
    share = tf.where(patch, _beta(drawn[1], mixing.cutmix_alpha), _beta(drawn[1], mixing.mixup_alpha))
    share = tf.where(drawn[2] < mixing.probability, share, 1.0)
    # A random cycle through all rows: nobody is its own partner, everybody is one once.
    order = tf.argsort(drawn[3])
    partner = tf.gather(tf.roll(order, -1, axis=0), tf.argsort(order))
    return MixDraw(partner, share, patch, tf.transpose(drawn[4:]))


def mix(
    images: tf.Tensor,
    labels: tf.Tensor,
    weights: tf.Tensor | None,
    draw: MixDraw,
    patients: tf.Tensor | None = None,
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Mix a batch with itself. mixup: arXiv 1710.09412; CutMix: arXiv 1905.04899.

    Args:
        images: [batch, height, width, channels].
        labels: float [batch, classes], one-hot or soft.
        weights: float [batch]; None: all 1.
        patients: int [batch]; where given, two images of one patient are left unmixed.

    Returns:
        images, labels and weights, such that weight × loss is the mixture of both.
    """
    weights = tf.ones(tf.shape(labels)[:1], labels.dtype) if weights is None else weights
    share = draw.share
    if patients is not None:
        share = tf.where(tf.gather(patients, draw.partner) == patients, 1.0, share)
    stays = _stays(images, share, draw)
    share = tf.reduce_mean(stays, axis=[1, 2, 3])
    stays = tf.cast(stays, images.dtype)
    mixed = stays * images + (1 - stays) * tf.gather(images, draw.partner)
    own = tf.cast(share, labels.dtype) * tf.cast(weights, labels.dtype)
    other = tf.cast(1 - share, labels.dtype) * tf.cast(tf.gather(weights, draw.partner), labels.dtype)
    total = own + other
    soft = own[:, None] * labels + other[:, None] * tf.gather(labels, draw.partner)
    # An example of weight 0 keeps its label; its loss does not count.
    soft = tf.where(total[:, None] > 0, tf.math.divide_no_nan(soft, total[:, None]), labels)
    return mixed, soft, tf.cast(total, weights.dtype)


def _stays(images: tf.Tensor, share: tf.Tensor, draw: MixDraw) -> tf.Tensor:
    """How much of each pixel stays: float32 [batch, height, width, 1]."""
    side = tf.sqrt(1 - share)
    inside = _rectangle(images, draw.place, side, side) & each(draw.patch)
    outside = tf.where(each(draw.patch), 1.0, each(share))
    return tf.where(inside, 0.0, outside)


def _rectangle(images: tf.Tensor, centre: tf.Tensor, width: tf.Tensor, height: tf.Tensor) -> tf.Tensor:
    x, y = _axes(images)
    across = tf.abs(x - each(centre[:, 0])) < each(width) / 2
    return across & (tf.abs(y - each(centre[:, 1])) < each(height) / 2)


def _axes(images: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Pixel centres as shares of the sides: [1, 1, width, 1] and [1, height, 1, 1]."""
    height, width = int(images.shape[1]), int(images.shape[2])
    x = (tf.range(width, dtype=tf.float32) + 0.5) / width
    y = (tf.range(height, dtype=tf.float32) + 0.5) / height
    return x[None, None, :, None], y[None, :, None, None]


def _patch_probability(mixing: Mixing) -> float:
    if not mixing.mixup_alpha:
        return 1.0
    return 0.5 if mixing.cutmix_alpha else 0.0


def _beta(share: tf.Tensor, alpha: float) -> tf.Tensor:
    """Beta(alpha, alpha) by its quantiles: a gamma sampler would reject, which neither XLA nor a seed likes."""
    if not alpha:
        return tf.ones_like(share)
    table = tf.constant(_beta_quantiles(alpha), tf.float32)
    place = share * (_QUANTILES - 1)
    below = tf.cast(tf.floor(place), tf.int32)
    low, high = tf.gather(table, below), tf.gather(table, tf.minimum(below + 1, _QUANTILES - 1))
    return low + (high - low) * (place - tf.floor(place))


@cache
def _beta_quantiles(alpha: float) -> np.ndarray:
    return special.betaincinv(alpha, alpha, np.linspace(0, 1, _QUANTILES))
