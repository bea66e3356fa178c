from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics

from keras_cwp.evaluation.roc import Roc, auc, macro_auc, macro_curve, one_vs_rest, roc_curve, sample


def pairwise_auc(positive: np.ndarray, score: np.ndarray) -> float:
    """The definition, pair by pair."""
    won = [(a > b) + (a == b) / 2 for a in score[positive] for b in score[~positive]]
    return sum(won) / len(won)


@pytest.mark.parametrize("decimals", [0, 1, 6])
def test_auc_is_the_share_of_pairs_won_with_ties_as_half(decimals: int) -> None:
    rng = np.random.default_rng(decimals)
    positive, score = rng.random(60) < 0.4, np.round(rng.normal(size=60), decimals)
    assert auc(positive, score) == pytest.approx(pairwise_auc(positive, score), abs=1e-12)
    assert roc_curve(positive, score).area == pytest.approx(pairwise_auc(positive, score), abs=1e-12)


def test_points_are_those_of_scikit_learn() -> None:
    rng = np.random.default_rng(3)
    positive, score = rng.random(200) < 0.3, np.round(rng.normal(size=200), 1)
    false, true, thresholds = metrics.roc_curve(positive, score, drop_intermediate=False)
    ours = roc_curve(positive, score)
    np.testing.assert_allclose(ours.false_positive_rate, false, atol=1e-15)
    np.testing.assert_allclose(ours.true_positive_rate, true, atol=1e-15)
    np.testing.assert_array_equal(ours.threshold[1:], thresholds[1:])


def test_points_by_hand_with_a_tie_between_the_classes() -> None:
    curve = roc_curve(np.array([True, False, True, False]), np.array([0.9, 0.5, 0.5, 0.1]))
    assert curve.false_positive_rate.tolist() == [0, 0, 0.5, 1]
    assert curve.true_positive_rate.tolist() == [0, 0.5, 1, 1]
    assert curve.threshold.tolist() == [np.inf, 0.9, 0.5, 0.1]


def test_a_weight_is_a_repetition() -> None:
    rng = np.random.default_rng(4)
    positive, score, weight = rng.random(50) < 0.5, np.round(rng.normal(size=50), 1), rng.integers(0, 4, 50)
    repeated = roc_curve(np.repeat(positive, weight), np.repeat(score, weight))
    assert roc_curve(positive, score, weight).area == pytest.approx(repeated.area, abs=1e-12)


@pytest.mark.parametrize("positive", [[], [True, True], [False]])
def test_without_both_kinds_there_is_no_curve(positive: list[bool]) -> None:
    chosen = np.array(positive, dtype=bool)
    assert roc_curve(chosen, np.zeros(len(chosen))) is None
    assert np.isnan(auc(chosen, np.zeros(len(chosen))))


def test_macro_auc_leaves_out_unknown_labels_and_absent_classes() -> None:
    labels = np.array([0, 0, 1, 1, -1])
    probabilities = np.array([[0.8, 0.1, 0.1], [0.4, 0.5, 0.1], [0.5, 0.4, 0.1], [0.1, 0.8, 0.1], [1, 0, 0]])
    assert macro_auc(labels, probabilities) == pytest.approx(0.75)  # 3 of 4 pairs in either class; class 2 never
    assert np.isnan(macro_auc(np.array([1, 1]), probabilities[:2]))


def test_macro_curve_has_the_mean_area_and_passes_through_the_mean_of_steps() -> None:
    rng = np.random.default_rng(5)
    labels, probabilities = rng.integers(3, size=80), np.round(rng.dirichlet(np.ones(3), 80), 1)
    positive = one_vs_rest(labels, 3)
    curves = [roc_curve(positive[:, c], probabilities[:, c]) for c in range(3)]
    mean = macro_curve(curves)
    assert mean.area == pytest.approx(np.mean([curve.area for curve in curves]), abs=1e-12)
    assert (np.diff(mean.true_positive_rate) >= -1e-12).all()


def test_sample_takes_the_upper_end_of_a_step_and_interpolates_between() -> None:
    curve = Roc(np.array([0, 0, 0.5, 0.5, 1]), np.array([0, 0.4, 0.6, 0.8, 1]), np.zeros(5))
    np.testing.assert_allclose(sample(curve, np.array([0, 0.25, 0.5, 0.75, 1])), [0.4, 0.5, 0.8, 0.9, 1])
