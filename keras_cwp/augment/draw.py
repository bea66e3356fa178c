"""Draws: the factors of each image, from a seed. Nothing here touches a pixel."""

from __future__ import annotations

import math
from typing import Any

import tensorflow as tf

from keras_cwp.augment.operations import OPERATIONS, Operation
from keras_cwp.augment.schema import Policy

Draw = dict[str, tf.Tensor]

# Streams folded into the seed, so that one kind of draw does not move another.
_FACTORS, _CHOICE, _ELASTIC, _SHADING, _NOISE, _PLACE = range(6)


def draw_factors(policy: Policy, batch: Any, seed: tf.Tensor, magnitude: Any = 1.0) -> Draw:
    """Factors for a batch.

    Args:
        batch: number of images, int or int32 scalar tensor.
        seed: int32 or int64 [2]; the same seed gives the same draw.
        magnitude: share of each range in use, 0 to 1, times the policy's own.

    Returns:
        by operation float32 [batch], or [batch, 2] for two columns; only the policy's operations.
    """
    names = list(policy.operations)
    if not names:
        return {}
    columns = [OPERATIONS[name].columns for name in names]
    uniform = tf.random.stateless_uniform([sum(columns), batch], stream(seed, _FACTORS))
    chosen = _choose(policy, batch, seed)
    strength = tf.cast(magnitude, tf.float32) * policy.magnitude
    draw = {}
    for name, value, use in zip(names, tf.split(uniform, columns), tf.unstack(chosen, len(names)), strict=True):
        row = OPERATIONS[name]
        value = _scale(row, value, policy.operations[name].range, strength)
        value = tf.where(use, value, row.neutral)
        draw[name] = value[0] if row.columns == 1 else tf.transpose(value)
    return draw


def draw_elastic(policy: Policy, batch: Any, seed: tf.Tensor) -> tf.Tensor:
    """Control points of the elastic field: float32 [batch, 2 (x, y), cells + 3, cells + 3], variance about 1."""
    points = policy.elastic_cells + 3
    return tf.random.stateless_truncated_normal([batch, 2, points, points], stream(seed, _ELASTIC))


def draw_shading(batch: Any, seed: tf.Tensor, points: int) -> tf.Tensor:
    """Control points of the shading field: float32 [batch, points, points]."""
    return tf.random.stateless_truncated_normal([batch, points, points], stream(seed, _SHADING))


def draw_noise(batch: Any, side_px: int, seed: tf.Tensor) -> tf.Tensor:
    """Standard normal noise: float32 [batch, side, side, 1]."""
    return tf.random.stateless_normal([batch, side_px, side_px, 1], stream(seed, _NOISE))


def draw_place(batch: Any, seed: tf.Tensor) -> tf.Tensor:
    """Where erasing happens: float32 [batch, 3] in [0, 1): centre x, centre y, shape."""
    return tf.random.stateless_uniform([batch, 3], stream(seed, _PLACE))


def stream(seed: tf.Tensor, number: int) -> tf.Tensor:
    """An independent seed [2] derived from `seed`."""
    return tf.random.experimental.stateless_fold_in(seed, number)


def _choose(policy: Policy, batch: Any, seed: tf.Tensor) -> tf.Tensor:
    """Which operations act on which image: bool [operations, batch]."""
    chances = [chance.probability for chance in policy.operations.values()]
    uniform = tf.random.stateless_uniform([len(chances), batch], stream(seed, _CHOICE))
    if policy.subset is None:
        return uniform < tf.constant(chances)[:, None]
    # The n smallest of identically distributed numbers are n operations chosen alike.
    rank = tf.argsort(tf.argsort(uniform, axis=0), axis=0)
    return rank < policy.subset.n


def _scale(row: Operation, uniform: tf.Tensor, span: tuple[float, float] | None, strength: tf.Tensor) -> tf.Tensor:
    if span is None:
        return tf.ones_like(uniform)
    if row.law == "log":
        low, high = math.log(span[0] / row.neutral), math.log(span[1] / row.neutral)
        return row.neutral * tf.exp(strength * (low + (high - low) * uniform))
    low, high = span[0] - row.neutral, span[1] - row.neutral
    return row.neutral + strength * (low + (high - low) * uniform)
