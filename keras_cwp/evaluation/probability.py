"""Figures of the probabilities themselves: log loss, Brier score, expected calibration error."""

from __future__ import annotations

import numpy as np

from keras_cwp.evaluation.statistic import Key, Statistic, ratio

SMALLEST_PROBABILITY = 1e-7  # the cross-entropy of a probability that a file rounded to zero stays finite


def probability_statistic(labels: np.ndarray, probabilities: np.ndarray, bins: int) -> Statistic:
    """Log loss (nats), Brier score (sum over classes, 0 to 2) and expected calibration error of the top class.

    Args:
        labels: int [rows].
        probabilities: float [rows, classes].
        bins: equally wide bins of confidence.

    Reference: Brier, Monthly Weather Review 78 (1950) 1-3; Guo et al., ICML 2017 (ECE).
    """
    per_row = np.stack([row_losses(labels, probabilities), row_brier(labels, probabilities)])
    confidence = probabilities.max(axis=1)
    gap = confidence - (probabilities.argmax(axis=1) == labels)
    gap_in_bin = np.where(bin_of(confidence, bins) == np.arange(bins)[:, None], gap, 0.0)

    def statistic(weights: np.ndarray) -> dict[Key, np.ndarray]:
        total = weights.sum(axis=0)
        log_loss, brier = ratio(per_row @ weights, total)
        ece = ratio(np.abs(gap_in_bin @ weights).sum(axis=0), total)
        return {("log_loss",): log_loss, ("brier",): brier, ("ece",): ece}

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
