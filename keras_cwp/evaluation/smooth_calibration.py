"""A smooth calibration curve with its band: how often came true what was given a probability, without bins.

A logistic regression of the outcome on a natural cubic spline of the log odds given, three or four knots at quantiles.
The band is over patients, as `logistic_fit` says. The curve is given where its band is at most half of the scale wide:
at low probabilities of a rare class there may be no ROI of the class at all, and the spline then runs where it likes.

References: Harrell, Regression Modeling Strategies (2015), section 2.4 (knots); Austin and Steyerberg, Statistics in
Medicine 33 (2014) 517-535 (smooth calibration curves).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special

from keras_cwp.evaluation.logistic_fit import Model, binary, fitted, rarer
from keras_cwp.scores import Scores

_POINTS = 60
_KNOTS = {3: (0.1, 0.5, 0.9), 4: (0.05, 0.35, 0.65, 0.95)}  # quantiles
_MANY = 100  # patients from which on four knots are used
_EDGE = 1e-6  # probabilities nearer to 0 or 1 count as this near
_RIDGE = 1e-6  # of each row; keeps a fit of separated outcomes finite, and changes no other
_WIDEST = 0.5  # a band wider than this tells nothing
_FEWEST = 10  # patients with the class and without


@dataclass(frozen=True, eq=False)
class SmoothCurve:
    """Probabilities given [points], the smoothed share that came true, and its pointwise 95 % limits."""

    given: np.ndarray
    came_true: np.ndarray
    lower: np.ndarray
    upper: np.ndarray


def smooth_calibration(positive: np.ndarray, probability: np.ndarray, patients: np.ndarray) -> SmoothCurve | None:
    """The curve between the 1 % and the 99 % quantile of the probabilities, without ends where its band is too wide.

    Args:
        positive: bool [rows].
        probability: float [rows].
        patients: str or int [rows].

    Returns:
        None with fewer than 10 patients with the class or without, with too few different probabilities, and where the
        band is too wide everywhere.
    """
    names, patient = np.unique(patients, return_inverse=True)
    if rarer(positive, patient) < _FEWEST:
        return None
    odds = special.logit(np.clip(probability, _EDGE, 1 - _EDGE))
    knots = np.quantile(odds, _KNOTS[4 if len(names) >= _MANY else 3])
    if len(np.unique(np.round(knots, 9))) < len(knots):
        return None
    fit = fitted(_ridged(_spline(odds, knots), positive), np.zeros(len(knots)), patient, len(names))
    if fit is None:
        return None
    low, high = np.quantile(odds, [0.01, 0.99])
    points = np.linspace(float(low), float(high), _POINTS)
    design = _spline(points, knots)
    middle, half = design @ fit.beta, fit.half(design)
    curve = np.stack([special.expit(each) for each in (points, middle, middle - half, middle + half)])
    kept = _longest(curve[3] - curve[2] <= _WIDEST)
    return SmoothCurve(*curve[:, kept]) if kept.stop - kept.start > 1 else None


def smooth_curves(scores: Scores) -> dict[str, dict[str, list[float]] | None]:
    """class -> its curve as lists, ready for JSON; None where there is none.

    Args:
        scores: labelled rows.
    """
    found: dict[str, dict[str, list[float]] | None] = {}
    for column, name in enumerate(scores.classes):
        curve = smooth_calibration(scores.label == column, scores.probabilities[:, column], scores.patient_id)
        found[name] = None if curve is None else {part: own.tolist() for part, own in vars(curve).items()}
    return found


def _longest(true: np.ndarray) -> slice:
    """The longest run of neighbours that are true."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], true, [0]])))
    runs = list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))
    return slice(*max(runs, key=lambda run: run[1] - run[0], default=(0, 0)))


def _ridged(columns: np.ndarray, positive: np.ndarray) -> Model:
    plain = binary(columns, np.zeros(len(columns)), positive)

    def rows(beta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        pulls, information = plain(beta)
        return pulls - _RIDGE * beta, information + _RIDGE * np.eye(len(beta))

    return rows


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
