"""Fold by fold: each fold's metrics and their mean, beside the metrics of all held-out ROIs pooled.

Pooling asks one ranking of all folds' models together; the mean over folds asks each model about its own ROIs. They
differ when the folds' models answer on different scales, so both are given, and between them the pooled AUC after each
fold's scores were replaced by their ranks in the fold.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import stats

from keras_cwp.config import EvaluateConfig
from keras_cwp.evaluation.comparable import comparable
from keras_cwp.evaluation.estimates import Estimate, mean_over_folds
from keras_cwp.evaluation.intervals import Figure, Measured, estimated, with_intervals
from keras_cwp.evaluation.metric_table import why_undefined
from keras_cwp.evaluation.ranking import auc_estimates, macro_estimate
from keras_cwp.evaluation.roc import one_vs_rest
from keras_cwp.evaluation.roi_metrics import (
    Order,
    exact_estimates,
    exact_statistic,
    resampled_statistic,
    roi_values,
    unresampled,
)
from keras_cwp.evaluation.score_interval import LEVEL
from keras_cwp.evaluation.statistic import Key, Statistic, nested, on_table
from keras_cwp.scores import Scores

_OVER_CLASSES = {"macro", "hand_till", "balanced_accuracy"}  # last parts of keys that average over all classes
_GAP = 0.01  # between pooled AUC and mean over folds; a smaller one is no reason for a caution


def fold_figures(scores: Scores, config: EvaluateConfig, seed: int, order: Order = None) -> dict[str, Any] | None:
    """Metrics by fold, ready for JSON; None where there is one fold.

    `ci95` is over patients within folds and does not hold the variance of training anew; `ci95_training` does, by
    approximation (no unbiased estimate exists: Bengio and Grandvalet, JMLR 5 (2004) 1089-1105).

    Returns:
        `each`: a row a fold, with `classes`, `missing` and `comparable`; `mean`: over the folds that have the metric,
        means over classes only from folds with every class (`folds` says how many), with `spread`, the standard
        deviation over them, and `ci95_training`; `rank_normalised`: AUCs pooled after ranking within folds; `cautions`.
    """
    folds = np.unique(scores.fold)
    if len(folds) < 2:
        return None
    parts = {int(fold): scores.take(scores.fold == fold) for fold in folds}
    values = {fold: roi_values(own, config, order) for fold, own in parts.items()}
    same = {fold: comparable(own, scores) for fold, own in parts.items()}
    whole = [fold for fold in parts if same[fold]["comparable"]]
    mean: dict[str, Any] = {}
    for key, figure in _means(scores, parts, whole, config, seed, order).items():
        known = [values[fold][key] for fold in _of_key(key, parts, whole) if not np.isnan(values[fold][key])]
        spread = float(np.std(known, ddof=1)) if len(known) > 1 else None
        trained = with_training(known, len(folds) // _repeats(scores))
        mean[".".join(key)] = (key, {**figure, "spread": spread, "folds": len(known), "ci95_training": trained})
    return {
        "mean": nested(dict(mean.values())),
        "rank_normalised": nested(_rank_normalised(scores)),
        "each": [_row(fold, parts[fold], values[fold]) | same[fold] for fold in parts],
        "cautions": [*_classes_caution(same), *_scale_caution(scores, [parts[fold] for fold in whole])],
    }


def with_training(values: Sequence[float], folds: int) -> list[float] | None:
    """95 % interval of a mean over folds that holds the variation of training anew on other patients.

    The folds' training parts overlap, so their values scatter too little; the variance of the mean is taken as
    (1 / values + test share / training share) times theirs. It asks what such trainings reach on average, and is wider
    than the interval over patients, which asks how these models do.

    Args:
        values: of each fold, those of all repeats together.
        folds: of one repeat.

    Returns:
        None for fewer than three values.

    Reference: Nadeau and Bengio, Machine Learning 52 (2003) 239-281.
    """
    if len(values) < 3 or folds < 2:
        return None
    error = np.std(values, ddof=1) * np.sqrt(1 / len(values) + 1 / (folds - 1))
    half = float(stats.t.ppf((1 + LEVEL) / 2, len(values) - 1) * error)
    middle = float(np.mean(values))
    return [middle - half, middle + half]


def _means(
    scores: Scores, parts: dict[int, Scores], whole: list[int], config: EvaluateConfig, seed: int, order: Order
) -> dict[Key, Figure]:
    estimates = _mean_estimates(scores, parts, whole)
    found: dict[Key, Figure] = {}
    for key in on_table(exact_statistic(scores), len(scores)):
        own = estimates.get(key)
        found[key] = estimated(own, np.nan if own is None else own.value, "no fold has what it needs")
    table = Measured(
        scores.patient_id,
        _mean_statistic(scores, parts, whole, order),
        why_undefined=lambda _: "no fold has every class",
    )
    found |= with_intervals(table, config, seed, None if _repeats(scores) > 1 else scores.fold)
    for key in unresampled(scores, config, order):
        own_values = [unresampled(own, config, order)[key] for own in parts.values()]
        numbers = [own["value"] for own in own_values if own["value"] is not None]
        value = float(np.mean(numbers)) if numbers else None
        found[key] = {"value": value, "ci95": None, "reason": own_values[0]["reason"]}
    return found


def _mean_estimates(scores: Scores, parts: dict[int, Scores], whole: list[int]) -> dict[Key, Estimate]:
    names = np.unique(scores.patient_id)
    own = {
        fold: exact_estimates(part, np.searchsorted(names, part.patient_id), len(names)) for fold, part in parts.items()
    }
    found = {}
    for key in {key for estimates in own.values() for key in estimates}:
        chosen = [own[fold][key] for fold in _of_key(key, parts, whole) if key in own[fold]]
        if chosen and len({len(part.cases) for part in chosen}) == 1:
            found[key] = mean_over_folds(chosen, _repeats(scores))
    return found


def _mean_statistic(scores: Scores, parts: dict[int, Scores], whole: list[int], order: Order) -> Statistic:
    rows = {fold: scores.fold == fold for fold in parts}
    statistics = {fold: resampled_statistic(own, order) for fold, own in parts.items()}

    def statistic(weights: np.ndarray) -> dict[Key, np.ndarray]:
        own = {fold: statistics[fold](weights[rows[fold]]) for fold in parts}
        empty = np.full(weights.shape[1], np.nan)
        found = {}
        for key in own[min(own)]:
            chosen = [values for fold in _of_key(key, parts, whole) if not np.isnan(values := own[fold][key]).all()]
            found[key] = np.mean(chosen, axis=0) if chosen else empty
        return found

    return statistic


def _of_key(key: Key, parts: dict[int, Scores], whole: list[int]) -> list[int]:
    """The folds that a metric may be averaged over."""
    return whole if key[-1] in _OVER_CLASSES else list(parts)


def _rank_normalised(scores: Scores) -> dict[Key, Figure]:
    """AUCs of all held-out ROIs, each class's scores ranked within their fold first."""
    ranked = np.empty_like(scores.probabilities)
    for fold in np.unique(scores.fold):
        rows = scores.fold == fold
        ranked[rows] = (stats.rankdata(scores.probabilities[rows], axis=0) - 0.5) / rows.sum()
    names, patient = np.unique(scores.patient_id, return_inverse=True)
    positive = one_vs_rest(scores.label, len(scores.classes))
    estimates = auc_estimates(positive, ranked, scores.classes, patient, len(names))
    keys: list[Key] = [("auc", "macro"), *(("auc", "per_class", name) for name in scores.classes)]
    nothing = why_undefined(("auc",))
    return {
        key: estimated(estimates.get(key), estimates[key].value if key in estimates else np.nan, nothing)
        for key in keys
    }


