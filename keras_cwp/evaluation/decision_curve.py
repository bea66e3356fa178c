"""Decision curve: what acting on the model is worth, against acting on everyone or on no one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special

from keras_cwp.evaluation.score_interval import LEVEL

THRESHOLDS = np.linspace(0.01, 0.99, 99)


@dataclass(frozen=True, eq=False)
class DecisionCurve:
    """Net benefit at each of THRESHOLDS: true positives a row, less false ones at the threshold's odds.

    Args:
        model, all_called: float [99]; calling no one is 0 everywhere.
        lower, upper: float [99], pointwise 95 % limits of `model` over patients; None where they are not known.
    """

    model: np.ndarray
    all_called: np.ndarray
    lower: np.ndarray | None = None
    upper: np.ndarray | None = None


def decision_curve(positive: np.ndarray, probability: np.ndarray, patients: np.ndarray | None = None) -> DecisionCurve:
    """Net benefit of calling rows whose probability reaches a threshold.

    Args:
        positive: bool [rows], at least one row.
        probability: float [rows].
        patients: str or int [rows], for the limits; None, or fewer than two patients: no limits.

    Reference: Vickers and Elkin, Medical Decision Making 26 (2006) 565-574.
    """
    odds = THRESHOLDS / (1 - THRESHOLDS)
    hits, alarms = np.sort(probability[positive]), np.sort(probability[~positive])
    true = len(hits) - np.searchsorted(hits, THRESHOLDS, side="left")
    false = len(alarms) - np.searchsorted(alarms, THRESHOLDS, side="left")
    prevalence = positive.mean()
    model, all_called = (true - false * odds) / len(positive), prevalence - (1 - prevalence) * odds
    if patients is None or len(np.unique(patients)) < 2:
        return DecisionCurve(model, all_called)
    half = _half_width(positive, probability, patients, model, odds)
    return DecisionCurve(model, all_called, model - half, model + half)


def _half_width(
    positive: np.ndarray, probability: np.ndarray, patients: np.ndarray, model: np.ndarray, odds: np.ndarray
) -> np.ndarray:
    """Of the interval at each threshold: net benefit is a mean over rows, clustered by patient."""
    names, patient = np.unique(patients, return_inverse=True)
    found = np.empty(len(THRESHOLDS))
    for place, threshold in enumerate(THRESHOLDS):
        of_row = (probability >= threshold) * np.where(positive, 1.0, -odds[place]) - model[place]
        sums = np.bincount(patient, weights=of_row, minlength=len(names)) / len(positive)
        found[place] = np.sqrt(len(names) / (len(names) - 1) * (sums**2).sum())
    return found * float(special.stdtrit(len(names) - 1, (1 + LEVEL) / 2))
