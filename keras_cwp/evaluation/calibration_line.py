"""Calibration intercept and slope of each class: how log odds given relate to log odds that came true.

Slope 1 and intercept 0 are calibration. A slope below 1 is a model too sure of itself; the intercept at slope 1
(calibration in the large) is above 0 where the class is commoner than the model says.

A class that is separated without an error has no finite slope, but a slope that it cannot be below: the least one that
the likelihood still allows, each patient counting as one case however many ROIs it has.

References: Cox, Biometrika 45 (1958) 562-565; Van Calster et al., BMC Medicine 17 (2019) 230; Heinze and Schemper,
Statistics in Medicine 21 (2002) 2409-2419 (limits from the likelihood where there is no finite fit).
"""

from __future__ import annotations

import numpy as np
from scipy import special
from scipy.optimize import brentq

from keras_cwp.evaluation.intervals import Figure
from keras_cwp.evaluation.logistic_fit import Fit, binary, coefficient, fitted, rarer
from keras_cwp.evaluation.score_interval import t_quantile
from keras_cwp.scores import Scores

_STEEPEST = 50.0  # a slope beyond this is a separation that has no finite fit
_EDGE = 1e-12
_MOST_STEPS = 1000  # of a root's search
_NO_FIT = "no fit: the class is absent, alone, or its probabilities do not differ"
_APART = "no fit: the class is separated without an error, so the slope has no upper limit"


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
    """Intercept at slope 1, and slope, by logistic regression; intervals as `logistic_fit` says.

    A slope without a finite fit has `at_least`, a lower limit, instead of a value and an interval, where the class is
    separated without an error.

    Args:
        positive: bool [rows].
        probability: float [rows].
        patients: str or int [rows].
    """
    odds = special.logit(np.clip(probability, _EDGE, 1 - _EDGE))
    names, patient = np.unique(patients, return_inverse=True)
    fewest, count = rarer(positive, patient), len(names)
    if fewest == 0:
        return {name: coefficient(None, 0, 0, _NO_FIT) for name in ("intercept", "slope")}
    ones = np.ones((len(odds), 1))
    level = fitted(binary(ones, odds, positive), np.zeros(1), patient, count)
    found = {"intercept": coefficient(level, 0, fewest, _NO_FIT)}
    if odds[positive].min() >= odds[~positive].max() and np.ptp(odds) > 0:
        return found | {"slope": _apart(positive, odds, 1 / np.bincount(patient)[patient], fewest)}
    line: Fit | None = None
    if np.ptp(odds) > 0:
        line = fitted(binary(np.column_stack([ones, odds]), 0 * odds, positive), np.zeros(2), patient, count)
    if line is not None and abs(line.beta[1]) > _STEEPEST:
        line = None
    return found | {"slope": coefficient(line, 1, fewest, _NO_FIT)}


def _apart(positive: np.ndarray, odds: np.ndarray, weight: np.ndarray, fewest: int) -> Figure:
    """No slope, but where there are patients enough a lower limit of it."""
    found: Figure = {"value": None, "ci95": None, "reason": _APART}
    if fewest < 2:
        return found
    quantile = t_quantile(fewest - 1)

    def excess(slope: float) -> float:
        """Twice the loss at a slope, the intercept being the best one, less what the interval allows."""
        far = 40 + abs(slope) * float(np.abs(odds).max())

        def balance(own: float) -> float:
            return float(weight @ (positive - special.expit(own + slope * odds)))

        level = brentq(balance, -far, far, maxiter=_MOST_STEPS)  # nearly a step where the slope is steep
        line = level + slope * odds
        return 2 * float(weight @ np.logaddexp(0, np.where(positive, -line, line))) - quantile**2

    if excess(-_STEEPEST) <= 0 or excess(_STEEPEST) >= 0:
        return found
    return {**found, "at_least": float(brentq(excess, -_STEEPEST, _STEEPEST, maxiter=_MOST_STEPS))}
