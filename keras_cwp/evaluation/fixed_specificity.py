"""Sensitivity at a specificity named beforehand, and the area under the part of the ROC curve that a screening uses.

Both read the curve of the rows that they are judged on, so no threshold of them is meant for use elsewhere.

References: McClish, Medical Decision Making 9 (1989) 190-195 (standardised partial area); Hesterberg, The American
Statistician 69 (2015) 371-386 (expanded percentiles).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from keras_cwp.config import EvaluateConfig
from keras_cwp.evaluation.intervals import Measured, figure, with_intervals
from keras_cwp.evaluation.metric_table import why_undefined
from keras_cwp.evaluation.resampling import resample
from keras_cwp.evaluation.statistic import Key, Statistic, ratio
from keras_cwp.scores import Scores

SPECIFICITIES = (0.9, 0.95)
MOST_ALARMS = 0.2  # false positive rate up to which the partial area is taken
_RESAMPLES = 500  # of a figure that is no headline
_LEAVES_OUT = EvaluateConfig(interval="score")


def fixed_specificity(scores: Scores, config: EvaluateConfig, seed: int) -> dict[str, Any]:
    """class -> `sensitivity_at` (specificity -> figure) and `partial_auc`, intervals over patients, ready for JSON.

    Args:
        scores: labelled rows.
    """
    _, patient = np.unique(scores.patient_id, return_inverse=True)
    found = {}
    for column, name in enumerate(scores.classes):
        positive, score = scores.label == column, scores.probabilities[:, column]
        sizes = [len(np.unique(patient[rows])) for rows in (positive, ~positive)]
        found[name] = _of_class(positive, score, scores.patient_id, min(sizes), config, seed)
    return found


def sensitivity_at(positive: np.ndarray, score: np.ndarray, specificity: float) -> Statistic:
    """The highest sensitivity of a threshold whose specificity is at least the one given, as ("auc", "at")."""
    curve = _curve(positive, score)

    def statistic(weights: np.ndarray) -> dict[Key, np.ndarray]:
        alarms, hits = curve(weights)
        allowed = (alarms <= 1 - specificity + 1e-12).sum(axis=0) - 1
        reached = np.take_along_axis(hits, np.maximum(allowed, 0)[None], axis=0)[0]
        return {("auc", "at"): np.where(np.isnan(alarms[-1] + hits[-1]), np.nan, reached)}

    return statistic


def partial_auc(positive: np.ndarray, score: np.ndarray, most_alarms: float = MOST_ALARMS) -> Statistic:
    """Area up to a false positive rate, standardised: 1 is perfect, 0.5 chance; as ("auc", "partial")."""
    curve = _curve(positive, score)
    chance = most_alarms**2 / 2

    def statistic(weights: np.ndarray) -> dict[Key, np.ndarray]:
        alarms, hits = curve(weights)
        start, width = alarms[:-1], np.diff(alarms, axis=0)
        kept = np.clip(most_alarms - start, 0, width)
        share = np.divide(kept, width, out=np.zeros_like(kept), where=width > 0)
        area = (kept * (hits[:-1] + share * np.diff(hits, axis=0) / 2)).sum(axis=0)
        return {("auc", "partial"): (1 + (area - chance) / (most_alarms - chance)) / 2}

    return statistic


def _curve(positive: np.ndarray, score: np.ndarray) -> Any:
    """weights [rows, resamples] -> false and true positive rates [points, resamples] from (0, 0), ties as one step."""
    order = np.argsort(-score, kind="stable")
    last = np.append(np.flatnonzero(np.diff(score[order])), len(order) - 1)
    hit = positive[order][:, None]

    def curve(weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        own = weights[order]
        parts = [np.cumsum(own * side, axis=0)[last] for side in (~hit, hit)]
        start = np.zeros((1, weights.shape[1]))
        alarms, hits = (ratio(np.concatenate([start, part]), part[-1]) for part in parts)
        return alarms, hits

    return curve


def _of_class(
    positive: np.ndarray, score: np.ndarray, patients: np.ndarray, behind: int, config: EvaluateConfig, seed: int
) -> dict[str, Any]:
    reason, resamples = why_undefined(("auc",)), min(config.bootstraps, _RESAMPLES)
    at = {}
    for specificity in SPECIFICITIES:
        resampled = resample(sensitivity_at(positive, score, specificity), patients, resamples=resamples, seed=seed)
        at[f"{specificity:g}"] = figure(resampled, ("auc", "at"), "percentile", reason, behind)
    table = Measured(
        patients,
        partial_auc(positive, score),
        behind={("auc", "partial"): behind},
        why_undefined=lambda _: reason,
    )
    return {
        "sensitivity_at": at,
        "partial_auc": with_intervals(table, _LEAVES_OUT, seed)["auc", "partial"],
        "most_alarms": MOST_ALARMS,
    }
