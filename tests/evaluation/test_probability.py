from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics

from keras_cwp.evaluation.calibration_error import expected_calibration_error
from keras_cwp.evaluation.probability import bin_of, probability_statistic
from keras_cwp.evaluation.reliability import reliability
from keras_cwp.evaluation.statistic import on_table


def slow_ece(labels: np.ndarray, probabilities: np.ndarray, bins: int) -> float:
    """Bin by bin: share of rows × |mean confidence - accuracy|."""
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    total = 0.0
    for lower in np.arange(bins) / bins:
        inside = (confidence >= lower) & (confidence < lower + 1 / bins if lower < 1 - 1 / bins else confidence <= 1)
        if inside.any():
            total += inside.mean() * abs(confidence[inside].mean() - right[inside].mean())
    return total


def test_log_loss_brier_and_ece(scores) -> None:
    found = on_table(probability_statistic(scores.label, scores.probabilities), len(scores))
    truth = np.eye(3)[scores.label]
    assert found[("log_loss",)] == pytest.approx(metrics.log_loss(scores.label, scores.probabilities))
    assert found[("brier",)] == pytest.approx(((scores.probabilities - truth) ** 2).sum(axis=1).mean())
    plain = expected_calibration_error(scores.label, scores.probabilities, 10)
    assert plain == pytest.approx(slow_ece(scores.label, scores.probabilities, 10))


def test_a_zero_probability_of_the_truth_costs_much_but_not_infinitely() -> None:
    found = on_table(probability_statistic(np.array([0]), np.array([[0.0, 1.0]])), 1)
    assert found[("log_loss",)] == pytest.approx(-np.log(1e-12))
    assert found[("brier",)] == 2


def test_bins_hold_their_lower_edge_and_the_last_holds_one() -> None:
    assert bin_of(np.array([0.0, 0.25, 0.5, 0.999, 1.0]), 4).tolist() == [0, 1, 2, 3, 3]


def test_reliability_bins_by_hand() -> None:
    positive = np.array([False, False, True, True])
    found = reliability(positive, np.array([0.1, 0.3, 0.4, 0.9]), np.array(["a", "b", "c", "d"]), 2)
    assert [(b.rows, b.frequency) for b in found] == [(3, pytest.approx(1 / 3)), (1, 1.0)]
    assert found[0].mean_probability == pytest.approx(0.8 / 3)
    assert found[1].ci95[0] < 0.5  # one ROI says little
