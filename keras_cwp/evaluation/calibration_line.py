"""Calibration intercept and slope of each class: how log odds given relate to log odds that came true.

Slope 1 and intercept 0 are calibration. A slope below 1 is a model too sure of itself; the intercept at slope 1
(calibration in the large) is above 0 where the class is commoner than the model says.

References: Cox, Biometrika 45 (1958) 562-565; Van Calster et al., BMC Medicine 17 (2019) 230.
"""

from __future__ import annotations

import numpy as np
from scipy import special, stats

from keras_cwp.evaluation.intervals import Figure
from keras_cwp.evaluation.score_interval import LEVEL
from keras_cwp.scores import Scores

_STEPS, _SETTLED = 50, 1e-10  # Newton's steps at most, and the change at which they end
_STEEPEST = 50.0  # a slope beyond this is a separation that has no finite fit
_EDGE = 1e-12
_NO_FIT = "no fit: the class is absent, alone, or told apart without an error"


def calibration_lines(scores: Scores) -> dict[str, dict[str, Figure]]:
    """class -> `intercept` (at slope 1) and `slope`, with 95 % intervals over patients.

    Args:
        scores: labelled rows.
    """
    return {
        name: calibration_line(scores.label == column, scores.probabilities[:, column], scores.patient_id)
        for column, name in enumerate(scores.classes)
    }


def calibration_line(positive: np.ndarray, probability: np.ndarray, patients: np.ndarray) -> dict[str, Figure]:
    """Intercept at slope 1, and slope, by logistic regression; standard errors clustered by patient, t quantiles.

    Args:
        positive: bool [rows].
        probability: float [rows].
        patients: str or int [rows].
    """
    odds = special.logit(np.clip(probability, _EDGE, 1 - _EDGE))
    names, patient = np.unique(patients, return_inverse=True)
    ones = np.ones((len(odds), 1))
    return {
        "intercept": _figure(_fit(ones, odds, positive, patient, len(names)), 0, len(names)),
        "slope": _figure(_fit(np.column_stack([ones, odds]), 0 * odds, positive, patient, len(names)), 1, len(names)),
    }


def _fit(
    columns: np.ndarray, offset: np.ndarray, positive: np.ndarray, patient: np.ndarray, patients: int
) -> tuple[np.ndarray, np.ndarray] | None:
    """Coefficients [k] and their clustered covariance [k, k]; None where there is no finite fit."""
    if not 0 < positive.sum() < len(positive) or np.ptp(columns[:, -1]) == 0 < columns.shape[1] - 1:
        return None
    beta = np.zeros(columns.shape[1])
    for _ in range(_STEPS):
        mean = special.expit(offset + columns @ beta)
        bread = (columns * (mean * (1 - mean))[:, None]).T @ columns
        if np.linalg.cond(bread) > 1e12:
            return None
        step = np.linalg.solve(bread, columns.T @ (positive - mean))
        beta = beta + step * min(1.0, 2.0 / max(np.abs(step).max(), 1e-300))
        if np.abs(step).max() < _SETTLED:
            break
    if np.abs(step).max() >= _SETTLED or np.abs(beta[-1]) > _STEEPEST:
        return None
    mean = special.expit(offset + columns @ beta)
    inverse = np.linalg.inv((columns * (mean * (1 - mean))[:, None]).T @ columns)
    pulls = columns * (positive - mean)[:, None]
    sums = np.stack([np.bincount(patient, weights=own, minlength=patients) for own in pulls.T], axis=1)
    corrected = patients / max(patients - 1, 1)
    return beta, corrected * inverse @ (sums.T @ sums) @ inverse


def _figure(fit: tuple[np.ndarray, np.ndarray] | None, place: int, patients: int) -> Figure:
    if fit is None:
        return {"value": None, "ci95": None, "reason": _NO_FIT}
    value = float(fit[0][place])
    left = patients - len(fit[0])
    if left < 1:
        return {"value": value, "ci95": None, "reason": "too few patients"}
    half = float(stats.t.ppf((1 + LEVEL) / 2, left) * np.sqrt(fit[1][place, place]))
    return {"value": value, "ci95": [value - half, value + half]}
