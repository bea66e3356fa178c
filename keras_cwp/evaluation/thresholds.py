"""Operating points: a threshold a class, chosen on validation ROIs or locked before, applied to held-out ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np

from keras_cwp.config import EvaluateConfig
from keras_cwp.evaluation.aggregation import aggregate
from keras_cwp.evaluation.likelihood_ratios import at_prevalence, likelihood_ratios
from keras_cwp.evaluation.locked import Locked, thresholds_of
from keras_cwp.evaluation.roc import one_vs_rest
from keras_cwp.evaluation.score_interval import SCORE_METHOD, clustered_proportion
from keras_cwp.evaluation.threshold_choice import choose_threshold
from keras_cwp.evaluation.validation import NO_VALIDATION, paired_folds
from keras_cwp.scores import Scores
from keras_cwp.wording import plural

FEW_FOR_THRESHOLD = 10  # patients of the rarer kind; with 8, a threshold's sensitivity varies by .1 and more
Level = Literal["roi", "patient"]
LEVELS: tuple[Level, ...] = get_args(Level)


def operating_points(
    scores: Scores,
    validation: Scores | None,
    config: EvaluateConfig,
    level: Level = "roi",
    locked: Locked | None = None,
) -> dict[str, Any]:
    """Sensitivity, specificity and predictive values of each class at thresholds from elsewhere, ready for JSON.

    Args:
        scores: labelled held-out rows.
        validation: see `paired_folds`; None without `locked`: every figure is null, with the reason.
        level: `patient`: thresholds and figures are of patients, whose ROIs are put together by `patient_rule`.
        locked: decisions of the run, applied unchanged; validation is not looked at.

    Returns:
        `rule`, `chosen_on`, `level`, `per_class`: thresholds by fold, `chosen_by`: validation patients with and without
        the class in the smallest fold, the rates, `likelihood_ratios`, predictive values `at_prevalence` where the
        configuration states one, and a `caution` where these patients are few.
    """
    head = {"rule": describe_rule(config), "interval": SCORE_METHOD, "level": level}
    if locked is not None:
        return head | {"rule": locked["rule"], **_at_locked(scores, locked, level, config)}
    if validation is None:
        return head | {"chosen_on": None, "reason": NO_VALIDATION, "per_class": {}}
    folds = [_fold(*pair, scores, config, level) for pair in paired_folds(scores, validation)]
    units = "ROIs" if level == "roi" else "patients"
    where = f"validation {units} of each fold" if folds[0].name != "all" else f"all validation {units}"
    points = {name: _of_class(folds, c, name, config) for c, name in enumerate(scores.classes)}
    return head | {"chosen_on": where, "per_class": points}


def describe_rule(config: EvaluateConfig) -> str:
    """The rule in words."""
    sure = config.threshold_confidence
    shown = "" if sure is None else f", shown with {100 * sure:g} % confidence"
    return {
        "youden": "highest sensitivity + specificity (Youden)",
        "sensitivity": f"sensitivity of at least {config.threshold_target:g}{shown}",
        "specificity": f"specificity of at least {config.threshold_target:g}{shown}",
        "cost": f"least cost, a miss costing {config.false_negative_cost:g} false alarms",
    }[config.threshold]


def rates(positive: np.ndarray, called: np.ndarray, patients: np.ndarray) -> dict[str, dict[str, Any]]:
    """Sensitivity, specificity, positive and negative predictive value with intervals over patients.

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
    validation_patients: np.ndarray
    validation_positive: np.ndarray
    validation_score: np.ndarray


