"""A smooth calibration curve with its band: how often came true what was given a probability, without bins.

A logistic regression of the outcome on a natural cubic spline of the log odds given, three to five knots at quantiles;
clustered covariance, so that the band is over patients.

References: Harrell, Regression Modeling Strategies (2015), section 2.4 (knots); Austin and Steyerberg, Statistics in
Medicine 33 (2014) 517-535 (smooth calibration curves).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special, stats

from keras_cwp.evaluation.score_interval import LEVEL

_POINTS = 60
_KNOTS = {3: (0.1, 0.5, 0.9), 4: (0.05, 0.35, 0.65, 0.95)}  # quantiles
_MANY = 100  # patients from which on four knots are used
_EDGE = 1e-6  # probabilities nearer to 0 or 1 count as this near
_RIDGE = 1e-6  # keeps a fit of separated outcomes finite, and changes no other
_FEWEST = 10  # patients with the class and without


@dataclass(frozen=True, eq=False)
class SmoothCurve:
    """Probabilities given [points], the smoothed share that came true, and its pointwise 95 % limits."""

    given: np.ndarray
    came_true: np.ndarray
    lower: np.ndarray
    upper: np.ndarray


def smooth_calibration(positive: np.ndarray, probability: np.ndarray, patients: np.ndarray) -> SmoothCurve | None:
    """The curve between the 1 % and the 99 % quantile of the probabilities.

    Args:
        positive: bool [rows].
        probability: float [rows].
        patients: str or int [rows].

    Returns:
        None with fewer than 10 patients with the class or without, or with too few different probabilities.
    """
    names, patient = np.unique(patients, return_inverse=True)
    if min(len(np.unique(patient[rows])) for rows in (positive, ~positive)) < _FEWEST:
        return None
    odds = special.logit(np.clip(probability, _EDGE, 1 - _EDGE))
    knots = np.quantile(odds, _KNOTS[4 if len(names) >= _MANY else 3])
    if len(np.unique(np.round(knots, 9))) < len(knots):
        return None
    columns = _spline(odds, knots)
    beta, covariance = _fit(columns, positive, patient, len(names))
    low, high = np.quantile(odds, [0.01, 0.99])
    points = np.linspace(float(low), float(high), _POINTS)
    design = _spline(points, knots)
    middle = design @ beta
    quantile = float(stats.t.ppf((1 + LEVEL) / 2, len(names) - len(beta)))
    half = quantile * np.sqrt(np.einsum("pk,kl,pl->p", design, covariance, design))
    return SmoothCurve(*(special.expit(each) for each in (points, middle, middle - half, middle + half)))


def _spline(x: np.ndarray, knots: np.ndarray) -> np.ndarray:
    """Columns [points, knots] of a natural cubic spline: linear beyond the outer knots."""
    last, before = knots[-1], knots[-2]
    scale = (last - knots[0]) ** 2

    def cube(knot: float) -> np.ndarray:
        return np.maximum(x - knot, 0) ** 3

    bent = [
        (cube(knot) - cube(before) * (last - knot) / (last - before) + cube(last) * (before - knot) / (last - before))
        / scale
        for knot in knots[:-2]
    ]
    return np.column_stack([np.ones_like(x), x, *bent])


def _fit(
    columns: np.ndarray, positive: np.ndarray, patient: np.ndarray, patients: int
) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients and clustered covariance of a logistic regression with a trace of a ridge."""
    beta, ridge = np.zeros(columns.shape[1]), _RIDGE * len(columns) * np.eye(columns.shape[1])
    for _ in range(50):
        mean = special.expit(columns @ beta)
        bread = (columns * (mean * (1 - mean))[:, None]).T @ columns + ridge
        step = np.linalg.solve(bread, columns.T @ (positive - mean) - ridge @ beta)
        beta = beta + step * min(1.0, 2.0 / max(float(np.abs(step).max()), 1e-300))
        if np.abs(step).max() < 1e-8:
            break
    pulls = columns * (positive - special.expit(columns @ beta))[:, None]
    sums = np.stack([np.bincount(patient, weights=own, minlength=patients) for own in pulls.T], axis=1)
    inverse = np.linalg.inv(bread)
    return beta, patients / max(patients - 1, 1) * inverse @ (sums.T @ sums) @ inverse
