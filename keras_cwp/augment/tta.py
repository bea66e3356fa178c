"""Test-time augmentation: the mean of the probabilities over several views of a crop."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numpy as np
import tensorflow as tf

from keras_cwp.augment.apply import apply_geometry
from keras_cwp.augment.draw import draw_factors, draw_fields
from keras_cwp.augment.geometry import central_slice, matrices, motion_of
from keras_cwp.augment.operations import OPERATIONS
from keras_cwp.augment.policy import Policy, load_policy

VIEWS_POLICY = "light"  # whose geometric part makes the views, whatever a network was trained with

Values = TypeVar("Values", np.ndarray, tf.Tensor)


def mean_probabilities(
    probabilities: Callable[[tf.Tensor], Values],
    crops: np.ndarray | tf.Tensor,
    policy: Policy,
    image_size: int,
    margin: int,
    views: int,
    seed: int = 0,
) -> Values:
    """Score each crop in `views` views and average; at once, or as part of a graph.

    The first view is the untouched one; the others are geometric draws of the policy. A view is the same
    transformation for every crop, so a score depends neither on the batch nor on the order.

    Args:
        probabilities: [batch, image_size, image_size, 1] → floats [batch, classes].
        crops: float [batch, image_size + 2 margin, …, 1].
        views: at least 1; 1 is no augmentation.

    Returns:
        [batch, classes] of the type that `probabilities` gives; rows sum to 1 as its do.

    Raises:
        ValueError: `views` below 1.
    """
    if views < 1:
        raise ValueError(f"test-time augmentation: views must be at least 1, got {views}")
    total = probabilities(view_of(crops, policy, image_size, margin, 0, seed))
    for view in range(1, views):
        with tf.control_dependencies([total]):  # in a graph one after the other, or all would be in memory together
            total = total + probabilities(view_of(crops, policy, image_size, margin, view, seed))
    return total / views


def view_of(
    crops: np.ndarray | tf.Tensor, policy: Policy, image_size: int, margin: int, view: int, seed: int = 0
) -> tf.Tensor:
    """One of the views that `mean_probabilities` scores: float32 [batch, image_size, image_size, 1].

    Args:
        crops: as there.
        view: 0 is the untouched one.
    """
    crops = tf.cast(crops, tf.float32)
    if view == 0:
        return central_slice(crops, image_size, margin)
    return _view(crops, geometric_part(policy), image_size, margin, (seed, view))


def view_matrices(image_size: int, margin: int, views: int, seed: int = 0) -> np.ndarray:
    """Of the views that `mean_probabilities` adds to the first one by VIEWS_POLICY: view → crop.

    Returns:
        float32 [views - 1, 3, 3]; see `geometry.matrices`.
    """
    policy = geometric_part(load_policy(VIEWS_POLICY))
    drawn = [draw_factors(policy, 1, tf.constant((seed, view), tf.int64)) for view in range(1, views)]
    found = [matrices(motion_of(each, tf.constant(1), image_size), margin, policy.keep)[0].numpy() for each in drawn]
    return np.array(found, np.float32).reshape(-1, 3, 3)


def geometric_part(policy: Policy) -> Policy:
    """The policy without what changes intensity, hides or mixes."""
    kept = {name: chance for name, chance in policy.operations.items() if OPERATIONS[name].stage == "geometry"}
    return policy.model_copy(update={"operations": kept})


def _view(crops: tf.Tensor, policy: Policy, image_size: int, margin: int, seed: tuple[int, int]) -> tf.Tensor:
    with tf.init_scope():  # drawn now, so that a graph holds the factors and not their drawing
        key = tf.constant(seed, tf.int64)
        drawn = draw_factors(policy, 1, key) | draw_fields(policy, 1, image_size, key)
        factors = {name: value.numpy() for name, value in drawn.items()}
    draw = {name: tf.repeat(tf.constant(value), tf.shape(crops)[0], axis=0) for name, value in factors.items()}
    return apply_geometry(crops, draw, policy, image_size, margin)
