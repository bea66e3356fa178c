"""Reliability: how often things that were given a probability came true."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from keras_cwp.evaluation.probability import bin_of
from keras_cwp.evaluation.score_interval import clustered_proportion


@dataclass(frozen=True)
class ReliabilityBin:
    """The rows whose probability fell between `lower` and `upper`.

    Args:
        rows: how many; at least one.
        mean_probability: what was promised.
        frequency: what came true.
        ci95: score interval of the frequency, clustered by patient.
    """

    lower: float
    upper: float
    rows: int
    mean_probability: float
    frequency: float
    ci95: tuple[float, float]


def reliability(positive: np.ndarray, probability: np.ndarray, patients: np.ndarray, bins: int) -> list[ReliabilityBin]:
    """The bins that hold any row, in ascending order.

    Args:
        positive: bool [rows].
        probability: float [rows] in [0, 1].
        patients: str or int [rows].
    """
    index = bin_of(probability, bins)
    found = []
    for number in np.unique(index):
        rows = index == number
        limits = clustered_proportion(positive[rows], patients[rows])
        assert limits is not None  # the bin holds rows
        mean, frequency = float(probability[rows].mean()), float(positive[rows].mean())
        found.append(ReliabilityBin(number / bins, (number + 1) / bins, int(rows.sum()), mean, frequency, limits))
    return found
