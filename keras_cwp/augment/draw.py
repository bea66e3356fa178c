"""Draws: the factors of each image, from a seed. Nothing here touches a pixel."""

from __future__ import annotations

import math
from typing import Any

import tensorflow as tf

from keras_cwp.augment.operations import OPERATIONS, Field, Operation
from keras_cwp.augment.policy import Policy

# By operation float32 [batch] or [batch, 2]; and random fields, under the operation's name with "/field".
Draw = dict[str, tf.Tensor]

# Named, as the default differs between a plain step and one that XLA compiles: the same draw everywhere.
_ALGORITHM = "philox"
# Streams folded into the seed, so that one kind of draw does not move another; those of fields are in the table.
FACTORS, CHOICE, MIX = 0, 1, 7


def draw_policy(policy: Policy, batch: Any, side_px: int, seed: tf.Tensor, magnitude: Any = 1.0) -> Draw:
    """Everything random about a batch; what follows is a pure function of images and draw.

    Args:
        batch: number of images, int or int32 scalar tensor.
        side_px: side of the view.
        seed: int32 or int64 [2]; the same seed gives the same draw.
        magnitude: share of each range in use, 0 to 1, times the policy's own.

    Returns:
        only the policy's operations, and the fields that these need.
    """
    return draw_factors(policy, batch, seed, magnitude) | draw_fields(policy, batch, side_px, seed)


def draw_factors(policy: Policy, batch: Any, seed: tf.Tensor, magnitude: Any = 1.0) -> Draw:
    """By operation: float32 [batch], or [batch, 2] for two columns."""
    names = list(policy.operations)
    if not names:
        return {}
    columns = [OPERATIONS[name].columns for name in names]
    drawn = uniform([sum(columns), batch], seed, FACTORS)
    chosen = tf.unstack(_choose(policy, batch, seed), len(names))
    strength = tf.cast(magnitude, tf.float32) * policy.magnitude
    draw = {}
    for name, value, use in zip(names, tf.split(drawn, columns), chosen, strict=True):
        row = OPERATIONS[name]
        value = _scale(row, value, policy.operations[name].range, strength)
        value = tf.where(use, value, row.neutral)
        draw[name] = value[0] if row.columns == 1 else tf.transpose(value)
    return draw


def draw_fields(policy: Policy, batch: Any, side_px: int, seed: tf.Tensor) -> Draw:
    """The fields of the policy's operations; see `operations.Field`."""
    fields = dict.fromkeys(field for name in policy.operations if (field := OPERATIONS[name].field))
    return {field.key: _field(field, [batch, *field.shape(policy, side_px)], seed) for field in fields}


def _field(field: Field, shape: list[Any], seed: tf.Tensor) -> tf.Tensor:
    if field.kind == "bits":
        key = stream(seed, field.stream)
        return tf.random.stateless_uniform(shape, key, None, None, tf.int32, alg=_ALGORITHM)
    share = uniform(shape, seed, field.stream)
    return _centred(share) if field.kind == "centred" else share


def uniform(shape: list[Any], seed: tf.Tensor, number: int) -> tf.Tensor:
    """float32 in [0, 1) from one of the seed's streams."""
    return tf.random.stateless_uniform(shape, stream(seed, number), alg=_ALGORITHM)


def stream(seed: tf.Tensor, number: int) -> tf.Tensor:
    """An independent seed [2] derived from `seed`."""
    return tf.random.experimental.stateless_fold_in(seed, number, alg=_ALGORITHM)


def _choose(policy: Policy, batch: Any, seed: tf.Tensor) -> tf.Tensor:
    """Which operations act on which image: bool [operations, batch]."""
    chances = tf.constant([chance.probability for chance in policy.operations.values()])[:, None]
    drawn = uniform([len(policy.operations), batch], seed, CHOICE)
    if policy.subset is None:
        return drawn < chances
    # The n smallest of identically distributed numbers are n operations, all alike likely.
    rank = tf.argsort(tf.argsort(drawn, axis=0), axis=0)
    return rank < policy.subset.n


def _scale(row: Operation, share: tf.Tensor, span: tuple[float, float] | None, strength: tf.Tensor) -> tf.Tensor:
    if span is None:
        return tf.ones_like(share)
    if row.law == "log":
        low, high = math.log(span[0] / row.neutral), math.log(span[1] / row.neutral)
        return row.neutral * tf.exp(strength * (low + (high - low) * share))
    low, high = span[0] - row.neutral, span[1] - row.neutral
    return row.neutral + strength * (low + (high - low) * share)


def _centred(share: tf.Tensor) -> tf.Tensor:
    """Uniform with mean 0 and variance 1; bounded, so that a field cannot fold."""
    return math.sqrt(3) * (2 * share - 1)