def _scale_caution(scores: Scores, whole: list[Scores]) -> list[str]:
    """A caution where pooling loses more AUC than chance explains."""
    names, patient = np.unique(scores.patient_id, return_inverse=True)
    pooled = macro_estimate(scores.label, scores.probabilities, patient, len(names))
    parts = [
        macro_estimate(own.label, own.probabilities, np.searchsorted(names, own.patient_id), len(names))
        for own in whole
    ]
    known = [part for part in parts if part is not None]
    if pooled is None or len(known) < 2 or len(names) < 2:
        return []
    mean = mean_over_folds(known)
    gap = mean.value - pooled.value
    influence = mean.arms.sum(axis=0) - pooled.arms.sum(axis=0)
    if gap < max(_GAP, 2 * float(np.sqrt((influence**2).sum()))):
        return []
    return [
        f"The folds' models answer on different scales: the pooled macro AUC is {pooled.value:.3f}, the mean over "
        f"folds {mean.value:.3f}. The mean over folds is the one to quote."
    ]


def _classes_caution(same: dict[int, Any]) -> list[str]:
    lacking = [f"fold {fold} has no {' and no '.join(own['missing'])}" for fold, own in same.items() if own["missing"]]
    if not lacking:
        return []
    return [f"Means over classes leave out folds without every class: {'; '.join(lacking)}."]


def _repeats(scores: Scores) -> int:
    """How often a patient was held out."""
    pairs = {(patient, fold) for patient, fold in zip(scores.patient_id.tolist(), scores.fold.tolist(), strict=True)}
    return max(round(len(pairs) / len(np.unique(scores.patient_id))), 1)


def _row(fold: int, scores: Scores, values: dict[Key, float]) -> dict[str, Any]:
    sizes = {"fold": fold, "rois": len(scores), "patients": len(np.unique(scores.patient_id))}
    return sizes | nested({key: None if np.isnan(value) else value for key, value in values.items()})
