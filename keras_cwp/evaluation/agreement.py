"""Figures of the decision: accuracy, balanced accuracy, F1, Cohen's kappa, Matthews' correlation."""

from __future__ import annotations

import numpy as np

from keras_cwp.evaluation.statistic import Key, Statistic, ratio


def confusion_matrix(labels: np.ndarray, decisions: np.ndarray, classes: int) -> np.ndarray:
    """int [classes, classes]: rows are the truth, columns the decision."""
    cells = np.bincount(labels * classes + decisions, minlength=classes * classes)
    return cells.reshape(classes, classes)


def agreement_statistic(labels: np.ndarray, decisions: np.ndarray, classes: tuple[str, ...]) -> Statistic:
    """All figures that a confusion matrix holds.

    Args:
        labels, decisions: int [rows], indices into `classes`.

    Returns:
        Means over classes are over those that occur among `labels`; in a resample that lost one they are NaN.
    """
    present = np.unique(labels)
    cell = labels * len(classes) + decisions
    membership = (cell == np.arange(len(classes) ** 2)[:, None]).astype(float)

    def statistic(weights: np.ndarray) -> dict[Key, np.ndarray]:
        matrix = (membership @ weights).reshape(len(classes), len(classes), -1)
        return _of_matrix(matrix, present, classes)

    return statistic


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


def _of_matrix(matrix: np.ndarray, present: np.ndarray, classes: tuple[str, ...]) -> dict[Key, np.ndarray]:
    right = np.einsum("ii...->i...", matrix)
    truth, decided = matrix.sum(axis=1), matrix.sum(axis=0)
    recall, f1 = ratio(right, truth), ratio(2 * right, truth + decided)
    found: dict[Key, np.ndarray] = {
        ("accuracy",): ratio(right.sum(axis=0), truth.sum(axis=0)),
        ("balanced_accuracy",): recall[present].mean(axis=0),
        ("f1", "macro"): f1[present].mean(axis=0),
        ("kappa", "unweighted"): kappa(matrix, 0),
        ("kappa", "linear"): kappa(matrix, 1),
        ("kappa", "quadratic"): kappa(matrix, 2),
        ("mcc",): matthews(matrix),
    }
    return found | {("f1", "per_class", name): f1[column] for column, name in enumerate(classes)}
