"""From ROIs to images and patients: a patient has what any of its ROIs has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import special

from keras_cwp.scores import Scores

Rule = Literal["mean_logit", "mean", "max", "noisy_or"]
_EDGE = 1e-12  # probabilities nearer to 0 or 1 count as this near when log odds are averaged
Unit = Literal["image", "patient"]
RULES = {
    "mean_logit": "the mean of its ROIs' log odds",
    "max": "the highest of its ROIs' probabilities",
    "mean": "the mean of its ROIs' probabilities",
    "noisy_or": "1 minus the product of its ROIs' (1 minus probability)",
}


@dataclass(frozen=True, eq=False)
class Aggregated:
    """One row an image or a patient, each class a question of its own: is there such a ROI?

    Args:
        unit, patient_id: str [units]; the same where the unit is the patient.
        rois: int [units]; how many ROIs were put together.
        positive: bool [units, classes]; several may be true.
        score: float [units, classes]; rows do not sum to 1.
    """

    unit: np.ndarray
    patient_id: np.ndarray
    rois: np.ndarray
    positive: np.ndarray
    score: np.ndarray


def aggregate(scores: Scores, by: Unit, rule: Rule) -> Aggregated:
    """Put the ROIs of a unit together, fold by fold (in repeated cross-validation a patient has a row a repeat).

    Args:
        scores: labelled rows.
        rule: `mean_logit` (mean of log odds, as a probability), `mean`, `max`, or `noisy_or` (ROIs as independent
            causes: 1 - Π (1 - p)). max and noisy_or rise with the number of ROIs; the mean of skewed probabilities
            does a little; a model without information has a patients' AUC of 0.5 by mean_logit only (bench_inference).
    """
    truth = scores.label[:, None] == np.arange(len(scores.classes))
    return aggregate_questions(scores, by, rule, truth, scores.probabilities)


def aggregate_questions(
    scores: Scores, by: Unit, rule: Rule, truth: np.ndarray, probabilities: np.ndarray
) -> Aggregated:
    """The same for other questions than "which class?".

    Args:
        truth: bool [rows, questions].
        probabilities: float [rows, questions].
    """
    names = scores.patient_id if by == "patient" else scores.image
    _, unit = np.unique(np.stack([names.astype(str), scores.fold.astype(str)]), axis=1, return_inverse=True)
    unit = unit.ravel()
    order = np.argsort(unit, kind="stable")
    starts = np.flatnonzero(np.append(True, np.diff(unit[order]) > 0))
    return Aggregated(
        names[order][starts],
        scores.patient_id[order][starts],
        np.diff(np.append(starts, len(order))),
        np.logical_or.reduceat(truth[order], starts, axis=0),
        _combine(probabilities[order], starts, rule),
    )


def _combine(probabilities: np.ndarray, starts: np.ndarray, rule: Rule) -> np.ndarray:
    if rule == "max":
        return np.maximum.reduceat(probabilities, starts, axis=0)
    sizes = np.diff(np.append(starts, len(probabilities)))[:, None]
    if rule == "mean_logit":
        logits = special.logit(np.clip(probabilities, _EDGE, 1 - _EDGE))
        return np.asarray(special.expit(np.add.reduceat(logits, starts, axis=0) / sizes))
    if rule == "mean":
        return np.add.reduceat(probabilities, starts, axis=0) / sizes
    return 1 - np.multiply.reduceat(1 - probabilities, starts, axis=0)
