"""Figures of order alone: AUC (one-vs-rest, micro, macro, Hand and Till) and average precision, weighted."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations

import numpy as np

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


def ranking_statistic(positive: np.ndarray, scores: np.ndarray, classes: tuple[str, ...]) -> Statistic:
    """AUC and average precision: each class against the rest, their mean (macro), all decisions pooled (micro).

    Args:
        positive: bool [rows, classes]; several classes of a row may be true (a patient with several findings).
        scores: float [rows, classes].
        classes: names of the columns.

    Returns:
        Macro is the mean over the classes that have a figure on the table; in a resample that lost one it is NaN.
    """
    per_class: dict[Key, Weighted] = {}
    for column, name in enumerate(classes):
        per_class["auc", "per_class", name] = weighted_auc(positive[:, column], scores[:, column])
        per_class["average_precision", "per_class", name] = weighted_average_precision(
            positive[:, column], scores[:, column]
        )
    micro = {
        ("auc", "micro"): weighted_auc(positive.ravel(), scores.ravel()),
        ("average_precision", "micro"): weighted_average_precision(positive.ravel(), scores.ravel()),
    }
    usable = {name for column, name in enumerate(classes) if 0 < positive[:, column].sum() < len(positive)}

    def statistic(weights: np.ndarray) -> dict[Key, np.ndarray]:
        found = {key: figure(weights) for key, figure in per_class.items()}
        for kind in ("auc", "average_precision"):
            parts = [found[kind, "per_class", name] for name in classes if name in usable]
            found[kind, "macro"] = np.mean(parts, axis=0) if parts else np.full(weights.shape[1], np.nan)
        repeated = np.repeat(weights, len(classes), axis=0)
        return found | {key: figure(repeated) for key, figure in micro.items()}

    return statistic


def hand_till_statistic(labels: np.ndarray, probabilities: np.ndarray, classes: tuple[str, ...]) -> Statistic:
    """Pairwise AUCs and their mean M, which does not depend on how common the classes are.

    A pair's AUC is the mean of the two AUCs, by the first class's probability and by the second's, among the rows of
    those two classes.

    Reference: Hand and Till, Machine Learning 45 (2001) 171-186.
    """
    pairs: dict[Key, tuple[np.ndarray, Weighted, Weighted]] = {}
    for a, b in combinations(range(len(classes)), 2):
        rows = np.flatnonzero((labels == a) | (labels == b))
        first = weighted_auc(labels[rows] == a, probabilities[rows, a])
        second = weighted_auc(labels[rows] == b, probabilities[rows, b])
        pairs["auc", "pairwise", f"{classes[a]} / {classes[b]}"] = (rows, first, second)
    usable = [key for key, (rows, _, _) in pairs.items() if len(np.unique(labels[rows])) == 2]

    def statistic(weights: np.ndarray) -> dict[Key, np.ndarray]:
        found = {key: (a(weights[rows]) + b(weights[rows])) / 2 for key, (rows, a, b) in pairs.items()}
        empty = np.full(weights.shape[1], np.nan)
        parts = [found[key] for key in usable]
        return found | {("auc", "hand_till"): np.mean(parts, axis=0) if parts else empty}

    return statistic


def _running_sum(weights: np.ndarray) -> np.ndarray:
    """[rows + 1, resamples]: the sum of the first k rows, from none to all."""
    total = np.zeros((len(weights) + 1, weights.shape[1]))
    np.cumsum(weights, axis=0, out=total[1:])
    return total
