"""A threshold from validation scores, by the rule of the configuration."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import special

from keras_cwp.config import EvaluateConfig
from keras_cwp.evaluation.estimates import proportion_of
from keras_cwp.evaluation.roc import roc_curve
from keras_cwp.evaluation.score_interval import score_limits, wilson

_DIGITS = 12  # shares are compared after rounding, so that equals are equal
_SMALLEST = 1e-12  # probabilities nearer to 0 or 1 count as this near when the middle of a gap is sought


def choose_threshold(
    positive: np.ndarray, score: np.ndarray, config: EvaluateConfig, patients: np.ndarray | None = None
) -> float | None:
    """The score from which on a row counts as positive: the middle, on the logit scale, of the gap that the rule names.

    youden: highest sensitivity + specificity - 1; sensitivity (specificity): the highest (lowest) threshold whose
    sensitivity (specificity) reaches the target, or whose lower confidence bound does, with `threshold_confidence`;
    cost: least false alarms + false_negative_cost × misses. Of equals the one in the widest gap, which new scores
    are the least likely to cross. Where no threshold shows the target, the one nearest to it that still tells
    anything: below all positives, or above all negatives.

    Args:
        positive: bool [rows].
        score: float [rows].
        patients: str or int [rows], for the confidence bound; None: each row is a patient.

    Returns:
        None where there is no positive or no negative to choose by. inf: nothing counts as positive.

    Reference: Youden, Cancer 3 (1950) 32-35.
    """
    curve = roc_curve(positive, score)
    if curve is None:
        return None
    sensitivity, alarms = curve.true_positive_rate, curve.false_positive_rate
    if config.threshold == "youden":
        return _middle(curve.threshold, _best(sensitivity - alarms))
    if config.threshold == "cost":
        cost = alarms * (~positive).sum() + config.false_negative_cost * (1 - sensitivity) * positive.sum()
        return _middle(curve.threshold, _best(-cost))
    names = np.arange(len(score)) if patients is None else patients
    reached = _reaches(positive, score, curve.threshold, config, names)
    if config.threshold == "sensitivity":
        place = _first(reached, len(sensitivity), int(np.argmax(np.round(sensitivity, _DIGITS) >= 1)))
    else:
        place = len(alarms) - 1 - _first(lambda k: reached(len(alarms) - 1 - k), len(alarms), None)
        if not reached(place):
            place = int(np.flatnonzero(np.round(alarms, _DIGITS) <= 0)[-1])
    return _middle(curve.threshold, np.array([place]))


def _reaches(
    positive: np.ndarray, score: np.ndarray, thresholds: np.ndarray, config: EvaluateConfig, patients: np.ndarray
) -> Callable[[int], bool]:
    """Whether the threshold at a place of the curve shows the target."""
    rows = positive if config.threshold == "sensitivity" else ~positive
    of_sensitivity = config.threshold == "sensitivity"
    names, patient = np.unique(patients[rows], return_inverse=True)

    def reached(place: int) -> bool:
        called = score[rows] >= thresholds[place]
        share = lower_bound(called if of_sensitivity else ~called, patient, len(names), config.threshold_confidence)
        return bool(np.round(share, _DIGITS) >= config.threshold_target)

    return reached


def lower_bound(success: np.ndarray, patient: np.ndarray, patients: int, confidence: float | None) -> float:
    """The share of rows that succeeded, or its one-sided lower confidence bound over patients."""
    estimate = proportion_of(success, patient, patients)
    assert estimate is not None  # a curve has rows of either kind
    if confidence is None or confidence == 0.5:
        return estimate.value
    limits = score_limits(estimate, 2 * confidence - 1) or wilson(estimate.value, 1)
    return limits[0]


def _first(reached: Callable[[int], bool], places: int, otherwise: int | None) -> int:
    """The first place that is reached, by halving: a later place is reached when an earlier one is."""
    low, high = 0, places - 1
    if not reached(high):
        return high if otherwise is None else otherwise
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if reached(middle) else (middle + 1, high)
    return low


def _best(gain: np.ndarray) -> np.ndarray:
    """All places with the highest gain."""
    rounded = np.round(gain, _DIGITS)
    return np.flatnonzero(rounded == rounded.max())


def _middle(thresholds: np.ndarray, places: np.ndarray) -> float:
    """The middle of the widest gap below one of these places; inf where nothing is called, the last score for all."""
    inner = places[(places > 0) & (places < len(thresholds) - 1)]
    if not len(inner):
        return float(thresholds[places[0]])
    upper, lower = _logit(thresholds[inner]), _logit(thresholds[inner + 1])
    widest = int(np.argmax(np.round(upper - lower, _DIGITS)))
    middle = float(special.expit((upper[widest] + lower[widest]) / 2))
    place = inner[widest]
    return middle if thresholds[place + 1] < middle <= thresholds[place] else float(thresholds[place])


def _logit(score: np.ndarray) -> np.ndarray:
    return np.asarray(special.logit(np.clip(score, _SMALLEST, 1 - _SMALLEST)))
