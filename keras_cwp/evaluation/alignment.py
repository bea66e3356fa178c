"""Several runs' scores in one row order, or a refusal."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from keras_cwp.errors import ScoresError
from keras_cwp.scores import Scores


def align(runs: Mapping[str, Scores]) -> dict[str, Scores]:
    """All runs in the row order and the class order of the first.

    Raises:
        ScoresError: a run whose classes, ROIs, folds, patients or labels are not those of the first.
    """
    (first, reference), *_ = runs.items()
    order = _by_name(reference)
    aligned = {}
    for name, scores in runs.items():
        if set(scores.classes) != set(reference.classes):
            raise ScoresError(f"run {name} has classes {scores.classes}, run {first} {reference.classes}")
        scores = scores.in_order(reference.classes)
        own = _by_name(scores)
        rows = np.empty(len(scores), dtype=int)
        if len(scores) == len(reference):
            rows[order] = own
        for column in ("roi_id", "fold", "patient_id", "label"):
            _assert_same(column, (first, reference), (name, scores), rows)
        aligned[name] = scores.take(rows)
    return aligned


def _by_name(scores: Scores) -> np.ndarray:
    return np.lexsort((scores.fold, scores.roi_id))


def _assert_same(column: str, first: tuple[str, Scores], second: tuple[str, Scores], rows: np.ndarray) -> None:
    (name_a, a), (name_b, b) = first, second
    if len(a) != len(b):
        raise ScoresError(
            f"run {name_a} holds out {len(a)} ROIs, run {name_b} {len(b)}; the held-out ROIs have to be the same: "
            "make both by fit or both by cv, with the same --split"
        )
    differ = np.flatnonzero(getattr(a, column) != getattr(b, column)[rows])
    if len(differ):
        row = int(differ[0])
        raise ScoresError(
            f"runs {name_a} and {name_b} differ in {column} ({len(differ)} ROIs, first {a.roi_id[row]}: "
            f"{getattr(a, column)[row]} and {getattr(b, column)[rows[row]]}); give both the same --split"
        )
