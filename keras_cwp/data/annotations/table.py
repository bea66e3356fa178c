"""ROI tables: CSV with `image, patient_id, label` and optionally a box, an id and further columns."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from keras_cwp.data.annotations.boxes import checked_box, stated_size
from keras_cwp.data.annotations.columns import (
    BOX_COLUMNS,
    KNOWN_COLUMNS,
    READER_COLUMN,
    SIZE_COLUMNS,
    SUBGROUP_COLUMNS,
    column_names,
    left_out,
)
from keras_cwp.data.annotations.delimited import Table, decimal
from keras_cwp.data.annotations.reading import AnnotationFile, Reading
from keras_cwp.data.annotations.roi import NOTHING, Box, Roi
from keras_cwp.data.radiographs.dicom_file import is_dicom_file
from keras_cwp.errors import DataError

_NOT_EXTRA = ("image", "patient_id", "label", *BOX_COLUMNS, "roi_id", *SIZE_COLUMNS, READER_COLUMN)


def is_roi_table(table: Any) -> bool:
    """Whether this is a table at all; the reader says what it lacks."""
    return isinstance(table, Table)


def read_roi_table(file: AnnotationFile, reading: Reading) -> list[Roi]:
    """Rows of a table, one ROI each, in file order. Unknown columns are kept with each ROI.

    Without a patient_id column, patients come from elsewhere: --patients, --patient-per-image or DICOM headers.

    Raises:
        DataError: a column that is missing or seems to be misspelt, or no patient anywhere. What is wrong with one
            row is gathered: another length, an empty or impossible value, no such image.
    """
    table: Table = file.content
    needed = ("image",) if reading.to_predict else ("image", "label")
    names = column_names(file.path, table.header, needed, not reading.to_predict)
    if private := left_out(table.header):
        reading.note(f"{file.path}: columns that name a person are left out: {', '.join(private)}")
    _say_further(file.path, names, reading)
    rois = []
    for line, row in table.rows(reading.faults):
        named = {names[name]: value for name, value in row.items() if name in names}
        with reading.faults.gathered():
            rois.append(_roi(named, f"{file.path}, line {line}", line, file, reading))
    if "patient_id" not in names.values() and not (reading.patient_elsewhere or reading.to_predict):
        _need_patients(file.path, table, rois)
    return rois


def _say_further(path: Path, names: Mapping[str, str], reading: Reading) -> None:
    kept = [name for name in names.values() if name not in KNOWN_COLUMNS or name in (*SUBGROUP_COLUMNS, "size_mm")]
    if kept and not reading.to_predict:
        reading.note(f"{path}: kept for subgroups: {', '.join(kept)}")


def _need_patients(path: Path, table: Table, rois: list[Roi]) -> None:
    for roi in rois:
        if not _names_patients(roi.path):
            raise DataError(
                f"{path}: no patient_id column (columns: {', '.join(table.header)}), and image {roi.image!r} is no "
                "DICOM file that could name its patient; add the column, give --patients FILE.csv, or state "
                "--patient-per-image: splits must not cut through a patient"
            )


def _names_patients(path: Path) -> bool:
    """Whether a radiograph's file can name its patient."""
    try:
        return is_dicom_file(path)
    except OSError:
        return False


def _roi(row: dict[str, str], where: str, line: int, file: AnnotationFile, reading: Reading) -> Roi:
    if not row.get("label", "?") and not reading.to_predict:
        raise DataError(f"{where}: label is empty; fill it in, or leave such rows out with --skip-bad")
    if not row.get("patient_id", "?") and not (reading.to_predict or reading.patient_elsewhere):
        raise DataError(
            f"{where}: patient_id is empty; fill it in, give --patients FILE.csv, or leave such rows out with "
            "--skip-bad"
        )
    image, path = reading.images.find(row["image"], where)
    patient = row.get("patient_id") or None
    extra = {sys.intern(name): value for name, value in row.items() if value and name not in _NOT_EXTRA}
    return Roi(
        image=image,
        path=path,
        patient_id=patient and sys.intern(patient),
        label=sys.intern(row.get("label", "")),
        box=_box(row, where),
        roi_id=row.get("roi_id") or f"{file.prefix}{line - 1}:{image}",
        where=where,
        extra=_with_point(extra) or NOTHING,
        stated_size=stated_size(*(_plain(row.get(name, "")) for name in SIZE_COLUMNS)),
        patient_by=str(file.path) if patient else "",
        reader=sys.intern(row.get(READER_COLUMN, "")),
    )


def _box(row: dict[str, str], where: str) -> Box | None:
    texts = [row.get(name, "") for name in BOX_COLUMNS]
    if not any(texts):
        return None
    try:
        x, y, width, height = (decimal(text) for text in texts)
    except ValueError:
        raise DataError(
            f"{where}: the box {dict(zip(BOX_COLUMNS, texts, strict=True))} is not four numbers; write them with a "
            "decimal point and nothing between the thousands"
        ) from None
    return checked_box((x, y, width, height), where)


def _with_point(extra: dict[str, str]) -> dict[str, str]:
    """The spacing, which is a number, with a decimal point."""
    if "spacing_mm" in extra:
        extra["spacing_mm"] = _plain(extra["spacing_mm"])
    return extra


def _plain(text: str) -> str:
    """A number's text with a decimal point; any other text as it is."""
    try:
        return f"{decimal(text):.15g}" if "," in text else text
    except ValueError:
        return text
