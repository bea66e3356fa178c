"""The table that predict writes: what was found, by which thresholds, and every probability."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from keras_cwp.errors import RunError
from keras_cwp.files import write_text
from keras_cwp.prediction.card import CARD_FILE
from keras_cwp.scores import PREFIX, UNKNOWN_LABEL, Scores
from keras_cwp.training.run import RunFolder

NONE_REACHED = "-"
_BETWEEN = ";"
Sets = Mapping[str, float] | np.ndarray
"""By class the lowest probability with which it belongs to the set of a region, or bool [regions, classes]: whether it
does, as a server says."""
_ONE_MODEL = "all"  # key of a threshold that was chosen for one model, not for a fold of several


def write_decided(
    path: Path | str,
    scores: Scores,
    thresholds: Mapping[str, float],
    sets: Sets | None = None,
    distance: np.ndarray | None = None,
) -> None:
    """Write the CSV; the file appears whole or not at all. `Scores.from_csv` reads it.

    Columns: roi_id; patient_id, image and label where some row has one; predicted, the likeliest class; probability,
    its own; above_threshold, the classes whose probabilities reach their thresholds, where thresholds are known; set,
    the classes one of which is the true one as often as the run promises, and distance and unlike (yes where the
    distance is above 1), where the run holds what they need; the probability of each class.

    Raises:
        CwpError: the disk refuses.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    columns = decided(scores, thresholds, sets, distance)
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    write_text(path, text.getvalue())


def decided(
    scores: Scores,
    thresholds: Mapping[str, float],
    sets: Sets | None = None,
    distance: np.ndarray | None = None,
) -> dict[str, list[Any]]:
    """The table's columns by name, in order; see `write_decided`."""
    likeliest = scores.probabilities.argmax(axis=1).tolist() if len(scores) else []
    labels = ["" if label == UNKNOWN_LABEL else scores.classes[label] for label in scores.label.tolist()]
    columns: dict[str, list[Any]] = {
        "roi_id": scores.roi_id.tolist(),
        "patient_id": scores.patient_id.tolist(),
        "image": scores.image.tolist(),
        "label": labels,
    }
    columns = {name: values for name, values in columns.items() if name == "roi_id" or any(values)}
    columns["predicted"] = [scores.classes[index] for index in likeliest]
    columns["probability"] = [_digits(row[index]) for row, index in zip(scores.probabilities, likeliest, strict=True)]
    if thresholds:
        columns["above_threshold"] = [_above(scores.classes, row, thresholds) for row in scores.probabilities.tolist()]
    columns |= judged(scores, sets, distance)
    for place, name in enumerate(scores.classes):
        columns[PREFIX + name] = [_digits(value) for value in scores.probabilities[:, place]]
    return columns


def members(scores: Scores, sets: Sets | None) -> np.ndarray | None:
    """bool [regions, classes]: which classes the set of each region holds; None where it is not known."""
    if sets is None or len(sets) == 0:
        return None
    if isinstance(sets, np.ndarray):
        return sets
    least = np.array([sets.get(name, np.inf) for name in scores.classes])
    return np.asarray(scores.probabilities >= least)


def judged(scores: Scores, sets: Sets | None, distance: np.ndarray | None) -> dict[str, list[Any]]:
    """The columns set, distance and unlike, those of them that are known."""
    found: dict[str, list[Any]] = {}
    if (inside := members(scores, sets)) is not None:
        found["set"] = [_joined([scores.classes[place] for place in np.flatnonzero(row)]) for row in inside]
    if distance is not None:
        found["distance"] = [f"{value:.3f}" for value in distance.tolist()]
        found["unlike"] = ["yes" if value > 1 else "no" for value in distance.tolist()]
    return found


def thresholds_of(model: Path) -> dict[str, float]:
    """By class, the thresholds that a RUN or an exported version chose on its validation part.

    Of several models together, such as the folds of a cross-validation, those that hold on other data (`locked`). Empty
    where there are none.
    """
    try:
        metrics = RunFolder(model).metrics if not (model / CARD_FILE).is_file() else _card(model)
        points = metrics["thresholds"]["per_class"]
        found = {name: own.get("thresholds", {}).get(_ONE_MODEL) for name, own in points.items()}
        if not any(value is not None for value in found.values()):
            found = (metrics.get("locked") or metrics["metrics"]["locked"])["roi"]  # of a RUN, of a model card
    except (RunError, OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}
    return {name: float(value) for name, value in found.items() if value is not None}


def _card(version: Path) -> Any:
    return json.loads((version / CARD_FILE).read_text(encoding="utf-8"))


def _above(classes: tuple[str, ...], row: list[float], thresholds: Mapping[str, float]) -> str:
    reached = [name for name, value in zip(classes, row, strict=True) if value >= thresholds.get(name, float("inf"))]
    return _joined(reached)


def _joined(names: list[str]) -> str:
    return _BETWEEN.join(names) or NONE_REACHED


def _digits(value: float) -> str:
    return f"{value:.9g}"
