"""split.csv: the folds of a run, under pseudonyms, so that another run can be given the same."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from keras_cwp.data.prepared import PreparedData
from keras_cwp.data.splits import PARTS, assert_disjoint
from keras_cwp.errors import SplitError

SPLIT_FILE = "split.csv"
_COLUMNS = ("roi_id", "patient_id", "image", "fold", "part")


class SplitRow(NamedTuple):
    """One row of split.csv: where a ROI stands in a fold.

    Args:
        line: of the file, from 1.
        roi, patient, image: pseudonyms, as `key_of` gives them.
        fold: 0 for a run of fit, else from 1.
        part: train, validation or test.
    """

    line: int
    roi: str
    patient: str
    image: str
    fold: int
    part: str


def split_csv(data: PreparedData, splits: Mapping[int, np.ndarray]) -> str:
    """The table as text: for each fold a row a ROI; `part` is train, validation or test.

    Args:
        splits: fold number → str [rois], the part of each ROI of the data set.
    """
    lines = [",".join(_COLUMNS)]
    for fold, parts in splits.items():
        lines += [
            f"{row.roi_key},{row.patient_key},{row.image_key},{fold},{part}"
            for row, part in zip(data.manifest, parts, strict=True)
        ]
    return "\n".join(lines) + "\n"


def read_split(path: Path, data: PreparedData) -> dict[int, np.ndarray]:
    """Fold number → part of each ROI, str [rois], as `split_csv` wrote it for a run on the same data set.

    Raises:
        SplitError: unreadable, ROIs that are not those of the data set, a patient in two parts of a fold, or a fold
            whose training part lacks a class or whose test part is empty.
    """
    row_of = {row.roi_key: number for number, row in enumerate(data.manifest)}
    splits: dict[int, np.ndarray] = {}
    for row in split_rows(path):
        where = f"split {path}, line {row.line}"
        if row.roi not in row_of:
            raise SplitError(f"{where}: ROI {row.roi} is not in {data.path}; give split.csv of a run on this data set")
        parts = splits.setdefault(row.fold, np.full(len(data), "", dtype="<U10"))
        if parts[row_of[row.roi]]:
            raise SplitError(f"{where}: ROI {row.roi} stands in fold {row.fold} twice")
        parts[row_of[row.roi]] = row.part
    for fold, parts in splits.items():
        _check(parts, data, f"split {path}, fold {fold}")
    return dict(sorted(splits.items()))


def split_rows(path: Path) -> list[SplitRow]:
    """The rows of a split.csv, whatever data set it belongs to.

    Raises:
        SplitError: unreadable, other columns, no rows, or a row without a fold number or a known part.
    """
    try:
        with open(path, newline="", encoding="utf-8") as file:
            header, *lines = list(csv.reader(file)) or [[]]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SplitError(f"split {path}: {error}; give the split.csv of a RUN folder") from None
    if tuple(header) != _COLUMNS or not lines:
        raise SplitError(f"split {path}: expected the columns {', '.join(_COLUMNS)} and rows, got {header[:6]}")
    rows = []
    for number, values in enumerate(lines, start=2):
        if len(values) != len(_COLUMNS) or not values[3].isdecimal() or values[4] not in PARTS:
            raise SplitError(f"split {path}, line {number}: expected a fold number and one of {PARTS}, got {values}")
        rows.append(SplitRow(number, values[0], values[1], values[2], int(values[3]), values[4]))
    return rows


def _check(parts: np.ndarray, data: PreparedData, where: str) -> None:
    if missing := int((parts == "").sum()):
        raise SplitError(
            f"{where}: {missing} of the {len(data)} ROIs of {data.path} are missing; give split.csv of a run on it"
        )
    try:
        assert_disjoint(data.patients, parts)
    except SplitError as error:
        raise SplitError(f"{where}: {error}") from None
    absent = set(data.classes) - set(data.label_names[parts == "train"].tolist())
    if absent:
        raise SplitError(f"{where}: class {min(absent)!r} is not in the training part")
    if not (parts == "test").any():
        raise SplitError(f"{where}: no ROI is held out")
