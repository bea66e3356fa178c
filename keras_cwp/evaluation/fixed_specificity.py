"""Sensitivity at a specificity named beforehand, and the area under the part of the ROC curve that a screening uses.

Both read the curve of the rows that they are judged on, so no threshold of them is meant for use elsewhere.

References: McClish, Medical Decision Making 9 (1989) 190-195 (standardised partial area); Hesterberg, The American
Statistician 69 (2015) 371-386 (expanded percentiles).
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from keras_cwp.config import EvaluateConfig
from keras_cwp.evaluation.intervals import Limits, Measured, figure, with_intervals
from keras_cwp.evaluation.metric_table import why_undefined
from keras_cwp.evaluation.resampling import resample
from keras_cwp.evaluation.score_interval import newcombe_auc, wilson
from keras_cwp.evaluation.statistic import Key, Statistic, ratio
from keras_cwp.scores import Scores

SPECIFICITIES = (0.9, 0.95)
MOST_ALARMS = 0.2  # false positive rate up to which the partial area is taken
_FEWEST_ALARMS = 2  # patients without the class that the specificity allows to be called; with fewer, no interval
_RESAMPLES = 500  # of a figure that is no headline
_PERFECT = 1e-9  # nearer to 1 a partial area is perfect
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
        found[name] = _of_class(positive, score, scores.patient_id, sizes, config, seed)
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

    def statistic(weights: np.ndarray) -> dict[Key, np.ndarray]:
        alarms, hits = curve(weights)
        start, width = alarms[:-1], np.diff(alarms, axis=0)
        kept = np.clip(most_alarms - start, 0, width)
        share = np.divide(kept, width, out=np.zeros_like(kept), where=width > 0)
        area = (kept * (hits[:-1] + share * np.diff(hits, axis=0) / 2)).sum(axis=0)
        return {("auc", "partial"): _standardised(area / most_alarms, most_alarms)}

    return statistic


def _standardised(mean: Any, most_alarms: float) -> Any:
    """McClish's index of the mean sensitivity up to a false positive rate: 1 is perfect, 0.5 chance."""
    chance = most_alarms / 2
    return (1 + (mean - chance) / (1 - chance)) / 2


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
    positive: np.ndarray, score: np.ndarray, patients: np.ndarray, sizes: list[int], config: EvaluateConfig, seed: int
) -> dict[str, Any]:
    """Figures of a class that `sizes` patients have and lack."""
    reason, resamples, behind = why_undefined(("auc",)), min(config.bootstraps, _RESAMPLES), min(sizes)
    at = {}
    for specificity in SPECIFICITIES:
        resampled = resample(sensitivity_at(positive, score, specificity), patients, resamples=resamples, seed=seed)
        perfect = partial(_of_sensitivity, behind)
        found = figure(resampled, ("auc", "at"), "percentile", reason, behind, perfect)
        at[f"{specificity:g}"] = found if found["value"] is None else found | _withheld(sizes[1], specificity)
    table = Measured(
        patients,
        partial_auc(positive, score),
        behind={("auc", "partial"): behind},
        few=[("auc", "partial")],
        perfect={("auc", "partial"): partial(_of_partial_auc, sizes)},
        why_undefined=lambda _: reason,
    )
    return {
        "sensitivity_at": at,
        "partial_auc": with_intervals(table, _LEAVES_OUT, seed)["auc", "partial"],
        "most_alarms": MOST_ALARMS,
    }


def _withheld(without: int, specificity: float) -> dict[str, Any]:
    """No interval where the threshold rests on the highest one or two of a few patients: no resample exceeds these."""
    needed = int(np.ceil(_FEWEST_ALARMS / (1 - specificity) - 1e-9))
    if without >= needed:
        return {}
    return {"ci95": None, "reason": f"needs {needed} patients without the class, there are {without}"}


def _of_sensitivity(behind: int, value: float) -> Limits | None:
    """The interval of a sensitivity that no resample varies: of as many cases as the arm with fewer patients has them,
    since the threshold rests on the other arm. None for one patient."""
    return wilson(value * behind, behind) if behind > 1 else None


def _of_partial_auc(sizes: list[int], value: float) -> Limits | None:
    """The interval of a perfect partial area: that of an AUC of the patients with the class and of the part of the
    others whose false positives count. None where the area is not perfect, or an arm has one patient."""
    if value < 1 - _PERFECT or min(sizes) < 2:
        return None
    lower, upper = newcombe_auc(1.0, sizes[0], max(MOST_ALARMS * sizes[1], 1.0))
    return _standardised(lower, MOST_ALARMS), upper
