"""Metrics of the probabilities themselves: log loss and Brier score."""

from __future__ import annotations

import numpy as np

from keras_cwp.evaluation.statistic import Key, Statistic, ratio

SMALLEST_PROBABILITY = 1e-12  # keeps the log loss of a probability of zero finite; the only such floor


def probability_statistic(labels: np.ndarray, probabilities: np.ndarray) -> Statistic:
    """Log loss (nats) and Brier score (sum over classes, 0 to 2).

    Args:
        labels: int [rows].
        probabilities: float [rows, classes].

    Reference: Brier, Monthly Weather Review 78 (1950) 1-3.
    """
    per_row = np.stack([row_losses(labels, probabilities), row_brier(labels, probabilities)])

    def statistic(weights: np.ndarray) -> dict[Key, np.ndarray]:
        log_loss, brier = ratio(per_row @ weights, weights.sum(axis=0))
        return {("log_loss",): log_loss, ("brier",): brier}

    return statistic


def row_losses(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Cross-entropy [rows] in nats."""
    of_truth = probabilities[np.arange(len(labels)), labels]
    return -np.log(np.clip(of_truth, SMALLEST_PROBABILITY, 1.0))


def row_brier(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Squared distance [rows] between the probabilities and the truth, summed over classes."""
    truth = labels[:, None] == np.arange(probabilities.shape[1])
    return ((probabilities - truth) ** 2).sum(axis=1)


def bin_of(confidence: np.ndarray, bins: int) -> np.ndarray:
    """int [rows]: which of the equally wide bins of [0, 1]; a bin holds its lower edge, the last also 1."""
    return np.minimum((confidence * bins).astype(int), bins - 1)
