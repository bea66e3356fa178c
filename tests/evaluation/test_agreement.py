from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics

from keras_cwp.evaluation.agreement import agreement_statistic, confusion_matrix, kappa, right_statistic
from keras_cwp.evaluation.statistic import joined, on_table


def test_every_figure_is_scikit_learns(scores) -> None:
    labels, decisions = scores.label, scores.probabilities.argmax(axis=1)
    families = (
        right_statistic(labels, decisions),
        agreement_statistic(labels, decisions, scores.classes, scores.classes),
    )
    found = on_table(joined(*families), len(scores))
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
    both = joined(right_statistic(labels, labels), agreement_statistic(labels, labels, ("a", "b"), ("a", "b")))
    found = on_table(both, 4)
    assert np.isnan(found["kappa", "quadratic"])
    assert np.isnan(found[("mcc",)])
    assert found[("accuracy",)] == 1
    assert np.isnan(found["f1", "per_class", "b"])


def test_weighted_kappa_follows_the_order_and_not_the_names(scores) -> None:
    """Renamed and sorted anew, the classes keep their order, and kappa its value."""
    labels, decisions = scores.label, scores.probabilities.argmax(axis=1)
    renamed = {0: 2, 1: 0, 2: 1}
    move = np.vectorize(renamed.get)
    first = on_table(agreement_statistic(labels, decisions, ("n", "s", "l"), ("n", "s", "l")), len(scores))
    second = on_table(agreement_statistic(move(labels), move(decisions), ("s", "l", "n"), ("n", "s", "l")), len(scores))
    assert first["kappa", "quadratic"] == pytest.approx(second["kappa", "quadratic"], abs=1e-12)
    assert ("kappa", "linear") not in on_table(agreement_statistic(labels, decisions, ("n", "s", "l")), len(scores))
