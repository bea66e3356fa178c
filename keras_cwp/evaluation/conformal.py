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
from keras_cwp.evaluation.estimates import Estimate
from keras_cwp.evaluation.intervals import ONE_PATIENT
from keras_cwp.evaluation.score_interval import score_limits
from keras_cwp.scores import Scores

_HERE = "all ROIs judged here"


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


def conformal_figures(
    scores: Scores,
    coverage: float,
    validation: Scores | None = None,
    kept: Mapping[str, Any] | None = None,
    *,
    elsewhere: bool = False,
) -> dict[str, Any]:
    """Thresholds of sets, and how they did on ROIs that they are not from; ready for JSON.

    The thresholds of several folds come from all held-out rows, and each fold is judged by thresholds of the others.
    Those of a single fold come from validation rows, and the held-out rows judge them.

    Args:
        scores: labelled rows: held-out ones, or another data set.
        validation: validation rows of the run, for a single fold.
        kept: `conformal` of the run's metrics.json; with `elsewhere` its thresholds are applied unchanged.
        elsewhere: the rows are another data set.

    Returns:
        `coverage` promised; `thresholds` by class; `chosen_on`: which ROIs they come from; `judged` (`set_coverage`)
        with `judged_on` in words, or None with a `reason`.
    """
    if elsewhere:
        return _at_kept(scores, coverage, kept)
    folds = np.unique(scores.fold)
    head: dict[str, Any] = {"coverage": coverage, "chosen_on": "all held-out ROIs of the run"}
    if len(folds) > 1:
        judged = set_coverage(scores, _by_other_folds(scores, coverage))
        found = {"thresholds": conformal_thresholds(scores, coverage), "judged": judged}
        return head | found | {"judged_on": "each fold, by thresholds of the patients of the other folds"}
    if validation is None:
        reason = "they come from the ROIs judged here, for there are no validation ROIs and no other folds"
        return head | {"thresholds": conformal_thresholds(scores, coverage), "judged": None, "reason": reason}
    thresholds = conformal_thresholds(validation, coverage)
    judged = set_coverage(scores, conformal_sets(scores.probabilities, scores.classes, thresholds))
    head["chosen_on"] = "all validation ROIs of the run"
    return head | {"thresholds": thresholds, "judged": judged, "judged_on": _HERE}


def set_coverage(scores: Scores, sets: np.ndarray) -> dict[str, dict[str, Any]]:
    """How often sets hold the true class, for each class that has rows.

    Args:
        scores: labelled rows.
        sets: bool [rows, classes].

    Returns:
        class -> `covered`: mean over patients of the share of ROIs whose set has the class; `ci95` of it, None with
        a `reason` for one patient; `size`: mean number of classes in a set; `patients` and `rois`.
    """
    found: dict[str, dict[str, Any]] = {}
    for column, name in enumerate(scores.classes):
        rows = scores.label == column
        if rows.any():
            _, patient = np.unique(scores.patient_id[rows], return_inverse=True)
            shares = np.bincount(patient, sets[rows, column]) / np.bincount(patient)
            limits = score_limits(_mean_of(shares))
            found[name] = {
                "covered": float(shares.mean()),
                "ci95": None if limits is None else list(limits),
                **({"reason": ONE_PATIENT} if limits is None else {}),
                "size": float(sets[rows].sum(axis=1).mean()),
                "patients": len(shares),
                "rois": len(np.unique(scores.roi_id[rows])),
            }
    return found


def conformal_cautions(found: Mapping[str, Any], classes: tuple[str, ...]) -> list[str]:
    """Classes whose sets hold them clearly less often than promised, or that cannot be judged."""
    judged, promised = found["judged"], found["coverage"]
    if judged is None:
        return [f"Sets of classes cannot be judged: {found['reason']}."]
    short = [
        f"{name} {own['covered']:.2f} [{own['ci95'][0]:.2f}, {own['ci95'][1]:.2f}]"
        for name, own in judged.items()
        if own["ci95"] is not None and own["ci95"][1] < promised
    ]
    unknown = [name for name in classes if name not in judged or judged[name]["ci95"] is None]
    cautions = []
    if short:
        cautions.append(f"Sets hold the true class less often than the promised {promised:g}: {', '.join(short)}.")
    if unknown:
        cautions.append(
            f"Sets of classes cannot be judged for {', '.join(unknown)}: that takes two patients with the class."
        )
    return cautions


def _at_kept(scores: Scores, coverage: float, kept: Mapping[str, Any] | None) -> dict[str, Any]:
    """A run's thresholds on another data set."""
    if not kept:
        reason = "the run's metrics.json has no thresholds of sets; evaluate the run again without --data"
        return {"coverage": coverage, "chosen_on": None, "thresholds": {}, "judged": None, "reason": reason}
    thresholds = {name: float(kept["thresholds"][name]) for name in scores.classes}
    return {
        "coverage": float(kept["coverage"]),
        "chosen_on": kept.get("chosen_on", "all held-out ROIs of the run"),  # as versions did that do not say it
        "thresholds": thresholds,
        "judged": set_coverage(scores, conformal_sets(scores.probabilities, scores.classes, thresholds)),
        "judged_on": _HERE,
    }


def _by_other_folds(scores: Scores, coverage: float) -> np.ndarray:
    """bool [rows, classes]: sets of each fold by thresholds of the patients of the other folds."""
    sets = np.zeros(scores.probabilities.shape, dtype=bool)
    for fold in np.unique(scores.fold):
        rows = scores.fold == fold
        others = ~np.isin(scores.patient_id, scores.patient_id[rows])  # a patient of a repeat is not independent
        thresholds = conformal_thresholds(scores.take(others), coverage)
        sets[rows] = conformal_sets(scores.probabilities[rows], scores.classes, thresholds)
    return sets


def _mean_of(shares: np.ndarray) -> Estimate:
    """The mean of one share a patient."""
    patients, one = len(shares), np.ones(1, dtype=int)
    arms = (shares - shares.mean())[None] / patients
    return Estimate(float(shares.mean()), arms, patients * one, one, ((patients,),))


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
