"""Mixing: two images and their labels become one.

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
from keras_cwp.augment.erasing import rectangle
from keras_cwp.augment.intensity import each
from keras_cwp.augment.policy import Mixing

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
    inside = rectangle(images, draw.place, side, side) & each(draw.patch)
    outside = tf.where(each(draw.patch), 1.0, each(share))
    return tf.where(inside, 0.0, outside)


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
