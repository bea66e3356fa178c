"""Pointwise 95 % bands of ROC curves over resamples of patients."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from keras_cwp.evaluation.resampling import draw_patients, strata
from keras_cwp.evaluation.roc import Roc, macro_curve, one_vs_rest, roc_curve, sample
from keras_cwp.evaluation.score_interval import LEVEL
from keras_cwp.scores import Scores

GRID = np.linspace(0.0, 1.0, 101)


@dataclass(frozen=True, eq=False)
class Band:
    """A curve and the true positive rates between which 95 % of resamples lie at each rate of GRID.

    Args:
        curve: the curve of the table.
        lower, upper: float [101] on GRID; None where there is one patient only.
    """

    curve: Roc
    lower: np.ndarray | None
    upper: np.ndarray | None


def roc_bands(scores: Scores, resamples: int, seed: int) -> dict[str, Band]:
    """Bands of each class's curve by its name, and of "macro" and "micro"; what has no curve is left out.

    Args:
        scores: labelled rows.
    """
    names, patient = np.unique(scores.patient_id, return_inverse=True)
    curves = _curves(scores)
    if len(names) < 2 or not curves:
        return {name: Band(curve, None, None) for name, curve in curves.items()}
    rng = np.random.default_rng([seed, len(names)])
    weights = draw_patients(strata(patient, scores.label), resamples, rng)[patient]
    heights: dict[str, list[np.ndarray]] = {name: [] for name in curves}
    for column in range(resamples):
        drawn = {name: sample(curve, GRID) for name, curve in _class_curves(scores, weights[:, column]).items()}
        if len(drawn) == len(curves) - 2:  # a macro average over fewer classes would be another figure
            heights["macro"].append(np.mean(list(drawn.values()), axis=0))
        for name, height in drawn.items():
            heights[name].append(height)
        heights["micro"].append(sample(_micro_curve(scores, weights[:, column]), GRID))
    tail = [(1 - LEVEL) / 2, (1 + LEVEL) / 2]
    return {
        name: Band(curve, *np.quantile(heights[name] or [sample(curve, GRID)], tail, axis=0))
        for name, curve in curves.items()
    }


def _curves(scores: Scores) -> dict[str, Roc]:
    """The curves of the table; empty where no class has one."""
    curves = _class_curves(scores, np.ones(len(scores)))
    if not curves:
        return {}
    return curves | {"macro": macro_curve(list(curves.values())), "micro": _micro_curve(scores, np.ones(len(scores)))}


def _class_curves(scores: Scores, weight: np.ndarray) -> dict[str, Roc]:
    positive = one_vs_rest(scores.label, len(scores.classes))
    found = {
        name: roc_curve(positive[:, c], scores.probabilities[:, c], weight) for c, name in enumerate(scores.classes)
    }
    return {name: curve for name, curve in found.items() if curve is not None}


def _micro_curve(scores: Scores, weight: np.ndarray) -> Roc:
    positive = one_vs_rest(scores.label, len(scores.classes))
    curve = roc_curve(positive.ravel(), scores.probabilities.ravel(), np.repeat(weight, len(scores.classes)))
    assert curve is not None  # every row is positive for its class and negative for another
    return curve
