"""Fold by fold: each fold's figures and their mean, beside the figures of all held-out ROIs pooled.

Pooling asks one ranking of all folds' models together; the mean over folds asks each model about its own ROIs. They
differ when the folds' models are calibrated differently, so both are given, each under its name.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from keras_cwp.config import EvaluateConfig
from keras_cwp.evaluation.intervals import figure, resample
from keras_cwp.evaluation.roi_metrics import nested, roi_statistic, why_undefined
from keras_cwp.evaluation.statistic import Key, Statistic, on_table
from keras_cwp.scores import Scores


def fold_figures(scores: Scores, config: EvaluateConfig, seed: int) -> dict[str, Any] | None:
    """`each`: a row a fold; `mean`: mean over folds with an interval over patients; None where there is one fold.

    The interval resamples patients within folds. It does not hold the variance of training anew: no estimate from one
    round of cross-validation does (Bengio and Grandvalet, JMLR 5 (2004) 1089-1105); `spread` is the standard deviation
    over folds, to look at.
    """
    folds = np.unique(scores.fold)
    if len(folds) < 2:
        return None
    resampled = resample(
        _mean_over_folds(scores, folds, config),
        scores.patient_id,
        _label_and_fold(scores, folds),
        resamples=config.bootstraps,
        seed=seed,
        jackknife=config.interval == "bca",
    )
    found = {key: figure(resampled, key, config.interval, why_undefined(key)) for key in resampled.table}
    each = {int(fold): _of_fold(scores.take(scores.fold == fold), config) for fold in folds}
    for key, value in found.items():
        values = [own[key] for own in each.values() if not np.isnan(own[key])]
        value["spread"] = float(np.std(values, ddof=1)) if len(values) > 1 else None
    return {
        "mean": nested(found),
        "each": [_row(scores.take(scores.fold == fold), fold, own) for fold, own in each.items()],
    }


def _mean_over_folds(scores: Scores, folds: np.ndarray, config: EvaluateConfig) -> Statistic:
    parts = [(rows, roi_statistic(scores.take(rows), config)) for rows in (scores.fold == fold for fold in folds)]

    def statistic(weights: np.ndarray) -> dict[Key, np.ndarray]:
        of_folds = [part(weights[rows]) for rows, part in parts]
        return {key: np.mean([own[key] for own in of_folds], axis=0) for key in of_folds[0]}

    return statistic


def _label_and_fold(scores: Scores, folds: np.ndarray) -> np.ndarray:
    """Strata: label within fold; label alone where a patient is in several folds (repeated cross-validation)."""
    pairs = {(patient, fold) for patient, fold in zip(scores.patient_id.tolist(), scores.fold.tolist(), strict=True)}
    if len(pairs) > len(np.unique(scores.patient_id)):
        return scores.label
    return scores.label + len(scores.classes) * np.searchsorted(folds, scores.fold)


def _of_fold(scores: Scores, config: EvaluateConfig) -> dict[Key, float]:
    return on_table(roi_statistic(scores, config), len(scores))


def _row(scores: Scores, fold: int, figures: dict[Key, float]) -> dict[str, Any]:
    sizes = {"fold": fold, "rois": len(scores), "patients": len(np.unique(scores.patient_id))}
    return sizes | nested({key: None if np.isnan(value) else value for key, value in figures.items()})
