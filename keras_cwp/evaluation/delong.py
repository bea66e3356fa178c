"""Variance of the AUC without resampling: DeLong's, and Obuchowski's for several ROIs a patient.

Both rest on placements: the share of negatives that a positive beats, the share of positives that beat a negative.
They come from sorted searches in O(n log n), not from all pairs.

References: DeLong, DeLong and Clarke-Pearson, Biometrics 44 (1988) 837-845; Sun and Xu, IEEE Signal Processing Letters
21 (2014) 1389-1393 (fast form); Obuchowski, Biometrics 53 (1997) 567-578 (clustered form).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import stats

from keras_cwp.evaluation.intervals import LEVEL
from keras_cwp.evaluation.roc import one_vs_rest
from keras_cwp.scores import Scores


def placements(positive: np.ndarray, score: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of each positive the share of negatives below it, of each negative the share of positives above it.

    Args:
        positive: bool [n], with at least one True and one False.
        score: float [n]; a tie counts one half.

    Returns:
        float [positives], float [negatives], in row order. The mean of either is the AUC.
    """
    hits, rest = score[positive], score[~positive]
    below = _share_below(hits, np.sort(rest))
    above = 1 - _share_below(rest, np.sort(hits))
    return below, above


def delong(positive: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """AUCs [k] and their covariance [k, k] of k scores of the same rows, each row independent.

    Args:
        positive: bool [n], at least two True and two False.
        scores: float [n, k].
    """
    parts = [placements(positive, column) for column in scores.T]
    of_hits, of_rest = np.array([own for own, _ in parts]), np.array([own for _, own in parts])
    covariance = np.cov(of_hits) / of_hits.shape[1] + np.cov(of_rest) / of_rest.shape[1]
    return of_hits.mean(axis=1), np.atleast_2d(covariance)


def clustered_delong(positive: np.ndarray, scores: np.ndarray, patients: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The same where rows of one patient are alike (Obuchowski); with one row a patient it is DeLong's.

    Args:
        positive: bool [n]; at least two patients with a positive and two with a negative.
        scores: float [n, k].
        patients: str or int [n].
    """
    names, patient = np.unique(patients, return_inverse=True)
    parts = [placements(positive, column) for column in scores.T]
    areas = np.array([own.mean() for own, _ in parts])
    hits = np.array(
        [_sums(patient[positive], own - area, len(names)) for (own, _), area in zip(parts, areas, strict=True)]
    )
    rest = np.array(
        [_sums(patient[~positive], own - area, len(names)) for (_, own), area in zip(parts, areas, strict=True)]
    )
    total_hits, total_rest = np.count_nonzero(positive), np.count_nonzero(~positive)
    of_hits = _corrected(len(np.unique(patient[positive]))) * hits @ hits.T / total_hits**2
    of_rest = _corrected(len(np.unique(patient[~positive]))) * rest @ rest.T / total_rest**2
    shared = _corrected(len(names)) * hits @ rest.T / (total_hits * total_rest)
    return areas, of_hits + of_rest + shared + shared.T


def macro_influence(labels: np.ndarray, probabilities: np.ndarray) -> tuple[float, np.ndarray]:
    """Macro AUC and how much each row moves it, float [n]: the sum of squares over patients is its variance.

    The mean over classes of the terms of Obuchowski's variance, so that what classes share is kept. Classes without an
    AUC are left out; NaN and zeros when none has one.
    """
    positive = one_vs_rest(labels, probabilities.shape[1])
    influence, areas = np.zeros(len(labels)), []
    for own, score in zip(positive.T, probabilities.T, strict=True):
        if not 0 < own.sum() < len(own):
            continue
        below, above = placements(own, score)
        areas.append(below.mean())
        influence[own] += (below - below.mean()) / own.sum()
        influence[~own] += (above - above.mean()) / (~own).sum()
    return (float(np.mean(areas)), influence / len(areas)) if areas else (float("nan"), influence)


def clustered_variance(influence: np.ndarray, patients: np.ndarray) -> float:
    """Variance of a figure from the influence of its rows, patients being independent; NaN for one patient."""
    names, patient = np.unique(patients, return_inverse=True)
    if len(names) < 2:
        return float("nan")
    return float(_corrected(len(names)) * (_sums(patient, influence, len(names)) ** 2).sum())


def delong_figures(scores: Scores) -> dict[str, Any]:
    """Clustered DeLong AUCs of labelled rows, as metrics.json keeps them: beside the bootstrap, a check on it."""
    positive = one_vs_rest(scores.label, len(scores.classes))
    area, influence = macro_influence(scores.label, scores.probabilities)
    return {
        "method": "DeLong, clustered by patient (Obuchowski 1997)",
        "macro": _figure(area, clustered_variance(influence, scores.patient_id)),
        "per_class": {
            name: _of_class(positive[:, c], scores.probabilities[:, [c]], scores.patient_id)
            for c, name in enumerate(scores.classes)
        },
    }


def wald(value: float, variance: float) -> tuple[float, float]:
    """Value ± 1.96 standard errors, cut at 0 and 1."""
    half = stats.norm.ppf((1 + LEVEL) / 2) * np.sqrt(variance)
    return float(max(value - half, 0.0)), float(min(value + half, 1.0))


def _of_class(positive: np.ndarray, score: np.ndarray, patients: np.ndarray) -> dict[str, Any]:
    if min(len(np.unique(patients[positive])), len(np.unique(patients[~positive]))) < 2:
        reason = "needs two patients with ROIs of the class and two with others"
        return {"value": None, "se": None, "ci95": None, "reason": reason}
    areas, covariance = clustered_delong(positive, score, patients)
    return _figure(float(areas[0]), float(covariance[0, 0]))


def _figure(area: float, variance: float) -> dict[str, Any]:
    if np.isnan(area) or np.isnan(variance) or variance <= 0:
        reason = "its variance cannot be estimated from these ROIs"
        return {"value": None if np.isnan(area) else area, "se": None, "ci95": None, "reason": reason}
    return {"value": area, "se": float(np.sqrt(variance)), "ci95": list(wald(area, variance))}


def _share_below(score: np.ndarray, others: np.ndarray) -> np.ndarray:
    below = np.searchsorted(others, score, side="left")
    below_or_tied = np.searchsorted(others, score, side="right")
    return (below + below_or_tied) / (2 * len(others))


def _sums(patient: np.ndarray, values: np.ndarray, patients: int) -> np.ndarray:
    return np.bincount(patient, weights=values, minlength=patients)


def _corrected(clusters: int) -> float:
    return clusters / (clusters - 1)
