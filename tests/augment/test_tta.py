"""Test-time augmentation: what is averaged, and on what it may not depend."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from keras_cwp.augment.policy import load_policy
from keras_cwp.augment.tta import VIEWS_POLICY, geometric_part, mean_in_graph, mean_probabilities, views_in_graph

CROPS = np.random.default_rng(0).random((5, 24, 24, 1)).astype(np.float32)


def probabilities(images: tf.Tensor) -> np.ndarray:
    left = np.asarray(images)[:, :, :8].mean(axis=(1, 2, 3))
    return np.stack([left, 1 - left], axis=1)


def score(crops: np.ndarray, views: int, policy: str = "strong", seed: int = 0) -> np.ndarray:
    return mean_probabilities(probabilities, crops, load_policy(policy), 16, 4, views, seed)


def test_one_view_is_the_plain_prediction() -> None:
    np.testing.assert_allclose(score(CROPS, 1), probabilities(CROPS[:, 4:20, 4:20]), atol=1e-6)


def test_a_flip_halves_the_difference_of_sides() -> None:
    always = load_policy({"operations": {"flip_x": {}}})
    both = mean_probabilities(probabilities, CROPS, always, 16, 4, 2)
    central = CROPS[:, 4:20, 4:20]
    expected = (probabilities(central) + probabilities(central[:, :, ::-1])) / 2
    np.testing.assert_allclose(both, expected, atol=1e-5)


def test_a_score_depends_neither_on_the_batch_nor_on_the_order() -> None:
    together = score(CROPS, 4)
    np.testing.assert_allclose(score(CROPS[::-1], 4)[::-1], together, atol=1e-6)
    np.testing.assert_allclose(np.concatenate([score(crop[None], 4) for crop in CROPS]), together, atol=1e-6)
    np.testing.assert_allclose(together.sum(axis=1), 1, atol=1e-6)


def test_views_come_from_the_seed_and_from_geometry_alone() -> None:
    np.testing.assert_array_equal(score(CROPS, 3, seed=1), score(CROPS, 3, seed=1))
    assert np.abs(score(CROPS, 3, seed=1) - score(CROPS, 3, seed=2)).max() > 1e-4
    kept = geometric_part(load_policy("strong")).operations
    assert "rotation_deg" in kept
    assert not {"gamma", "erase", "quantum_noise"} & set(kept)


def test_no_view_is_refused() -> None:
    with pytest.raises(ValueError, match="views must be at least 1, got 0"):
        score(CROPS, 0)


def in_graph(crops: tf.Tensor) -> tf.Tensor:
    left = tf.reduce_mean(crops[:, :, :8], axis=[1, 2, 3])
    return tf.stack([left, 1 - left], axis=1)


@pytest.mark.parametrize("views", [1, 2, 5])
@pytest.mark.parametrize("rows", [0, 1, 5])
def test_a_graph_averages_the_same_views(views: int, rows: int) -> None:
    signature = [tf.TensorSpec([None, 24, 24, 1], tf.float32)]
    mean = tf.function(lambda crops: mean_in_graph(in_graph, 2, crops, 16, 4, views), signature, autograph=False)
    each = tf.function(lambda crops: views_in_graph(crops, 16, 4, views), signature, autograph=False)
    crops = CROPS[:rows]
    assert each(crops).shape == (views, rows, 16, 16, 1)
    if rows:
        np.testing.assert_allclose(mean(crops), score(crops, views, VIEWS_POLICY), atol=1e-6)
        of_each = [probabilities(view) for view in each(crops).numpy()]
        np.testing.assert_allclose(np.mean(of_each, axis=0), mean(crops), atol=1e-6)
    else:
        assert mean(crops).shape == (0, 2)


def test_a_graph_of_more_views_is_no_larger() -> None:
    signature = [tf.TensorSpec([None, 24, 24, 1], tf.float32)]

    def size(views: int) -> int:
        traced = tf.function(lambda crops: mean_in_graph(in_graph, 2, crops, 16, 4, views), signature, autograph=False)
        graph = traced.get_concrete_function().graph.as_graph_def()
        return len(graph.node) + sum(len(each.node_def) for each in graph.library.function)

    assert size(16) == size(2)
