"""Intervals of figures that came out perfect: resampling cannot vary them, and saying nothing would say too much."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import stats
from scipy.optimize import brentq

from keras_cwp.evaluation.intervals import LEVEL, clustered_wilson
from keras_cwp.scores import Scores


def newcombe_auc(area: float, positives: int, negatives: int) -> tuple[float, float]:
    """Score-type interval of an AUC, defined at 0 and 1 too.

    The limits are the areas whose own variance (Hanley and McNeil's, exponential model, sizes averaged) puts them 1.96
    standard errors from the one observed.

    Args:
        area: observed, in [0, 1].
        positives, negatives: independent cases, at least one each.

    Reference: Newcombe, Statistics in Medicine 25 (2006) 559-573, method 5.
    """
    z = stats.norm.ppf((1 + LEVEL) / 2)
    size = (positives + negatives) / 2 - 1

    def excess(limit: float) -> float:
        shape = 1 + size * ((1 - limit) / (2 - limit) + limit / (1 + limit))
        return (limit - area) ** 2 - z**2 * limit * (1 - limit) * shape / (positives * negatives)

    lower = 0.0 if area <= 0 else brentq(excess, 0.0, area * (1 - 1e-12))
    upper = 1.0 if area >= 1 else brentq(excess, area + (1 - area) * 1e-12, 1.0)
    return float(lower), float(upper)


def mend_intervals(figures: dict[str, Any], scores: Scores) -> None:
    """Give accuracy and AUCs whose bootstrap did not vary an interval that counts patients, and say which.

    Args:
        figures: what metrics.json will hold; changed in place.
        scores: labelled rows.
    """
    _mend_accuracy(figures["accuracy"], scores)
    per_class = figures["auc"]["per_class"]
    for column, name in enumerate(scores.classes):
        _mend_auc(per_class[name], scores.patient_id, scores.label == column)
    macro, parts = figures["auc"]["macro"], [own["ci95"] for own in per_class.values() if own["value"] is not None]
    if macro["value"] in (0.0, 1.0) and macro["ci95"] is None and parts and None not in parts:
        macro["ci95"] = np.mean(parts, axis=0).tolist()
        macro["reason"] = f"mean of the classes' limits (Newcombe), because: {macro['reason']}"


def _mend_accuracy(accuracy: dict[str, Any], scores: Scores) -> None:
    if accuracy["ci95"] is None:
        right = scores.probabilities.argmax(axis=1) == scores.label
        limits = clustered_wilson(right, scores.patient_id)
        accuracy["ci95"] = None if limits is None else list(limits)
        accuracy["reason"] = f"Wilson's interval, clustered by patient, because: {accuracy['reason']}"


def _mend_auc(figure: dict[str, Any], patients: np.ndarray, positive: np.ndarray) -> None:
    if figure["value"] in (0.0, 1.0) and figure["ci95"] is None:
        cases = [len(np.unique(patients[rows])) for rows in (positive, ~positive)]
        figure["ci95"] = list(newcombe_auc(figure["value"], *cases))
        figure["reason"] = f"Newcombe's interval with a case a patient, because: {figure['reason']}"