def units_of(scores: Scores, config: EvaluateConfig, level: Level) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Patients str [units], truths bool [units, classes], scores float [units, classes] at a level."""
    if level == "roi":
        return scores.patient_id, one_vs_rest(scores.label, len(scores.classes)), scores.probabilities
    found = aggregate(scores, "patient", config.patient_rule)
    return found.patient_id, found.positive, found.score


def _fold(
    fold: int | None, rows: np.ndarray, own: Scores, scores: Scores, config: EvaluateConfig, level: Level
) -> _Fold:
    name = "all" if fold is None else str(fold)
    return _Fold(name, *units_of(scores.take(rows), config, level), *units_of(own, config, level))


def _of_class(folds: list[_Fold], column: int, name: str, config: EvaluateConfig) -> dict[str, Any]:
    thresholds: dict[str, float | None] = {}
    called, sizes = [], []
    for fold in folds:
        truth = fold.validation_positive[:, column]
        threshold = choose_threshold(truth, fold.validation_score[:, column], config, fold.validation_patients)
        if threshold is None:
            where = "validation" if fold.name == "all" else f"validation of fold {fold.name}"
            return {"thresholds": {}, "reason": f"{where} lacks this class, or all others"}
        called.append(fold.score[:, column] >= threshold)
        thresholds[fold.name] = threshold if np.isfinite(threshold) else None
        sizes.append(chosen_by(fold.validation_patients, truth))
    positive = np.concatenate([fold.positive[:, column] for fold in folds])
    patients = np.concatenate([fold.patients for fold in folds])
    found = {"thresholds": thresholds, **_behind({kind: min(each[kind] for each in sizes) for kind in sizes[0]})}
    return found | _worth(positive, np.concatenate(called), patients, config.prevalence.get(name))


def chosen_by(patients: np.ndarray, positive: np.ndarray) -> dict[str, int]:
    """How many patients choose a threshold: those `with` the class and those `without`, who have another class.

    Args:
        patients: str [units].
        positive: bool [units]; whether the class is there.
    """
    return {"with": len(np.unique(patients[positive])), "without": len(np.unique(patients[~positive]))}


def _behind(patients: Mapping[str, int]) -> dict[str, Any]:
    """`chosen_by`, and a `caution` where these are few."""
    kind = min(patients, key=lambda each: patients[each])
    if (few := patients[kind]) >= FEW_FOR_THRESHOLD:
        return {"chosen_by": dict(patients)}
    caution = f"chosen by {plural(few, 'validation patient')} {kind} the class: rough"
    return {"chosen_by": dict(patients), "caution": caution}


def _at_locked(scores: Scores, locked: Locked, level: Level, own: EvaluateConfig) -> dict[str, Any]:
    config = own.model_copy(update={"patient_rule": locked["patient_rule"]})
    patients, positive, score = units_of(scores, config, level)
    points: dict[str, Any] = {}
    for column, name in enumerate(scores.classes):
        if name not in thresholds_of(locked, level):
            points[name] = {"thresholds": {}, "reason": "the run has no threshold of this class"}
            continue
        threshold = thresholds_of(locked, level)[name]
        called = score[:, column] >= (np.inf if threshold is None else threshold)
        behind = locked.get("chosen_by", {}).get(level, {}).get(name)
        points[name] = {
            "thresholds": {"locked": threshold},
            **(_behind(behind) if behind else {}),
            **_worth(positive[:, column], called, patients, config.prevalence.get(name)),
        }
    return {"chosen_on": locked["chosen_on"], "per_class": points}


def _worth(positive: np.ndarray, called: np.ndarray, patients: np.ndarray, prevalence: float | None) -> dict[str, Any]:
    """Rates, likelihood ratios and, with a prevalence, what a call means there."""
    ratios = likelihood_ratios(positive, called, patients)
    found = {**rates(positive, called, patients), "likelihood_ratios": ratios}
    return found if prevalence is None else found | {"at_prevalence": at_prevalence(ratios, prevalence)}


def _proportion(success: np.ndarray, patients: np.ndarray, why_undefined: str) -> dict[str, Any]:
    limits = clustered_proportion(success, patients)
    if limits is None:
        return {"value": None, "ci95": None, "of": 0, "reason": why_undefined}
    return {"value": float(success.mean()), "ci95": list(limits), "of": len(success)}
