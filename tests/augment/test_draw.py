"""Draws: their distribution, and what they depend on. Each bound is five standard errors wide."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from keras_cwp.augment.draw import draw_factors, draw_policy
from keras_cwp.augment.policy import load_policy

MANY = 20_000
WIDE = {
    "operations": {
        "flip_x": {"probability": 0.3},
        "rotation_deg": {"range": [-10, 20]},
        "zoom": {"range": [0.5, 2]},
        "shift": {"range": [-0.1, 0.1]},
        "gamma": {"range": [0.5, 2], "probability": 0.25},
    }
}


def seed_of(*numbers: int) -> tf.Tensor:
    return tf.constant(numbers, tf.int64)


@pytest.fixture(scope="module")
def many() -> dict[str, np.ndarray]:
    draw = draw_factors(load_policy(WIDE), MANY, seed_of(5, 0))
    return {name: value.numpy() for name, value in draw.items()}


def test_shapes(many: dict[str, np.ndarray]) -> None:
    assert many["shift"].shape == (MANY, 2)
    assert all(many[name].shape == (MANY,) for name in many.keys() - {"shift"})
    assert all(value.dtype == np.float32 for value in many.values())


def test_linear_is_uniform_over_its_range_and_log_uniform_in_the_logarithm(many: dict[str, np.ndarray]) -> None:
    assert stats.kstest(many["rotation_deg"], "uniform", (-10, 30)).pvalue > 1e-4
    assert stats.kstest(np.log2(many["zoom"]), "uniform", (-1, 2)).pvalue > 1e-4


def test_a_flip_comes_at_its_probability(many: dict[str, np.ndarray]) -> None:
    assert set(np.unique(many["flip_x"])) == {0, 1}
    assert many["flip_x"].mean() == pytest.approx(0.3, abs=5 * np.sqrt(0.3 * 0.7 / MANY))


def test_what_is_not_drawn_is_neutral(many: dict[str, np.ndarray]) -> None:
    assert (many["gamma"] == 1).mean() == pytest.approx(0.75, abs=5 * np.sqrt(0.25 * 0.75 / MANY))


def test_operations_columns_and_images_are_independent(many: dict[str, np.ndarray]) -> None:
    columns = [many["rotation_deg"], np.log(many["zoom"]), *many["shift"].T, many["flip_x"], many["gamma"]]
    columns += [np.roll(many["rotation_deg"], 1), np.abs(many["shift"][:, 0])]
    correlation = np.corrcoef(columns) - np.eye(len(columns))
    assert np.abs(correlation).max() < 5 / np.sqrt(MANY)


def test_steps_are_independent_of_each_other() -> None:
    policy = load_policy({"operations": {"rotation_deg": {"range": [-1, 1]}}})
    steps = np.stack([draw_factors(policy, 40, seed_of(5, n))["rotation_deg"].numpy() for n in range(100)])
    assert stats.kstest(steps.ravel(), "uniform", (-1, 2)).pvalue > 1e-4
    assert abs(np.corrcoef(steps[:-1].ravel(), steps[1:].ravel())[0, 1]) < 5 / np.sqrt(steps.size)


def test_the_seed_decides() -> None:
    policy = load_policy("randaugment")
    first, again, other = (draw_policy(policy, 4, 16, seed_of(1, n)) for n in (0, 0, 1))
    assert first.keys() == again.keys()
    for name in first:
        np.testing.assert_array_equal(first[name], again[name])
    assert any((first[name].numpy() != other[name].numpy()).any() for name in first)


def test_magnitude_shrinks_towards_neutral() -> None:
    policy = load_policy({"operations": {"zoom": {"range": [0.5, 2]}, "rotation_deg": {"range": [10, 20]}}})
    full, half, none = (draw_factors(policy, 50, seed_of(1, 2), m) for m in (1.0, 0.5, 0.0))
    np.testing.assert_allclose(half["zoom"], np.sqrt(full["zoom"]), rtol=1e-5)
    np.testing.assert_allclose(half["rotation_deg"], full["rotation_deg"] / 2, rtol=1e-5)
    np.testing.assert_array_equal(none["zoom"], 1)
    np.testing.assert_array_equal(none["rotation_deg"], 0)


def test_randaugment_gives_each_image_n_operations_all_alike_often() -> None:
    policy = load_policy(WIDE | {"subset": {"n": 2}})
    draw = draw_factors(policy, MANY, seed_of(3, 3))
    neutral = {"flip_x": 0, "rotation_deg": 0, "zoom": 1, "shift": 0, "gamma": 1}
    drawn = np.stack([(draw[n].numpy().reshape(MANY, -1) != neutral[n]).any(axis=1) for n in neutral])
    np.testing.assert_array_equal(drawn.sum(axis=0), 2)
    np.testing.assert_allclose(drawn.mean(axis=1), 2 / 5, atol=5 * np.sqrt(0.24 / MANY))
