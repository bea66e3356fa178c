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


def test_at_the_highest_auc_there_is_no_interval(rng: np.random.Generator) -> None:
    twice = learning_curve(tried_of([40.0, 40, 40, 40], [20, 40, 80, 160], rng), resamples=50).at(320)
    assert twice.auc == 0.9995
    assert np.isnan([twice.low, twice.high]).all()


@pytest.mark.parametrize(
    ("patients", "rarest", "message"),
    [
        (39, 10, "39 patients, 10 of the rarest class; a learning curve needs 40 patients$"),
        (63, 2, "63 patients, 2 of the rarest class; a learning curve needs 64 patients where 2 have the rarest class"),
        (99, 1, "99 patients, 1 of the rarest class; a learning curve needs 64 patients where 2 have the rarest class"),
    ],
)
def test_too_few_patients_are_refused(rng: np.random.Generator, patients: int, rarest: int, message: str) -> None:
    labels = (np.arange(patients) < rarest).astype(int)
    names = np.arange(patients).astype(str)
    with pytest.raises(SplitError, match=message):
        of_features(rng.normal(size=(patients, 4)), labels, names, 2, Config(model=ModelConfig()), 1)


@pytest.mark.parametrize("rarest", [2, 3, 4])
def test_each_part_has_a_rare_class(rng: np.random.Generator, rarest: int) -> None:
    labels = (np.arange(90) < rarest).astype(int)
    features = (rng.normal(size=(90, 4)) + labels[:, None]).astype(np.float32)
    tried = of_features(features, labels, np.arange(90).astype(str), 2, Config(), 2)
    assert np.isfinite(tried.probabilities).all()
