"""Metrics of order alone: AUC (one-vs-rest, micro, macro, Hand and Till) and average precision, weighted."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations

import numpy as np

from keras_cwp.evaluation.estimates import Estimate, area_of, mean_estimate
from keras_cwp.evaluation.statistic import Key, Statistic, ratio

Weighted = Callable[[np.ndarray], np.ndarray]  # weights [rows, resamples] -> [resamples]


def weighted_auc(positive: np.ndarray, score: np.ndarray) -> Weighted:
    """AUC as a function of row weights; ties count one half.

    Args:
        positive: bool [rows].
        score: float [rows].
    """
    hits, rest = np.flatnonzero(positive), np.flatnonzero(~positive)
    rest = rest[np.argsort(score[rest], kind="stable")]
    below = np.searchsorted(score[rest], score[hits], side="left")
    below_or_tied = np.searchsorted(score[rest], score[hits], side="right")
    has_ties = bool((below != below_or_tied).any())

    def figure(weights: np.ndarray) -> np.ndarray:
        passed = _running_sum(weights[rest])
        won = passed[below] if not has_ties else (passed[below] + passed[below_or_tied]) / 2
        of_hits = weights[hits]
        return ratio(np.einsum("ij,ij->j", won, of_hits), of_hits.sum(axis=0) * passed[-1])

    return figure


def weighted_average_precision(positive: np.ndarray, score: np.ndarray) -> Weighted:
    """Average precision (sum over recall steps of step × precision, no interpolation) of row weights."""
    order = np.argsort(-score, kind="stable")
    hits = order[positive[order]]
    reached = np.searchsorted(-score[order], -score[hits], side="right")  # rows at or above each hit's score
    hits_reached = np.searchsorted(-score[hits], -score[hits], side="right")

    def figure(weights: np.ndarray) -> np.ndarray:
        of_hits = weights[hits]
        found = _running_sum(of_hits)
        precision = np.nan_to_num(ratio(found[hits_reached], _running_sum(weights[order])[reached]))
        return ratio(np.einsum("ij,ij->j", of_hits, precision), found[-1])

    return figure


def auc_statistic(positive: np.ndarray, scores: np.ndarray, classes: tuple[str, ...]) -> Statistic:
    """AUC of each class against the rest, their mean (macro), all decisions pooled (micro).

    Args:
        positive: bool [rows, classes]; several classes of a row may be true (a patient with several findings).
        scores: float [rows, classes].
        classes: names of the columns.

    Returns:
        Macro is the mean over the classes that have a value on the table; in a resample that lost one it is NaN.
    """
    return _averaged("auc", weighted_auc, positive, scores, classes)


def average_precision_statistic(positive: np.ndarray, scores: np.ndarray, classes: tuple[str, ...]) -> Statistic:
    """Average precision with the same averages as `auc_statistic`."""
    return _averaged("average_precision", weighted_average_precision, positive, scores, classes)


def auc_estimates(
    positive: np.ndarray, scores: np.ndarray, classes: tuple[str, ...], patient: np.ndarray, patients: int
) -> dict[Key, Estimate]:
    """The variances of `auc_statistic`; what is undefined is left out.

    Args:
        patient: int [rows], 0 to patients - 1.
    """
    found: dict[Key, Estimate] = {}
    for column, name in enumerate(classes):
        own = area_of(positive[:, column], scores[:, column], patient, patients)
        if own is not None:
            found["auc", "per_class", name] = own
    if found:
        found["auc", "macro"] = mean_estimate(list(found.values()))
    pooled = area_of(positive.ravel(), scores.ravel(), np.repeat(patient, len(classes)), patients)
    return found if pooled is None else found | {("auc", "micro"): pooled}


def macro_estimate(
    labels: np.ndarray, probabilities: np.ndarray, patient: np.ndarray, patients: int
) -> Estimate | None:
    """The macro AUC with its variance over patients; None where no class has an AUC.

    Args:
        labels: int [rows].
        probabilities: float [rows, classes].
        patient: int [rows], 0 to patients - 1.
    """
    columns = range(probabilities.shape[1])
    parts = [area_of(labels == c, probabilities[:, c], patient, patients) for c in columns]
    known = [part for part in parts if part is not None]
    return mean_estimate(known) if known else None


def hand_till_statistic(labels: np.ndarray, probabilities: np.ndarray, classes: tuple[str, ...]) -> Statistic:
    """Pairwise AUCs and their mean M, which does not depend on how common the classes are.

    A pair's AUC is the mean of the two AUCs, by the first class's probability and by the second's, among the rows of
    those two classes.

    Reference: Hand and Till, Machine Learning 45 (2001) 171-186.
    """
    pairs: dict[Key, tuple[np.ndarray, Weighted, Weighted]] = {}
    for key, a, b in _pairs(classes):
        rows = np.flatnonzero((labels == a) | (labels == b))
        first = weighted_auc(labels[rows] == a, probabilities[rows, a])
        second = weighted_auc(labels[rows] == b, probabilities[rows, b])
        pairs[key] = (rows, first, second)
    usable = [key for key, (rows, _, _) in pairs.items() if len(np.unique(labels[rows])) == 2]

    def statistic(weights: np.ndarray) -> dict[Key, np.ndarray]:
        found = {key: (a(weights[rows]) + b(weights[rows])) / 2 for key, (rows, a, b) in pairs.items()}
        empty = np.full(weights.shape[1], np.nan)
        parts = [found[key] for key in usable]
        return found | {("auc", "hand_till"): np.mean(parts, axis=0) if parts else empty}

    return statistic


def hand_till_estimates(
    labels: np.ndarray, probabilities: np.ndarray, classes: tuple[str, ...], patient: np.ndarray, patients: int
) -> dict[Key, Estimate]:
    """The variances of `hand_till_statistic`; what is undefined is left out."""
    found: dict[Key, Estimate] = {}
    for key, a, b in _pairs(classes):
        rows = np.flatnonzero((labels == a) | (labels == b))
        own = [area_of(labels[rows] == c, probabilities[rows, c], patient[rows], patients) for c in (a, b)]
        parts = [part for part in own if part is not None]
        if parts:
            found[key] = mean_estimate(parts)
    return found | {("auc", "hand_till"): mean_estimate(list(found.values()))} if found else {}


def _averaged(
    kind: str,
    weighted: Callable[[np.ndarray, np.ndarray], Weighted],
    positive: np.ndarray,
    scores: np.ndarray,
    classes: tuple[str, ...],
) -> Statistic:
    """A metric of each class, macro and micro."""
    per_class: dict[Key, Weighted] = {
        (kind, "per_class", name): weighted(positive[:, column], scores[:, column])
        for column, name in enumerate(classes)
    }
    pooled = weighted(positive.ravel(), scores.ravel())
    usable = [name for column, name in enumerate(classes) if 0 < positive[:, column].sum() < len(positive)]

    def statistic(weights: np.ndarray) -> dict[Key, np.ndarray]:
        found = {key: figure(weights) for key, figure in per_class.items()}
        parts = [found[kind, "per_class", name] for name in usable]
        found[kind, "macro"] = np.mean(parts, axis=0) if parts else np.full(weights.shape[1], np.nan)
        return found | {(kind, "micro"): pooled(np.repeat(weights, len(classes), axis=0))}

    return statistic


def _pairs(classes: tuple[str, ...]) -> list[tuple[Key, int, int]]:
    numbers = combinations(range(len(classes)), 2)
    return [(("auc", "pairwise", f"{classes[a]} / {classes[b]}"), a, b) for a, b in numbers]


def _running_sum(weights: np.ndarray) -> np.ndarray:
    """[rows + 1, resamples]: the sum of the first k rows, from none to all."""
    total = np.zeros((len(weights) + 1, weights.shape[1]))
    np.cumsum(weights, axis=0, out=total[1:])
    return total
