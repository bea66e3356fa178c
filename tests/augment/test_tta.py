"""Test-time augmentation: what is averaged, and on what it may not depend."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from keras_cwp.augment.policy import load_policy
from keras_cwp.augment.tta import geometric_part, mean_probabilities

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
