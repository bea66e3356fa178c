from __future__ import annotations

import numpy as np
import pytest
from scipy.special import softmax

from keras_cwp.evaluation.judged_patients import patients_to_judge
from keras_cwp.evaluation.ranking import macro_estimate
from keras_cwp.evaluation.score_interval import score_limits
from keras_cwp.scores import Scores

SHARES = (0.5, 0.3, 0.2)


def study(rng: np.random.Generator, patients: int, gain: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels, probabilities and patients of two ROIs a patient."""
    counts = np.round(np.array(SHARES) * patients).astype(int)
    patient = np.repeat(np.arange(counts.sum()), 2)
    labels = np.repeat(np.arange(3), counts)[patient]
    own = rng.normal(size=(counts.sum(), 3))[patient] + rng.normal(size=(len(patient), 3))
    own[np.arange(len(labels)), labels] += gain
    return labels, softmax(own, axis=1), patient


def scores(labels: np.ndarray, probabilities: np.ndarray, patient: np.ndarray) -> Scores:
    names = np.arange(len(labels)).astype(str)
    return Scores(("a", "b", "c"), names, patient.astype(str), names, 0 * patient, labels, probabilities)


def half_width(labels: np.ndarray, probabilities: np.ndarray, patient: np.ndarray) -> float:
    estimate = macro_estimate(labels, probabilities, patient, patient.max() + 1)
    assert estimate is not None
    limits = score_limits(estimate)
    assert limits is not None
    return (limits[1] - limits[0]) / 2


@pytest.mark.parametrize("wished", [0.1, 0.02])
def test_studies_of_that_size_have_intervals_of_that_width(wished: float) -> None:
    rng, planned = np.random.default_rng(3), []
    for _ in range(40):
        judged = patients_to_judge(scores(*study(rng, 100, 2.0)), wished)
        assert judged is not None
        planned.append((judged.patients, judged.low, judged.high))
    number, *_ = np.median(planned, axis=0).astype(int)
    widths = [half_width(*study(rng, number, 2.0)) for _ in range(40)]
    assert np.mean(widths) == pytest.approx(wished, rel=0.12)
    needed = number * (np.mean(widths) / wished) ** 2
    assert np.mean([low <= needed <= high for _, low, high in planned]) >= 0.85


def test_the_width_that_the_run_has_takes_its_patients() -> None:
    run = study(np.random.default_rng(0), 50, 2.0)
    judged = patients_to_judge(scores(*run), half_width(*run))
    assert judged is not None
    assert abs(judged.patients - 50) <= 1
    assert not judged.at_least


def test_a_perfect_run_gives_the_least_number() -> None:
    labels, _, patient = study(np.random.default_rng(0), 20, 0.0)
    run = labels, np.eye(3)[labels], patient
    narrow, wide = (patients_to_judge(scores(*run), wished) for wished in (0.02, 0.4))
    assert narrow is not None
    assert wide is not None
    assert narrow.at_least
    assert narrow.patients > 20
    assert wide.patients == 10  # two of them have the rarest class


def test_a_run_that_shows_no_variance_gives_none() -> None:
    labels, probabilities, patient = study(np.random.default_rng(0), 10, 1.0)
    alone = np.isin(patient, [0, 5, 8])  # one of each class
    assert patients_to_judge(scores(labels[alone], probabilities[alone], patient[alone]), 0.1) is None
