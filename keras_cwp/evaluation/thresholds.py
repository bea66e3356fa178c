"""Operating points: a threshold a class, chosen on validation ROIs and applied to held-out ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from keras_cwp.config import EvaluateConfig
from keras_cwp.evaluation.aggregation import aggregate
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


def operating_points(
    scores: Scores, validation: Scores | None, config: EvaluateConfig, level: Literal["roi", "patient"] = "roi"
) -> dict[str, Any]:
    """Sensitivity, specificity and predictive values of each class at thresholds from validation, ready for JSON.

    Args:
        scores: labelled held-out rows.
        validation: see `paired_folds`; None: every figure is null, with the reason.
        level: `patient`: thresholds and figures are of patients, whose ROIs are put together by `patient_rule`.
    """
    head = {"rule": describe_rule(config), "interval": "Wilson, clustered by patient", "level": level}
    if validation is None:
        return head | {"chosen_on": None, "reason": NO_VALIDATION, "per_class": {}}
    folds = [_fold(*pair, scores, config, level) for pair in paired_folds(scores, validation)]
    units = "ROIs" if level == "roi" else "patients"
    where = f"validation {units} of each fold" if folds[0].name != "all" else f"all validation {units}"
    points = {name: _of_class(folds, c, config) for c, name in enumerate(scores.classes)}
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
        "sensitivity": _proportion(called[positive], patients[positive], "none is of this class"),
        "specificity": _proportion(~called[~positive], patients[~positive], "all are of this class"),
        "ppv": _proportion(positive[called], patients[called], "none reached the threshold"),
        "npv": _proportion(~positive[~called], patients[~called], "all reached the threshold"),
    }


@dataclass(frozen=True, eq=False)
class _Fold:
    """Held-out units of a fold and the validation units that its thresholds come from; arrays [units, classes]."""

    name: str
    patients: np.ndarray
    positive: np.ndarray
    score: np.ndarray
    validation_positive: np.ndarray
    validation_score: np.ndarray


def _fold(fold: int | None, rows: np.ndarray, own: Scores, scores: Scores, config: EvaluateConfig, level: str) -> _Fold:
    held_out, name, classes = scores.take(rows), "all" if fold is None else str(fold), len(scores.classes)
    if level == "patient":
        judged, chosen = (aggregate(part, "patient", config.patient_rule) for part in (held_out, own))
        return _Fold(name, judged.patient_id, judged.positive, judged.score, chosen.positive, chosen.score)
    truths = [one_vs_rest(part.label, classes) for part in (held_out, own)]
    return _Fold(name, held_out.patient_id, truths[0], held_out.probabilities, truths[1], own.probabilities)


def _of_class(folds: list[_Fold], column: int, config: EvaluateConfig) -> dict[str, Any]:
    thresholds: dict[str, float | None] = {}
    called = []
    for fold in folds:
        threshold = choose_threshold(fold.validation_positive[:, column], fold.validation_score[:, column], config)
        if threshold is None:
            where = "validation" if fold.name == "all" else f"validation of fold {fold.name}"
            return {"thresholds": {}, "reason": f"{where} lacks this class, or all others"}
        called.append(fold.score[:, column] >= threshold)
        thresholds[fold.name] = threshold if np.isfinite(threshold) else None
    positive = np.concatenate([fold.positive[:, column] for fold in folds])
    patients = np.concatenate([fold.patients for fold in folds])
    return {"thresholds": thresholds, **rates(positive, np.concatenate(called), patients)}


def _proportion(success: np.ndarray, patients: np.ndarray, why_undefined: str) -> dict[str, Any]:
    limits = clustered_wilson(success, patients)
    if limits is None:
        return {"value": None, "ci95": None, "of": 0, "reason": why_undefined}
    return {"value": float(success.mean()), "ci95": list(limits), "of": len(success)}
