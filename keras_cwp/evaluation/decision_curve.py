"""Decision curve: what acting on the model is worth, against acting on everyone or on no one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from keras_cwp.evaluation.difference_interval import TwoFigures
from keras_cwp.evaluation.estimates import proportion_of
from keras_cwp.scores import Scores

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


def net_benefit_figures(scores: Scores, recalibrated: Scores | None) -> dict[str, Any]:
    """The decision curve of each class, ready for JSON.

    Args:
        scores: labelled rows.
        recalibrated: the same rows with recalibrated probabilities, which are then used, for a threshold is an odds of
            harm and benefit and supposes true probabilities; None: there are none.

    Returns:
        `probabilities`: "temperature" or "as_is"; `thresholds`: float [99]; `per_class`: class -> `model`,
        `all_called`, `lower`, `upper`, float [99] each, the last two None where there are fewer than two patients.
    """
    used = scores if recalibrated is None else recalibrated
    found = {}
    for column, name in enumerate(used.classes):
        curve = decision_curve(used.label == column, used.probabilities[:, column], used.patient_id)
        parts = {"model": curve.model, "all_called": curve.all_called, "lower": curve.lower, "upper": curve.upper}
        found[name] = {key: None if part is None else part.tolist() for key, part in parts.items()}
    kind = "as_is" if recalibrated is None else "temperature"
    return {"probabilities": kind, "thresholds": THRESHOLDS.tolist(), "per_class": found}


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
    limits = [_limits(positive, probability >= each, patients, w) for each, w in zip(THRESHOLDS, odds, strict=True)]
    lower, upper = np.transpose(limits)
    return DecisionCurve(model, all_called, lower, upper)


def _limits(positive: np.ndarray, called: np.ndarray, patients: np.ndarray, odds: float) -> tuple[float, float]:
    """Of the share of true positives, less that of false ones at the threshold's odds."""
    names, patient = np.unique(patients, return_inverse=True)
    shares = [proportion_of(called & own, patient, len(names)) for own in (positive, ~positive)]
    true, false = (share for share in shares if share is not None)  # there is at least one row
    limits = TwoFigures(true, false, odds).limits()
    assert limits is not None  # there are two patients
    return limits
