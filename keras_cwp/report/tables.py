"""Tables of the report; each is also a CSV file."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

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
    macro: ClassVar[str] = "table"

    def csv(self) -> str:
        """The table as CSV text."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(self.header)
        writer.writerows(self.rows)
        return text.getvalue()


class Link(str):
    """The text of a cell that leads to a section of the page.

    Args:
        anchor: id of the section.
    """

    anchor: str

    def __new__(cls, text: str, anchor: str) -> Link:
        link = super().__new__(cls, text)
        link.anchor = anchor
        return link


_SIZES = ("patients", "images", "ROIs")


def cohort_table(scores: Scores) -> Table:
    """Patients, images and ROIs of each class."""
    groups = [(name, scores.label == c) for c, name in enumerate(scores.classes)]
    if (scores.label < 0).any():
        groups.append(("no label", scores.label < 0))
    groups.append(("all", np.ones(len(scores), dtype=bool)))
    rows = [(name, *_sizes(scores.take(chosen))) for name, chosen in groups]
    note = "A patient or image with ROIs of several classes counts in each of these classes, and once in all."
    return Table("cohort", "ROIs that the model is judged on, by class", ("class", *_SIZES), tuple(rows), note)


def folds_table(scores: Scores) -> Table | None:
    """Patients, images and ROIs of each fold; None where there is one."""
    folds = np.unique(scores.fold)
    if len(folds) == 1:
        return None
    rows = [(f"fold {fold}", *_sizes(scores.take(scores.fold == fold))) for fold in folds]
    return Table("fold_sizes", "Held-out ROIs of each fold", ("fold", *_SIZES), tuple(rows))


def history_table(history: Sequence[Mapping[str, Any]]) -> Table:
    """The training history as it was recorded."""
    header = tuple(dict.fromkeys(name for row in history for name in row))
    rows = tuple(tuple(str(row.get(name, "")) for name in header) for row in history)
    return Table("history", "Training history", header, rows)


def environment_table(environment: Mapping[str, Any]) -> Table:
    """A row a program, library or part of the machine: name and version."""
    rows: list[tuple[str, str]] = []
    for name, value in environment.items():
        if isinstance(value, Mapping):
            rows += [(str(part), _shown(version)) for part, version in value.items()]
        else:
            rows.append((name.replace("_", " "), _shown(value)))
    return Table("environment", "Environment", ("name", "version"), tuple(rows))


def _shown(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return ", ".join(str(each) for each in value) or "none"
    return "not known" if value is None else str(value)


def _sizes(scores: Scores) -> tuple[str, ...]:
    return tuple(f"{len(np.unique(column)):,}" for column in (scores.patient_id, scores.image, scores.roi_id))


def metric_text(metric: dict[str, Any], digits: int = 3) -> str:
    """0.913 [0.880, 0.941]; an en dash or a lower limit (≥ 0.880) without a value, no brackets without an interval."""
    if metric["value"] is None:
        return f"≥ {metric['at_least']:.{digits}f}" if "at_least" in metric else "–"
    value = f"{metric['value']:.{digits}f}"
    return value if metric["ci95"] is None else f"{value} {interval_text(metric, digits)}"


def interval_text(metric: dict[str, Any], digits: int = 3) -> str:
    """[0.880, 0.941], or an en dash."""
    if metric["ci95"] is None:
        return "–"
    lower, upper = metric["ci95"]
    return f"[{lower:.{digits}f}, {upper:.{digits}f}]"


DETECTABLE = "Detectable: difference that would be found in 80 % of studies of this size."


def detectable_text(difference: Mapping[str, Any]) -> str:
    """The detectable difference of a comparison; a dash where its error is not known."""
    return f"{difference['detectable']:.3f}" if difference.get("detectable") is not None else "–"


def p_text(p: float | None) -> str:
    """p = 0.012, p < 0.001, or an en dash."""
    if p is None:
        return "–"
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"
