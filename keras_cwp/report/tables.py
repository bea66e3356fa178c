"""Tables of the report; each is also a CSV file."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from keras_cwp.scores import Scores


@dataclass(frozen=True)
class Table:
    """Rows of text or numbers under a header.

    Args:
        name: file name without ending.
        title: caption.
        note: a sentence under the table; may be empty.
    """

    name: str
    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""

    def csv(self) -> str:
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(self.header)
        writer.writerows(self.rows)
        return text.getvalue()


def cohort_table(scores: Scores, others: Sequence[tuple[str, int, int, int]] = ()) -> Table:
    """Patients, images and ROIs of each class and, where there are several, each fold.

    Args:
        others: further groups, of data that is not in `scores`: (group, patients, images, ROIs).
    """
    folds = np.unique(scores.fold)
    groups = [(name, scores.label == c) for c, name in enumerate(scores.classes)]
    if (scores.label < 0).any():
        groups.append(("no label", scores.label < 0))
    if len(folds) > 1:
        groups += [(f"fold {fold}", scores.fold == fold) for fold in folds]
    groups.append(("all judged", np.ones(len(scores), dtype=bool)))
    rows = [(name, *_sizes(scores.take(chosen))) for name, chosen in groups]
    rows += [(name, *(f"{number:,}" for number in numbers)) for name, *numbers in others]
    note = "A patient or image with ROIs of several classes counts in each of them, once in all."
    return Table("cohort", "Patients, images and ROIs", ("group", "patients", "images", "ROIs"), tuple(rows), note)


def history_table(history: Sequence[Mapping[str, Any]]) -> Table | None:
    """The training history as it was recorded; None without one."""
    if not history:
        return None
    header = tuple(dict.fromkeys(name for row in history for name in row))
    rows = tuple(tuple(str(row.get(name, "")) for name in header) for row in history)
    return Table("history", "Training history", header, rows)


def _sizes(scores: Scores) -> tuple[str, ...]:
    return tuple(f"{len(np.unique(column)):,}" for column in (scores.patient_id, scores.image, scores.roi_id))


def figure_text(figure: dict[str, Any], digits: int = 3) -> str:
    """0.913 [0.880, 0.941]; an en dash where the value is undefined, no brackets where the interval is."""
    if figure["value"] is None:
        return "–"
    value = f"{figure['value']:.{digits}f}"
    return value if figure["ci95"] is None else f"{value} {interval_text(figure, digits)}"


def interval_text(figure: dict[str, Any], digits: int = 3) -> str:
    """[0.880, 0.941], or an en dash."""
    if figure["ci95"] is None:
        return "–"
    lower, upper = figure["ci95"]
    return f"[{lower:.{digits}f}, {upper:.{digits}f}]"


def plural(number: int, noun: str) -> str:
    """1 ROI, 1,061 ROIs."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
