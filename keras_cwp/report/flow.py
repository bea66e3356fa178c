"""The participant flow: from what was given to what was judged, with counts and the reasons for what was left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from keras_cwp.data.left_out import read_left_out
from keras_cwp.data.prepared import PreparedData
from keras_cwp.data.split_file import SPLIT_FILE, SplitRow, split_rows
from keras_cwp.report.tables import Table
from keras_cwp.training.run import RunFolder

Flow = Sequence[tuple[str, ...]]
"""Rows: step, patients, radiographs, ROIs, reason."""
_UNKNOWN = "–"
_PARTS = {"train": "trained on", "validation": "validated on", "test": "held out"}


def participant_flow(run: RunFolder, data: PreparedData | None, metrics: Mapping[str, Any], elsewhere: bool) -> Flow:
    """The steps of a run, or of its evaluation on another data set.

    Args:
        data: that was judged; None: not there any more.
        elsewhere: `data` is not the run's own.
    """
    rows = _prepared(data) if data is not None else []
    if not elsewhere:
        rows += _divided(list(split_rows(run.path / SPLIT_FILE)))
    unlabelled = metrics["counts"]["unlabelled_rois"]
    if unlabelled:
        rows.append(("left out of the metrics", _UNKNOWN, _UNKNOWN, f"{unlabelled:,}", "no label"))
    return [*rows, ("judged", *(f"{metrics['counts'][each]:,}" for each in ("patients", "images", "rois")), "")]


def flow_table(flow: Flow) -> Table | None:
    """The flow as a table; None without one."""
    if not flow:
        return None
    header = ("step", "patients", "radiographs", "ROIs", "reason")
    note = "Patients and radiographs of what was left out may have other ROIs, which were kept."
    if any(step.partition(",")[0] in _PARTS.values() for step, *_ in flow):
        note = f"A patient is in one part of a fold only. With several folds each is held out once a repetition. {note}"
    return Table("flow", "Participant flow", header, tuple(flow), note)


def _prepared(data: PreparedData) -> list[tuple[str, ...]]:
    left_out, counts = read_left_out(data), data.meta["counts"]
    rows: list[tuple[str, ...]] = [
        (
            "left out when the data set was prepared",
            *(_UNKNOWN if own[each] is None else f"{own[each]:,}" for each in ("patients", "images", "rois")),
            reason,
        )
        for reason, own in (left_out or {}).items()
    ]
    if not rows:
        said = "nothing was left out" if left_out is not None else "not recorded by the version that prepared it"
        rows = [("left out when the data set was prepared", *[_UNKNOWN if left_out is None else "0"] * 3, said)]
    return [*rows, ("prepared", *(f"{counts[each]:,}" for each in ("patients", "images", "rois")), "")]


def _divided(split: Sequence[SplitRow]) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for fold in sorted({row.fold for row in split}):
        for part, name in _PARTS.items():
            own = [row for row in split if (row.fold, row.part) == (fold, part)]
            if own:
                rows.append((f"{name}, fold {fold}" if fold else name, *_sizes(own), ""))
    return rows


def _sizes(rows: Sequence[SplitRow]) -> list[str]:
    return [f"{len({getattr(row, each) for row in rows}):,}" for each in ("patient", "image", "roi")]
