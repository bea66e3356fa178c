"""From ROIs to images and patients: a patient has what any of its ROIs has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from keras_cwp.config import EvaluateConfig
from keras_cwp.evaluation.intervals import figure, resample
from keras_cwp.evaluation.ranking import ranking_statistic
from keras_cwp.evaluation.roi_metrics import nested, why_undefined
from keras_cwp.scores import Scores

Rule = Literal["max", "mean", "noisy_or"]
_RULES = {
    "max": "the highest of its ROIs' probabilities",
    "mean": "the mean of its ROIs' probabilities",
    "noisy_or": "1 minus the product of its ROIs' (1 minus probability)",
}


@dataclass(frozen=True, eq=False)
class Aggregated:
    """One row an image or a patient, each class a question of its own: is there such a ROI?

    Args:
        unit, patient_id: str [units]; the same where the unit is the patient.
        label: int [units]; the commonest label of its ROIs, for strata only.
        positive: bool [units, classes]; several may be true.
        score: float [units, classes]; rows do not sum to 1.
    """

    unit: np.ndarray
    patient_id: np.ndarray
    label: np.ndarray
    positive: np.ndarray
    score: np.ndarray


def aggregate(scores: Scores, by: Literal["image", "patient"], rule: Rule) -> Aggregated:
    """Put the ROIs of a unit together, fold by fold (in repeated cross-validation a patient has a row a repeat).

    Args:
        scores: labelled rows.
        rule: `max`, `mean`, or `noisy_or` (ROIs as independent causes: 1 - Π (1 - p)).
    """
    names = scores.patient_id if by == "patient" else scores.image
    _, unit = np.unique(np.stack([names.astype(str), scores.fold.astype(str)]), axis=1, return_inverse=True)
    unit = unit.ravel()
    order = np.argsort(unit, kind="stable")
    starts = np.flatnonzero(np.append(True, np.diff(unit[order]) > 0))
    truth = (scores.label[:, None] == np.arange(len(scores.classes)))[order]
    found = np.add.reduceat(truth.astype(int), starts, axis=0)
    return Aggregated(
        names[order][starts],
        scores.patient_id[order][starts],
        found.argmax(axis=1),
        found > 0,
        _combine(scores.probabilities[order], starts, rule),
    )


def aggregated_figures(
    scores: Scores, by: Literal["image", "patient"], config: EvaluateConfig, seed: int
) -> dict[str, Any]:
    """AUC and average precision of images or patients, intervals over patients, ready for JSON."""
    units = aggregate(scores, by, config.patient_rule)
    resampled = resample(
        ranking_statistic(units.positive, units.score, scores.classes),
        units.patient_id,
        units.label,
        resamples=config.bootstraps,
        seed=seed,
        jackknife=config.interval == "bca",
    )
    what = f"a class's score of {'a' if by == 'patient' else 'an'} {by} is {_RULES[config.patient_rule]}"
    positives = dict(zip(scores.classes, units.positive.sum(axis=0).tolist(), strict=True))
    head = {"rule": config.patient_rule, "meaning": what, "units": len(units.unit), "positives": positives}
    reason = f"needs {by}s with ROIs of the class and {by}s without"
    return head | nested(
        {
            key: figure(resampled, key, config.interval, reason if key[0] == "auc" else why_undefined(key))
            for key in resampled.table
        }
    )


def _combine(probabilities: np.ndarray, starts: np.ndarray, rule: Rule) -> np.ndarray:
    if rule == "max":
        return np.maximum.reduceat(probabilities, starts, axis=0)
    if rule == "mean":
        sizes = np.diff(np.append(starts, len(probabilities)))
        return np.add.reduceat(probabilities, starts, axis=0) / sizes[:, None]
    return 1 - np.multiply.reduceat(1 - probabilities, starts, axis=0)
