"""Test-time augmentation: the mean of the probabilities over several views of a crop.

The first view is the untouched one; the others are geometric draws of a policy. A view is the same motion for every
crop, so a score depends neither on the batch nor on the order.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
import tensorflow as tf

from keras_cwp.augment.apply import resample
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
    """Score each crop in `views` views and average.

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
    crops = tf.cast(crops, tf.float32)
    total = probabilities(central_slice(crops, image_size, margin))
    for view in range(1, views):
        matrix, away = _motion(geometric_part(policy), image_size, margin, view, seed)
        total = total + probabilities(resample(crops, matrix, away, policy, image_size))
    return total / views


def mean_in_graph(
    probabilities: Callable[[tf.Tensor], tf.Tensor],
    classes: int,
    crops: tf.Tensor,
    image_size: int,
    margin: int,
    views: int,
) -> tf.Tensor:
    """`mean_probabilities` by VIEWS_POLICY for a graph, as a loop: the graph holds the network once.

    Args:
        classes: that `probabilities` gives.
        crops: float32.
    """
    if views == 1:
        return probabilities(central_slice(crops, image_size, margin))
    view = _numbered(crops, image_size, margin, views)

    def add(number: tf.Tensor, total: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return number + 1, total + probabilities(view(number))

    start = tf.constant(0), tf.zeros([tf.shape(crops)[0], classes])
    _, total = tf.while_loop(lambda number, _: number < views, add, start, parallel_iterations=1)
    return total / views


def views_in_graph(crops: tf.Tensor, image_size: int, margin: int, views: int) -> tf.Tensor:
    """The views that `mean_in_graph` scores: float32 [views, batch, image_size, image_size, 1]."""
    if views == 1:
        return central_slice(crops, image_size, margin)[None]
    shape = tf.TensorSpec([None, image_size, image_size, 1], tf.float32)
    view = _numbered(crops, image_size, margin, views)
    return tf.map_fn(view, tf.range(views), parallel_iterations=1, fn_output_signature=shape)


def view_matrices(image_size: int, margin: int, views: int, seed: int = 0) -> np.ndarray:
    """Of the views that `mean_probabilities` adds to the first one by VIEWS_POLICY: view → crop.

    Returns:
        float32 [views - 1, 3, 3]; see `geometry.matrices`.
    """
    policy = geometric_part(load_policy(VIEWS_POLICY))
    found = [_motion(policy, image_size, margin, view, seed)[0] for view in range(1, views)]
    return np.array(found, np.float32).reshape(-1, 3, 3)


def geometric_part(policy: Policy) -> Policy:
    """The policy without what changes intensity, hides or mixes."""
    kept = {name: chance for name, chance in policy.operations.items() if OPERATIONS[name].stage == "geometry"}
    return policy.model_copy(update={"operations": kept})


def _numbered(crops: tf.Tensor, image_size: int, margin: int, views: int) -> Callable[[tf.Tensor], tf.Tensor]:
    """Number of a view, int32 scalar of a graph → the view of all crops."""
    policy, known = load_policy(VIEWS_POLICY), tf.constant(view_matrices(image_size, margin, views))

    def view(number: tf.Tensor) -> tf.Tensor:
        return tf.cond(
            number == 0,
            lambda: central_slice(crops, image_size, margin),
            lambda: resample(crops, known[number - 1][None], None, policy, image_size),
        )

    return view


def _motion(policy: Policy, image_size: int, margin: int, view: int, seed: int) -> tuple[np.ndarray, np.ndarray | None]:
    """Matrix [1, 3, 3] and displacement [1, 2, side, side] of a view, for any crop (see `resample`)."""
    with tf.init_scope():  # drawn now, so that a graph holds the matrix and not its drawing
        key = tf.constant((seed, view), tf.int64)
        drawn = draw_factors(policy, 1, key) | draw_fields(policy, 1, image_size, key)
        motion = motion_of(drawn, tf.constant(1), image_size)
        matrix: Any = matrices(motion, margin, policy.keep).numpy()
        return matrix, None if motion.away is None else motion.away.numpy()
