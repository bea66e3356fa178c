from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics

from keras_cwp.evaluation.agreement import agreement_statistic, confusion_matrix, kappa
from keras_cwp.evaluation.statistic import on_table


def test_every_figure_is_scikit_learns(scores) -> None:
    labels, decisions = scores.label, scores.probabilities.argmax(axis=1)
    found = on_table(agreement_statistic(labels, decisions, scores.classes), len(scores))
    expected = {
        ("accuracy",): metrics.accuracy_score(labels, decisions),
        ("balanced_accuracy",): metrics.balanced_accuracy_score(labels, decisions),
        ("f1", "macro"): metrics.f1_score(labels, decisions, average="macro"),
        ("kappa", "unweighted"): metrics.cohen_kappa_score(labels, decisions),
        ("kappa", "linear"): metrics.cohen_kappa_score(labels, decisions, weights="linear"),
        ("kappa", "quadratic"): metrics.cohen_kappa_score(labels, decisions, weights="quadratic"),
        ("mcc",): metrics.matthews_corrcoef(labels, decisions),
        ("f1", "per_class", "normal"): metrics.f1_score(labels, decisions, average=None)[0],
    }
    for key, value in expected.items():
        assert found[key] == pytest.approx(value, abs=1e-12), key


def test_quadratic_kappa_is_tensorflow_addons(shared) -> None:
    with np.load(shared / "golden" / "tensorflow_addons_0.23.npz", allow_pickle=False) as golden:
        labels, predictions = golden["labels"], golden["predictions"]
        expected = float(golden["cohen_kappa_quadratic"])
    classes = int(max(labels.max(), predictions.max())) + 1
    ours = kappa(confusion_matrix(labels, predictions, classes).astype(float), 2)
    assert float(ours) == pytest.approx(expected, abs=1e-6)


def test_confusion_by_hand_rows_are_the_truth() -> None:
    matrix = confusion_matrix(np.array([0, 0, 1, 2]), np.array([0, 1, 1, 0]), 3)
    assert matrix.tolist() == [[1, 1, 0], [0, 1, 0], [1, 0, 0]]


def test_one_class_only_leaves_kappa_and_correlation_undefined() -> None:
    labels = np.zeros(4, dtype=int)
    found = on_table(agreement_statistic(labels, labels, ("a", "b")), 4)
    assert np.isnan(found["kappa", "quadratic"])
    assert np.isnan(found[("mcc",)])
    assert found[("accuracy",)] == 1
    assert np.isnan(found["f1", "per_class", "b"])
