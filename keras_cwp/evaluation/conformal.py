"""Sets of classes that hold the true one with a promised probability, for each class by itself.

A ROI's set has every class whose probability is not unusually low for ROIs that are of it. What is unusual comes from
held-out ROIs. Patients, not ROIs, are exchangeable: each patient weighs the same, however many ROIs of the class there
are, and the new patient counts as one more whose ROIs may be stranger than all.

Reference: Vovk, Machine Learning 92 (2013) 349-376 (class-conditional sets); Dunn, Wasserman and Ramdas, Journal of the
American Statistical Association 118 (2023) 2491-2502 (grouped observations).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from keras_cwp.errors import ScoresError
from keras_cwp.scores import Scores


def conformal_thresholds(scores: Scores, coverage: float) -> dict[str, float]:
    """class -> the lowest probability with which it belongs to a set; 0 where patients are too few to exclude it.

    Args:
        scores: held-out rows (out of fold, or validation). Rows without a label are of no class.
        coverage: promised for the ROIs of each class, above 0 and below 1; 0.9 needs 9 patients of a class.

    Raises:
        ScoresError: a coverage that is no share.
    """
    if not 0 < coverage < 1:
        raise ScoresError(f"coverage of conformal sets: got {coverage}, a share between 0 and 1 is wanted")
    return {
        name: _threshold(scores.take(scores.label == column), column, coverage)
        for column, name in enumerate(scores.classes)
    }


def conformal_sets(probabilities: np.ndarray, classes: tuple[str, ...], thresholds: Mapping[str, float]) -> np.ndarray:
    """bool [rows, classes]: whether each class is in the row's set; a row may have none, one or several.

    Args:
        probabilities: float [rows, classes].
    """
    return probabilities >= np.array([thresholds[name] for name in classes])


def conformal_figures(scores: Scores, coverage: float) -> dict[str, Any]:
    """Thresholds from all held-out rows, and how such thresholds did on folds that they were not from; ready for JSON.

    Args:
        scores: labelled held-out rows.

    Returns:
        `coverage` promised; `thresholds`; `judged`: class -> `covered` and `size` over folds, None for one fold.
    """
    folds = np.unique(scores.fold)
    sets, judged = np.zeros(scores.probabilities.shape, dtype=bool), None
    if len(folds) > 1:
        for fold in folds:
            rows = scores.fold == fold
            others = ~np.isin(scores.patient_id, scores.patient_id[rows])  # a patient of a repeat is not independent
            thresholds = conformal_thresholds(scores.take(others), coverage)
            sets[rows] = conformal_sets(scores.probabilities[rows], scores.classes, thresholds)
        judged = set_coverage(scores, sets)
    return {"coverage": coverage, "thresholds": conformal_thresholds(scores, coverage), "judged": judged}


def set_coverage(scores: Scores, sets: np.ndarray) -> dict[str, dict[str, float]]:
    """class -> `covered`: mean over patients of the share of ROIs whose set has the class; `size`: mean set size.

    Args:
        scores: labelled rows.
        sets: bool [rows, classes].
    """
    found = {}
    for column, name in enumerate(scores.classes):
        rows = scores.label == column
        if rows.any():
            weight = _weights(scores.patient_id[rows])
            share = float(weight @ sets[rows, column] / weight.sum())
            found[name] = {"covered": share, "size": float(sets[rows].sum(axis=1).mean())}
    return found


def _threshold(own: Scores, column: int, coverage: float) -> float:
    if not len(own):
        return 0.0
    patients = len(np.unique(own.patient_id))
    order = np.argsort(own.probabilities[:, column], kind="stable")
    below = np.cumsum(_weights(own.patient_id)[order])  # patients' worth of ROIs up to each probability
    allowed = (1 - coverage) * (patients + 1) - 1  # that may fall out, once the new patient has
    place = int(np.searchsorted(below, allowed + 1e-9, side="right"))
    if allowed < -1e-9 or place >= len(order):
        return 0.0
    return float(own.probabilities[order[place], column])


def _weights(patients: np.ndarray) -> np.ndarray:
    """Each patient's ROIs together weigh 1."""
    _, patient, counts = np.unique(patients, return_inverse=True, return_counts=True)
    return np.asarray(1 / counts[patient])
