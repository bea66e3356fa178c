"""Calibration of all classes at once: a multinomial logistic model of what came true on the log odds that were given.

With class 0 as the reference, log odds of each other class are recalibrated as intercept + slope × log odds given.
Calibrated: intercepts 0, slopes 1. Intercepts are given at slope 1, slopes together with their intercepts.

Reference: Van Hoorde et al., Statistics in Medicine 33 (2014) 2585-2596.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import special, stats

from keras_cwp.evaluation.intervals import Figure
from keras_cwp.evaluation.score_interval import LEVEL
from keras_cwp.scores import Scores

_STEPS, _SETTLED = 60, 1e-9  # Newton's steps at most, and the change at which they end
_STEEPEST = 50.0  # a slope beyond this is a separation that has no finite fit
_EDGE = 1e-12
_NO_FIT = "no fit: a class is absent, or every ROI is classified without an error"
_FEW = "too few patients"


def multinomial_calibration(scores: Scores) -> dict[str, Any]:
    """Intercepts, slopes and a test that all are 0 and 1, ready for JSON.

    Args:
        scores: labelled rows.

    Returns:
        `reference`: the class that log odds are against; `intercepts` and `slopes`: other class → figure, with 95 %
        intervals over patients (clustered standard errors, t quantile); `p`: of all of them together (Wald's test with
        an F quantile), None with a `reason`.
    """
    names, patient = np.unique(scores.patient_id, return_inverse=True)
    given = np.log(np.clip(scores.probabilities, _EDGE, 1))
    odds, others = given[:, 1:] - given[:, :1], scores.classes[1:]
    present = len(np.unique(scores.label)) == len(scores.classes)
    fits = [_fit(odds, scores.label, patient, len(names), sloped) if present else None for sloped in (False, True)]
    count, head = len(others), {"reference": scores.classes[0]}
    return {
        **head,
        "intercepts": {name: _figure(fits[0], place, len(names)) for place, name in enumerate(others)},
        "slopes": {name: _figure(fits[1], count + place, len(names)) for place, name in enumerate(others)},
        **_test(fits[1], count, len(names)),
    }


_Fit = tuple[np.ndarray, np.ndarray]


def _fit(odds: np.ndarray, label: np.ndarray, patient: np.ndarray, patients: int, sloped: bool) -> _Fit | None:
    """Coefficients (intercepts, then slopes if `sloped`) and their clustered covariance; None without a finite fit."""
    count = odds.shape[1]
    truth = label[:, None] == np.arange(1, count + 1)
    beta = np.concatenate([np.zeros(count), np.ones(count * sloped)])
    for _ in range(_STEPS):
        pulls, bread = _pulls(beta, odds, truth, sloped)
        if np.linalg.cond(bread) > 1e12:
            return None
        step = np.linalg.solve(bread, pulls.sum(axis=0))
        beta = beta + step * min(1.0, 2.0 / max(float(np.abs(step).max()), 1e-300))
        if np.abs(step).max() < _SETTLED:
            break
    if np.abs(step).max() >= _SETTLED or np.abs(beta).max() > _STEEPEST:
        return None
    pulls, bread = _pulls(beta, odds, truth, sloped)
    inverse = np.linalg.inv(bread)
    sums = np.stack([np.bincount(patient, weights=own, minlength=patients) for own in pulls.T], axis=1)
    return beta, patients / max(patients - 1, 1) * inverse @ (sums.T @ sums) @ inverse


def _pulls(beta: np.ndarray, odds: np.ndarray, truth: np.ndarray, sloped: bool) -> tuple[np.ndarray, np.ndarray]:
    """Each row's score [rows, coefficients] and the information [coefficients, coefficients]."""
    count = odds.shape[1]
    line = beta[:count] + odds * (beta[count:] if sloped else 1.0)
    expected = special.softmax(np.column_stack([np.zeros(len(line)), line]), axis=1)[:, 1:]
    columns = [np.ones_like(odds), odds] if sloped else [np.ones_like(odds)]
    pulls = np.concatenate([each * (truth - expected) for each in columns], axis=1)
    spread = expected[:, :, None] * (np.eye(count) - expected[:, None, :])  # covariance of a row's outcome
    design = np.stack(columns, axis=1)  # [rows, 1 or 2, classes]
    bread = np.einsum("nac,ncd,nbd->acbd", design, spread, design)
    size = len(columns) * count
    return pulls, bread.reshape(size, size)


def _figure(fit: _Fit | None, place: int, patients: int) -> Figure:
    if fit is None:
        return {"value": None, "ci95": None, "reason": _NO_FIT}
    value, left = float(fit[0][place]), patients - len(fit[0])
    if left < 1:
        return {"value": value, "ci95": None, "reason": _FEW}
    half = float(stats.t.ppf((1 + LEVEL) / 2, left) * np.sqrt(fit[1][place, place]))
    return {"value": value, "ci95": [value - half, value + half]}


def _test(fit: _Fit | None, count: int, patients: int) -> dict[str, Any]:
    """Wald's test of intercepts 0 and slopes 1; the covariance of a few patients is known badly, hence F."""
    if fit is None:
        return {"p": None, "reason": _NO_FIT}
    left = patients - 2 * count
    if left < 1:
        return {"p": None, "reason": _FEW}
    gap = fit[0] - np.repeat([0.0, 1.0], count)
    squared = float(gap @ np.linalg.solve(fit[1], gap))
    ratio = squared * (left - 2 * count + 1) / (left * 2 * count)  # Hotelling's T² as F
    if left - 2 * count + 1 < 1:
        return {"p": None, "reason": _FEW}
    return {"p": float(stats.f.sf(ratio, 2 * count, left - 2 * count + 1))}
