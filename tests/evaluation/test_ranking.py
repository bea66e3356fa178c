from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics

from keras_cwp.evaluation.ranking import (
    auc_estimates,
    auc_statistic,
    average_precision_statistic,
    hand_till_estimates,
    hand_till_statistic,
    weighted_auc,
    weighted_average_precision,
)
from keras_cwp.evaluation.roc import one_vs_rest
from keras_cwp.evaluation.statistic import on_table


@pytest.mark.parametrize("ties", [False, True])
def test_table_figures_are_those_of_scikit_learn(make_scores, ties: bool) -> None:
    scores = make_scores(ties=ties)
    truth, probabilities = one_vs_rest(scores.label, 3), scores.probabilities
    found = on_table(auc_statistic(truth, probabilities, scores.classes), len(scores))
    found |= on_table(average_precision_statistic(truth, probabilities, scores.classes), len(scores))
    found |= on_table(hand_till_statistic(scores.label, probabilities, scores.classes), len(scores))
    expected = {
        ("auc", "macro"): metrics.roc_auc_score(truth, probabilities, average="macro"),
        ("auc", "micro"): metrics.roc_auc_score(truth, probabilities, average="micro"),
        ("auc", "hand_till"): metrics.roc_auc_score(scores.label, probabilities, multi_class="ovo"),
        ("average_precision", "macro"): metrics.average_precision_score(truth, probabilities, average="macro"),
        ("average_precision", "micro"): metrics.average_precision_score(truth, probabilities, average="micro"),
    }
    for key, value in expected.items():
        assert found[key] == pytest.approx(value, abs=1e-12), key


@pytest.mark.parametrize("figure", [weighted_auc, weighted_average_precision])
def test_weights_are_repetitions_resample_by_resample(figure) -> None:
    rng = np.random.default_rng(1)
    positive, score = rng.random(40) < 0.4, np.round(rng.normal(size=40), 1)
    weights = rng.integers(0, 4, size=(40, 6))
    repeated = [
        figure(np.repeat(positive, column), np.repeat(score, column))(np.ones((column.sum(), 1)))[0]
        for column in weights.T
    ]
    np.testing.assert_allclose(figure(positive, score)(weights.astype(float)), repeated, atol=1e-12)


def test_a_resample_without_the_class_is_undefined_not_zero() -> None:
    figure = weighted_auc(np.array([True, False, False]), np.array([0.9, 0.2, 0.1]))
    assert np.isnan(figure(np.array([[0.0], [1.0], [2.0]])))[0]


def test_macro_is_over_the_classes_of_the_table(scores) -> None:
    two = scores.take(scores.label != 0)
    found = on_table(auc_statistic(one_vs_rest(two.label, 3), two.probabilities, two.classes), len(two))
    parts = [found["auc", "per_class", name] for name in scores.classes[1:]]
    assert np.isnan(found["auc", "per_class", "normal"])
    assert found["auc", "macro"] == pytest.approx(np.mean(parts))


@pytest.mark.parametrize("kind", ["ranked", "pairs"])
def test_estimates_have_the_values_of_the_statistics(scores, kind: str) -> None:
    truth, probabilities, classes = one_vs_rest(scores.label, 3), scores.probabilities, scores.classes
    names, patient = np.unique(scores.patient_id, return_inverse=True)
    if kind == "ranked":
        values = on_table(auc_statistic(truth, probabilities, classes), len(scores))
        estimates = auc_estimates(truth, probabilities, classes, patient, len(names))
    else:
        values = on_table(hand_till_statistic(scores.label, probabilities, classes), len(scores))
        estimates = hand_till_estimates(scores.label, probabilities, classes, patient, len(names))
    assert set(values) == set(estimates)
    for key, estimate in estimates.items():
        assert estimate.value == pytest.approx(values[key], abs=1e-12)
        np.testing.assert_allclose(estimate.arms.sum(axis=1), 0, atol=1e-12)
