"""Tables of the report; each is also a CSV file."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from keras_cwp.report.words import figure_text
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
    groups.append(("all", np.ones(len(scores), dtype=bool)))
    rows = [(name, *_sizes(scores.take(chosen))) for name, chosen in groups]
    rows += [(name, *(f"{number:,}" for number in numbers)) for name, *numbers in others]
    note = "A patient or image with ROIs of several classes counts in each of them, once in all."
    return Table("cohort", "Held-out data", ("group", "patients", "images", "ROIs"), tuple(rows), note)


def figures_table(metrics: Mapping[str, Any]) -> Table:
    """The figures of the whole: pooled and, where there are several folds, mean over folds."""
    folds = metrics.get("folds")
    header = (
        ("figure", "value", "95 % interval") if not folds else ("figure", "pooled", "mean over folds", "SD of folds")
    )
    rows: list[tuple[str, ...]] = []
    for label, path in _WHOLE:
        pooled = _at(metrics, path)
        if not folds:
            rows.append((label, *figure_text(pooled).partition(" ")[::2]))
        else:
            mean = _at(folds["mean"], path)
            spread = "–" if mean["spread"] is None else f"{mean['spread']:.3f}"
            rows.append((label, figure_text(pooled), figure_text(mean), spread))
    return Table("figures", "Figures of all classes together", header, tuple(rows), _reasons(metrics))


def class_table(metrics: Mapping[str, Any]) -> Table:
    """AUC, average precision and F1 of each class against the rest."""
    header = ("class", "ROIs", "AUC", "average precision", "F1")
    rows = tuple(
        (
            name,
            str(metrics["counts"]["per_class"][name]["rois"]),
            *(figure_text(metrics[kind]["per_class"][name]) for kind in ("auc", "average_precision", "f1")),
        )
        for name in metrics["classes"]
    )
    return Table("classes", "Each class against the rest", header, rows)


def history_table(history: Sequence[Mapping[str, Any]]) -> Table | None:
    """The training history as it was recorded; None without one."""
    if not history:
        return None
    header = tuple(dict.fromkeys(name for row in history for name in row))
    rows = tuple(tuple(str(row.get(name, "")) for name in header) for row in history)
    return Table("history", "Training history", header, rows)


_WHOLE = (
    ("AUC, macro", ("auc", "macro")),
    ("AUC, micro", ("auc", "micro")),
    ("AUC, Hand and Till", ("auc", "hand_till")),
    ("average precision, macro", ("average_precision", "macro")),
    ("accuracy", ("accuracy",)),
    ("balanced accuracy", ("balanced_accuracy",)),
    ("F1, macro", ("f1", "macro")),
    ("Cohen's kappa", ("kappa", "unweighted")),
    ("Cohen's kappa, linear", ("kappa", "linear")),
    ("Cohen's kappa, quadratic", ("kappa", "quadratic")),
    ("Matthews' correlation", ("mcc",)),
    ("log loss (nats)", ("log_loss",)),
    ("Brier score (0 to 2)", ("brier",)),
    ("expected calibration error", ("ece",)),
)


def _at(tree: Mapping[str, Any], path: tuple[str, ...]) -> dict[str, Any]:
    found: Any = tree
    for name in path:
        found = found[name]
    return found


def _sizes(scores: Scores) -> tuple[str, ...]:
    return tuple(f"{len(np.unique(column)):,}" for column in (scores.patient_id, scores.image, scores.roi_id))


def _reasons(metrics: Mapping[str, Any]) -> str:
    found = [f"{label}: {reason}" for label, path in _WHOLE if (reason := _at(metrics, path).get("reason"))]
    return "; ".join(found) + "." if found else ""
