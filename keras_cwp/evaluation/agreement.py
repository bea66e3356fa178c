"""Metrics of the decision: accuracy, balanced accuracy, F1, Cohen's kappa, Matthews' correlation."""

from __future__ import annotations

import numpy as np

from keras_cwp.evaluation.estimates import Estimate, mean_estimate, proportion_of
from keras_cwp.evaluation.statistic import Key, Statistic, ratio


def confusion_matrix(labels: np.ndarray, decisions: np.ndarray, classes: int) -> np.ndarray:
    """int [classes, classes]: rows are the truth, columns the decision."""
    cells = np.bincount(labels * classes + decisions, minlength=classes * classes)
    return cells.reshape(classes, classes)


def agreement_statistic(
    labels: np.ndarray, decisions: np.ndarray, classes: tuple[str, ...], order: tuple[str, ...] | None = None
) -> Statistic:
    """F1, kappa and correlation; what a confusion matrix holds beside the proportions of `right_statistic`.

    Args:
        labels, decisions: int [rows], indices into `classes`.
        order: the classes in their order, for weighted kappa; None: they have none, and there is no weighted kappa.

    Returns:
        Means over classes are over those that occur among `labels`; in a resample that lost one they are NaN.
    """
    present = np.unique(labels)
    cell = labels * len(classes) + decisions
    membership = (cell == np.arange(len(classes) ** 2)[:, None]).astype(float)
    rank = None if order is None else np.array([classes.index(name) for name in order])

    def statistic(weights: np.ndarray) -> dict[Key, np.ndarray]:
        matrix = (membership @ weights).reshape(len(classes), len(classes), -1)
        weighted = {} if rank is None else _weighted_kappa(matrix[np.ix_(rank, rank)])
        return _of_matrix(matrix, present, classes) | weighted

    return statistic


def right_statistic(labels: np.ndarray, decisions: np.ndarray) -> Statistic:
    """Accuracy, and balanced accuracy as the mean of the recalls of the classes that occur among `labels`."""
    right = (labels == decisions).astype(float)
    of_class = (labels == np.unique(labels)[:, None]).astype(float)

    def statistic(weights: np.ndarray) -> dict[Key, np.ndarray]:
        recall = ratio((of_class * right) @ weights, of_class @ weights)
        accuracy = ratio(right @ weights, weights.sum(axis=0))
        return {("accuracy",): accuracy, ("balanced_accuracy",): recall.mean(axis=0)}

    return statistic


def right_estimates(
    labels: np.ndarray, decisions: np.ndarray, patient: np.ndarray, patients: int
) -> dict[Key, Estimate]:
    """The variances of `right_statistic`.

    Args:
        patient: int [rows], 0 to patients - 1.
    """
    right = labels == decisions
    whole = proportion_of(right, patient, patients)
    parts = [proportion_of(right[labels == c], patient[labels == c], patients) for c in np.unique(labels)]
    recalls = [part for part in parts if part is not None]
    return {} if whole is None else {("accuracy",): whole, ("balanced_accuracy",): mean_estimate(recalls)}


def kappa(matrix: np.ndarray, power: int) -> np.ndarray:
    """Cohen's kappa with disagreement weights |i - j| ** power (1: linear, 2: quadratic, 0: unweighted).

    Args:
        matrix: float [classes, classes, ...]; trailing axes are kept.

    Returns:
        NaN where chance agreement is complete (one class only on both sides).
    """
    index = np.arange(len(matrix))
    distance = np.abs(index[:, None] - index)
    weight = (distance > 0).astype(float) if power == 0 else distance.astype(float) ** power
    expected = np.einsum("i...,j...->ij...", matrix.sum(axis=1), matrix.sum(axis=0))
    seen = np.einsum("ij,ij...->...", weight, matrix) * matrix.sum(axis=(0, 1))
    return 1 - ratio(seen, np.einsum("ij,ij...->...", weight, expected))


def matthews(matrix: np.ndarray) -> np.ndarray:
    """Matthews' correlation for several classes; NaN where labels or decisions are all of one class.

    Reference: Gorodkin, Computational Biology and Chemistry 28 (2004) 367-374.
    """
    rows, columns, total = matrix.sum(axis=1), matrix.sum(axis=0), matrix.sum(axis=(0, 1))
    covariance = np.einsum("ii...->...", matrix) * total - (rows * columns).sum(axis=0)
    spread = (total**2 - (rows**2).sum(axis=0)) * (total**2 - (columns**2).sum(axis=0))
    return ratio(covariance, np.sqrt(np.maximum(spread, 0)))


def _weighted_kappa(ordered: np.ndarray) -> dict[Key, np.ndarray]:
    return {("kappa", "linear"): kappa(ordered, 1), ("kappa", "quadratic"): kappa(ordered, 2)}


def _of_matrix(matrix: np.ndarray, present: np.ndarray, classes: tuple[str, ...]) -> dict[Key, np.ndarray]:
    right = np.einsum("ii...->i...", matrix)
    f1 = ratio(2 * right, matrix.sum(axis=1) + matrix.sum(axis=0))
    found: dict[Key, np.ndarray] = {
        ("f1", "macro"): f1[present].mean(axis=0),
        ("kappa", "unweighted"): kappa(matrix, 0),
        ("mcc",): matthews(matrix),
    }
    return found | {("f1", "per_class", name): f1[column] for column, name in enumerate(classes)}
