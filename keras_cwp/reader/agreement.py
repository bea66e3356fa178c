"""How far two readers' tables agree: their boxes paired, kappa with an interval over patients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy.optimize import linear_sum_assignment

from keras_cwp.config import EvaluateConfig
from keras_cwp.data.annotations.roi import Box
from keras_cwp.evaluation.agreement import agreement_statistic, confusion_matrix, right_estimates, right_statistic
from keras_cwp.evaluation.intervals import Measured, with_intervals
from keras_cwp.reader.tables import Row

OVERLAP = 0.5  # least intersection over union of two boxes that are taken as one region
_DISAGREEMENTS = 200  # shown


class Pair(NamedTuple):
    """One region that both readers marked."""

    first: Row
    second: Row


def pairs_of(first: Sequence[Row], second: Sequence[Row]) -> list[Pair]:
    """Regions that both tables have: rows of one film and id, else boxes of one film that overlap most.

    Boxes without a partner of their id are matched so that the sum of overlaps is largest; pairs below OVERLAP are
    none.
    """
    films: dict[str, tuple[list[Row], list[Row]]] = {}
    for place, rows in enumerate((first, second)):
        for row in rows:
            films.setdefault(row.image, ([], []))[place].append(row)
    return [pair for ours, theirs in films.values() for pair in _pairs_on_film(ours, theirs)]


def _pairs_on_film(first: list[Row], second: list[Row]) -> list[Pair]:
    by_id = {row.mark.roi_id: row for row in second}
    found = [Pair(row, by_id[row.mark.roi_id]) for row in first if row.mark.roi_id in by_id]
    paired = {pair.first.mark.roi_id for pair in found}
    ours = [row for row in first if row.mark.roi_id not in paired]
    theirs = [row for row in second if row.mark.roi_id not in paired]
    if ours and theirs:
        overlaps = np.array([[overlap(one.mark.box, other.mark.box) for other in theirs] for one in ours])
        for i, j in zip(*linear_sum_assignment(-overlaps), strict=True):
            if overlaps[i, j] >= OVERLAP:
                found.append(Pair(ours[i], theirs[j]))
    return found


def overlap(one: Box, other: Box) -> float:
    """Intersection over union of two boxes."""
    width = min(one[0] + one[2], other[0] + other[2]) - max(one[0], other[0])
    height = min(one[1] + one[3], other[1] + other[3]) - max(one[1], other[1])
    common = max(width, 0.0) * max(height, 0.0)
    return common / (one[2] * one[3] + other[2] * other[3] - common)


def agreement_of(first: Sequence[Row], second: Sequence[Row], classes: Sequence[str]) -> dict[str, Any]:
    """Agreement of two readers, ready for JSON.

    Args:
        classes: of the model, in order; other labels follow in the order of their names.

    Returns:
        `regions` (marked by both), `patients`, `only_first`, `only_second` (marked by one), `classes`, `confusion`
        (rows: first reader), `kappa` and `agreement` with value, ci95 and perhaps a reason, `disagreements`: image,
        roi_id, the two labels.
    """
    pairs = pairs_of(first, second)
    labels = {row.mark.label for pair in pairs for row in pair}
    names = (*classes, *sorted(labels - set(classes)))
    found: dict[str, Any] = {
        "regions": len(pairs),
        "only_first": len(first) - len(pairs),
        "only_second": len(second) - len(pairs),
        "classes": list(names),
        "disagreements": [
            {"image": one.image, "roi_id": one.mark.roi_id, "first": one.mark.label, "second": other.mark.label}
            for one, other in pairs
            if one.mark.label != other.mark.label
        ][:_DISAGREEMENTS],
    }
    if not pairs:
        empty = {"value": None, "ci95": None, "reason": "no region was marked by both"}
        return found | {"patients": 0, "confusion": [], "kappa": empty, "agreement": empty}
    index = {name: number for number, name in enumerate(names)}
    ours, theirs = (np.array([index[pair[place].mark.label] for pair in pairs]) for place in (0, 1))
    return found | _figures(ours, theirs, np.array([pair.first.patient for pair in pairs]), names)


def _figures(ours: np.ndarray, theirs: np.ndarray, patients: np.ndarray, names: tuple[str, ...]) -> dict[str, Any]:
    distinct, patient = np.unique(patients, return_inverse=True)
    table = Measured(
        patients,
        agreement_statistic(ours, theirs, names),
        exact=right_statistic(ours, theirs),
        estimates=right_estimates(ours, theirs, patient, len(distinct)),
        why_undefined=lambda _: "both readers gave one class only",
    )
    figures = with_intervals(table, EvaluateConfig(), 0)
    return {
        "patients": len(distinct),
        "confusion": confusion_matrix(ours, theirs, len(names)).tolist(),
        "kappa": figures[("kappa", "unweighted")],
        "agreement": figures[("accuracy",)],
    }
