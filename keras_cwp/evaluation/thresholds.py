"""Operating points: a threshold a class, chosen on validation ROIs and applied to held-out ones."""

from __future__ import annotations

from typing import Any

import numpy as np

from keras_cwp.config import EvaluateConfig
from keras_cwp.evaluation.intervals import clustered_wilson
from keras_cwp.evaluation.roc import one_vs_rest, roc_curve
from keras_cwp.evaluation.validation import paired_folds
from keras_cwp.scores import Scores

_DIGITS = 12  # shares are compared after rounding, so that equals are equal
NO_VALIDATION = "no validation scores were given, and a threshold must not come from the ROIs it is judged on"


def choose_threshold(positive: np.ndarray, score: np.ndarray, config: EvaluateConfig) -> float | None:
    """The score from which on a row counts as positive, by the rule of the configuration.

    youden: highest sensitivity + specificity - 1; sensitivity (specificity): the highest (lowest) threshold whose
    sensitivity (specificity) reaches the target; cost: least false alarms + false_negative_cost × misses. Of equals the
    strictest.

    Args:
        positive: bool [rows].
        score: float [rows].

    Returns:
        None where there is no positive or no negative to choose by. inf: nothing counts as positive.

    Reference: Youden, Cancer 3 (1950) 32-35.
    """
    curve = roc_curve(positive, score)
    if curve is None:
        return None
    sensitivity, alarms = curve.true_positive_rate, curve.false_positive_rate
    if config.threshold == "youden":
        best = np.argmax(np.round(sensitivity - alarms, _DIGITS))
    elif config.threshold == "sensitivity":
        best = np.argmax(np.round(sensitivity, _DIGITS) >= config.threshold_target)
    elif config.threshold == "specificity":
        best = np.flatnonzero(np.round(1 - alarms, _DIGITS) >= config.threshold_target)[-1]
    else:
        misses = (1 - sensitivity) * positive.sum()
        best = np.argmin(np.round(alarms * (~positive).sum() + config.false_negative_cost * misses, _DIGITS))
    return float(curve.threshold[best])


def operating_points(scores: Scores, validation: Scores | None, config: EvaluateConfig) -> dict[str, Any]:
    """Sensitivity, specificity and predictive values of each class at thresholds from validation, ready for JSON.

    Args:
        scores: labelled held-out rows.
        validation: see `paired_folds`; None: every figure is null, with the reason.
    """
    head = {"rule": describe_rule(config), "interval": "Wilson, clustered by patient"}
    if validation is None:
        return head | {"chosen_on": None, "reason": NO_VALIDATION, "per_class": {}}
    pairs = list(paired_folds(scores, validation))
    where = "validation ROIs of each fold" if pairs[0][0] is not None else "all validation ROIs"
    points = {name: _of_class(scores, pairs, c, config) for c, name in enumerate(scores.classes)}
    return head | {"chosen_on": where, "per_class": points}


def describe_rule(config: EvaluateConfig) -> str:
    """The rule in words."""
    return {
        "youden": "highest sensitivity + specificity (Youden)",
        "sensitivity": f"sensitivity of at least {config.threshold_target:g}",
        "specificity": f"specificity of at least {config.threshold_target:g}",
        "cost": f"least cost, a miss costing {config.false_negative_cost:g} false alarms",
    }[config.threshold]


def rates(positive: np.ndarray, called: np.ndarray, patients: np.ndarray) -> dict[str, dict[str, Any]]:
    """Sensitivity, specificity, positive and negative predictive value with clustered Wilson intervals.

    Args:
        positive, called: bool [rows], the truth and the decision.
    """
    return {
        "sensitivity": _proportion(called[positive], patients[positive], "no ROI is of this class"),
        "specificity": _proportion(~called[~positive], patients[~positive], "every ROI is of this class"),
        "ppv": _proportion(positive[called], patients[called], "no ROI reached the threshold"),
        "npv": _proportion(~positive[~called], patients[~called], "every ROI reached the threshold"),
    }


def _of_class(
    scores: Scores, pairs: list[tuple[int | None, np.ndarray, Scores]], column: int, config: EvaluateConfig
) -> dict[str, Any]:
    called = np.zeros(len(scores), dtype=bool)
    thresholds: dict[str, float | None] = {}
    for fold, rows, own in pairs:
        threshold = choose_threshold(own.label == column, own.probabilities[:, column], config)
        if threshold is None:
            where = "the validation ROIs" if fold is None else f"the validation ROIs of fold {fold}"
            return {"thresholds": {}, "reason": f"{where} lack this class, or all others"}
        called[rows] = scores.probabilities[rows, column] >= threshold
        thresholds["all" if fold is None else str(fold)] = threshold if np.isfinite(threshold) else None
    positive = one_vs_rest(scores.label, len(scores.classes))[:, column]
    return {"thresholds": thresholds, **rates(positive, called, scores.patient_id)}


def _proportion(success: np.ndarray, patients: np.ndarray, why_undefined: str) -> dict[str, Any]:
    limits = clustered_wilson(success, patients)
    if limits is None:
        return {"value": None, "ci95": None, "rois": 0, "reason": why_undefined}
    return {"value": float(success.mean()), "ci95": list(limits), "rois": len(success)}
