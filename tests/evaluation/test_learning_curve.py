"""The learning curve against a curve that is known, and what it promises for more patients."""

from __future__ import annotations

import numpy as np
import pytest

from keras_cwp.config import Config, ModelConfig
from keras_cwp.errors import SplitError
from keras_cwp.evaluation.learning_curve import Tried, _fit, learning_curve
from keras_cwp.training.more_patients import of_features


def tried_of(separations: list[float], patients: list[float], rng: np.random.Generator, rows: int = 600) -> Tried:
    """Scores of two classes whose distance grows with the size."""
    labels = np.arange(rows) % 2
    probabilities = []
    for separation in separations:
        logit = rng.normal(labels * separation, 1.0, (3, rows))
        first = 1 / (1 + np.exp(-logit))
        probabilities.append(np.stack([1 - first, first], axis=-1))
    return Tried(np.array(patients), np.array(probabilities, np.float32), labels, np.arange(rows) // 2)


def test_a_known_curve_comes_back() -> None:
    patients = np.array([25.0, 50.0, 100.0, 200.0])
    assert _fit(patients, 0.95 - 0.8 * patients**-0.5) == pytest.approx((0.95, 0.8))


def test_more_patients_never_hurt() -> None:
    patients = np.array([25.0, 50.0, 100.0])
    limit, fall = _fit(patients, np.array([0.8, 0.79, 0.78]))
    assert fall == 0
    assert 0.78 < limit < 0.8


def test_the_interval_is_around_the_value_and_below_one(rng: np.random.Generator) -> None:
    curve = learning_curve(tried_of([0.8, 1.2, 1.5, 1.7], [20, 40, 80, 160], rng), resamples=100)
    twice = curve.at(320)
    assert twice.low < twice.auc < twice.high < 1
    assert twice.auc > curve.auc[-1]
    assert curve.at(10**9).high <= 0.9995


def test_parts_of_the_patients_are_trained_on(rng: np.random.Generator) -> None:
    labels = np.repeat(np.arange(60) % 3, 2)
    patients = np.repeat(np.arange(60), 2).astype(str)
    features = rng.normal(size=(120, 8)) + np.eye(8)[labels] * 1.5
    seen: list[tuple[int, int]] = []
    tried = of_features(features.astype(np.float32), labels, patients, 3, Config(), 2, lambda *done: seen.append(done))
    assert seen[-1] == (len(seen), len(seen))
    np.testing.assert_allclose(tried.patients, 48 * np.array([0.25, 0.4, 0.63, 1]), atol=1)
    curve = learning_curve(tried, resamples=50)
    assert curve.auc[-1] > 0.75
    np.testing.assert_allclose(tried.probabilities.sum(axis=-1), 1, atol=1e-5)


def test_too_few_patients_are_refused(rng: np.random.Generator) -> None:
    labels = np.arange(20) % 2
    with pytest.raises(SplitError, match=r"plan: 20 patients, 10 of the rarest class; .* some 40"):
        of_features(rng.normal(size=(20, 4)), labels, np.arange(20).astype(str), 2, Config(model=ModelConfig()), 1)
