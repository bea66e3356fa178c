"""Agreement of several readers on the same ROIs, with intervals over patients.

References: Cohen, Educational and Psychological Measurement 20 (1960) 37-46, and Psychological Bulletin 70 (1968)
213-220 (weighted); Fleiss, Psychological Bulletin 76 (1971) 378-382; Krippendorff, Content Analysis (2004), chapter 11.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations
from typing import Any

import numpy as np

from keras_cwp.config import EvaluateConfig
from keras_cwp.errors import ScoresError
from keras_cwp.evaluation.agreement import kappa
from keras_cwp.evaluation.agreement_interval import chance_of
from keras_cwp.evaluation.estimates import proportion_of
from keras_cwp.evaluation.intervals import Limits, Measured, with_intervals
from keras_cwp.evaluation.roi_metrics import perfect_kappa
from keras_cwp.evaluation.statistic import Key, Statistic, ratio
from keras_cwp.scores import UNKNOWN_LABEL

_NAMES = {"fleiss": "fleiss", "nominal": "alpha", "ordinal": "alpha_ordinal", "interval": "alpha_interval"}
_POWERS = {"unweighted": 0, "linear": 1, "quadratic": 2}
_ONE_CLASS = "all labels are of one class, or no ROI was read twice"
_Distance = Callable[[np.ndarray], np.ndarray]
"""Labels of each class [classes, resamples] -> disagreement of two labels [classes, classes, resamples]."""


def reader_agreement(
    labels: np.ndarray,
    patients: np.ndarray,
    classes: tuple[str, ...],
    config: EvaluateConfig,
    *,
    readers: Sequence[str] | None = None,
    order: tuple[str, ...] | None = None,
) -> dict[str, Any]:
    """Fleiss' kappa, Krippendorff's alpha and Cohen's kappa of each pair, with 95 % intervals over patients, for JSON.

    Args:
        labels: int [ROIs, readers]; indices into `classes`, UNKNOWN_LABEL where a reader has not read the ROI.
        patients: str [ROIs].
        config: `interval` score: each patient is left out once; percentile or bca: patients are drawn.
        readers: their names; None: 1, 2, …
        order: all classes from least to most disease. None: they have no order, and nothing is weighted by one.

    Returns:
        `rois` and `readers` counted, `fleiss` (over the ROIs that every reader read), `alpha` (nominal); with an order
        also `alpha_ordinal` and `alpha_interval` (squared distances of ranks). `pairs`: for each two readers `first`,
        `second`, `rois` that both read, `agreement` (share with one label) and `unweighted` kappa; with an order also
        `linear` and `quadratic`.

    Raises:
        ScoresError: fewer than two readers, or a label outside the classes.
    """
    _check(labels, classes)
    rank = np.arange(len(classes)) if order is None else np.array([order.index(name) for name in classes])
    ranked = np.where(labels == UNKNOWN_LABEL, UNKNOWN_LABEL, rank[labels])
    counts = (ranked[:, :, None] == np.arange(len(classes))).sum(axis=1).astype(float)
    statistic = _all_readers(counts, labels.shape[1], order is not None)
    table = Measured(patients, statistic, **_beyond_chance(ranked, patients), why_undefined=lambda _: _ONE_CLASS)
    found = {_NAMES[key[-1]]: figure for key, figure in with_intervals(table, config, 0).items()}
    names = list(map(str, range(1, labels.shape[1] + 1))) if readers is None else list(readers)
    pairs = [
        {"first": names[a], "second": names[b], **_pair(ranked[:, [a, b]], patients, len(classes), config, order)}
        for a, b in combinations(range(len(names)), 2)
    ]
    return {"rois": len(labels), "readers": labels.shape[1], **found, "pairs": pairs}


def _check(labels: np.ndarray, classes: tuple[str, ...]) -> None:
    if labels.ndim != 2 or labels.shape[1] < 2:
        raise ScoresError(
            f"agreement of readers: labels have shape {labels.shape}, expected ROIs and at least 2 readers"
        )
    if labels.min(initial=0) < UNKNOWN_LABEL or labels.max(initial=0) >= len(classes):
        raise ScoresError(f"agreement of readers: label {labels.max()} is outside the {len(classes)} classes")


def _pair(
    labels: np.ndarray, patients: np.ndarray, classes: int, config: EvaluateConfig, order: tuple[str, ...] | None
) -> dict[str, Any]:
    """Two readers; int [ROIs, 2] by rank."""
    both = (labels != UNKNOWN_LABEL).all(axis=1)
    names = list(_POWERS if order is not None else ("unweighted",))
    if not both.any():
        nothing = {"value": None, "ci95": None, "reason": "no ROI was read by both"}
        return {"rois": 0, **dict.fromkeys(("agreement", *names), nothing)}
    (first, second), own = labels[both].T, patients[both]
    distinct, patient = np.unique(own, return_inverse=True)
    same = first == second
    membership = (first * classes + second == np.arange(classes**2)[:, None]).astype(float)

    def statistic(weights: np.ndarray) -> dict[Key, np.ndarray]:
        matrix = (membership @ weights).reshape(classes, classes, -1)
        return {("kappa", name): kappa(matrix, _POWERS[name]) for name in names}

    def share(weights: np.ndarray) -> dict[Key, np.ndarray]:
        return {("accuracy",): ratio(same.astype(float) @ weights, weights.sum(axis=0))}

    estimate = proportion_of(same, patient, len(distinct))
    table = Measured(
        own,
        statistic,
        exact=share,
        estimates={} if estimate is None else {("accuracy",): estimate},
        perfect=dict.fromkeys((("kappa", name) for name in names), perfect_kappa(first, own)),
        chance=dict.fromkeys((("kappa", name) for name in names), chance_of(first, second)),
        why_undefined=lambda _: "both readers gave one class only",
    )
    found = with_intervals(table, config, 0)
    kappas = {name: found["kappa", name] for name in names}
    return {"rois": int(both.sum()), "agreement": found[("accuracy",)], **kappas}


def _beyond_chance(ranked: np.ndarray, patients: np.ndarray) -> dict[str, Any]:
    """`perfect` and `chance` of Fleiss' kappa and of the alphas, by the ROIs that each of them rests on.

    Args:
        ranked: int [ROIs, readers] by rank, UNKNOWN_LABEL where a reader has not read the ROI.
    """
    read = (ranked != UNKNOWN_LABEL).sum(axis=1)
    perfect: dict[Key, Callable[[float], Limits | None]] = {}
    chance: dict[Key, float] = {}
    for name in _NAMES:
        rows = read == ranked.shape[1] if name == "fleiss" else read > 1
        if rows.any():
            given = ranked[rows][ranked[rows] != UNKNOWN_LABEL]
            chance["kappa", name] = chance_of(given, given)
            perfect["kappa", name] = perfect_kappa(ranked[rows].max(axis=1), patients[rows])
    return {"perfect": perfect, "chance": chance}


def _all_readers(counts: np.ndarray, readers: int, ordered: bool) -> Statistic:
    """Statistics of counts [ROIs, classes by rank], how many readers gave each class."""
    distances: dict[str, _Distance] = {"nominal": _nominal}
    if ordered:
        distances |= {"ordinal": _ordinal, "interval": _interval}

    def statistic(weights: np.ndarray) -> dict[Key, np.ndarray]:
        found: dict[Key, np.ndarray] = {("kappa", "fleiss"): _fleiss(counts, readers, weights)}
        return found | {("kappa", name): _alpha(counts, distance, weights) for name, distance in distances.items()}

    return statistic


def _fleiss(counts: np.ndarray, readers: int, weights: np.ndarray) -> np.ndarray:
    whole = counts.sum(axis=1) == readers
    own, weight = counts[whole], weights[whole]
    alike = ((own * (own - 1)).sum(axis=1) / (readers * (readers - 1))) @ weight
    total = weight.sum(axis=0)
    seen = ratio(alike, total)
    chance = (ratio(own.T @ weight, readers * total) ** 2).sum(axis=0)
    return ratio(seen - chance, 1 - chance)


def _nominal(margin: np.ndarray) -> np.ndarray:
    return np.broadcast_to(1 - np.eye(len(margin))[:, :, None], (len(margin), *margin.shape))


def _interval(margin: np.ndarray) -> np.ndarray:
    rank = np.arange(len(margin), dtype=float)
    squared = (rank[:, None] - rank) ** 2
    return np.broadcast_to(squared[:, :, None], (len(margin), *margin.shape))


def _ordinal(margin: np.ndarray) -> np.ndarray:
    """Squared number of labels between two classes, half of those in the two themselves."""
    place = np.cumsum(margin, axis=0) - margin / 2  # the middle of a class in the order of all labels
    squared: np.ndarray = (place[:, None] - place) ** 2
    return squared


def _alpha(counts: np.ndarray, distance: _Distance, weights: np.ndarray) -> np.ndarray:
    """1 minus disagreement seen over disagreement of labels paired at random; ROIs read once do not count."""
    paired = counts.sum(axis=1) > 1
    own, weight = counts[paired], weights[paired]
    share = own / (own.sum(axis=1, keepdims=True) - 1)
    # A label is never paired with itself; like classes are at distance 0, so the diagonal does not matter.
    together = np.einsum("ic,ik,ij->ckj", own, share, weight, optimize=True)
    margin = own.T @ weight
    apart = distance(margin)
    seen = np.einsum("ckj,ckj->j", together, apart)
    expected = ratio(np.einsum("cj,ckj,kj->j", margin, apart, margin), margin.sum(axis=0) - 1)
    return 1 - ratio(seen, expected)
