"""A CSV of images and patients (`--patients`), and how it meets the patients of the annotation file."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from keras_cwp.data.annotations.columns import BOX_COLUMNS, column_names
from keras_cwp.data.annotations.delimited import read_table
from keras_cwp.data.annotations.options import Trust
from keras_cwp.data.annotations.reading import Reading
from keras_cwp.data.annotations.roi import Roi
from keras_cwp.data.identity import file_key
from keras_cwp.data.patients import Statement, contradicted, contradiction, other_numbering
from keras_cwp.errors import DataError

_NEITHER = ("image", "patient_id", "label", "roi_id", *BOX_COLUMNS)


@dataclass(frozen=True)
class _Row:
    patient: str
    further: Mapping[str, str]


def with_patients(rois: Sequence[Roi], path: Path, reading: Reading, trust: Trust | None, complete: bool) -> list[Roi]:
    """ROIs with the patients, and the further columns, of a CSV file.

    Args:
        trust: table: a patient that the ROI has counts more.
        complete: the file must name every image.

    Raises:
        DataError: a malformed file, an image that it does not name, or patients that contradict the ROIs' own.
    """
    known = _read(path, reading)
    for roi in rois:
        if complete and roi.image not in known and not roi.patient_id:
            raise DataError(
                f"{path}: no patient for image {roi.image!r}, which {roi.where} uses{_near(roi.image, known)}"
            )
    own = Statement(
        next((roi.patient_by for roi in rois if roi.patient_id), ""),
        {roi.image: roi.patient_id for roi in rois if roi.patient_id},
    )
    stated = Statement(str(path), {image: row.patient for image, row in known.items()})
    against = contradiction(own, stated)
    if against and trust is None:
        raise DataError(f"{against}; correct one, or state with --trust table or --trust patients which counts")
    if trust is None and (two_ways := other_numbering(own, stated)):
        reading.note(f"{two_ways}; {path} counts")
    disputed = contradicted(own, stated)
    return [_with(roi, known.get(roi.image), path, trust, roi.image in disputed) for roi in rois]


def _with(roi: Roi, row: _Row | None, path: Path, trust: Trust | None, disputed: bool) -> Roi:
    if row is None:
        return roi
    further = {**row.further, **roi.extra}
    if roi.patient_id and trust == "table":
        return replace(roi, extra=further, overruled=((row.patient, str(path)),) if disputed else ())
    overruled = ((roi.patient_id, roi.patient_by),) if disputed and roi.patient_id else ()
    return replace(roi, patient_id=row.patient, patient_by=str(path), extra=further, overruled=overruled)


def _read(path: Path, reading: Reading) -> dict[str, _Row]:
    """Patient and further columns by the image's own name. Rows of images that are not in the folder are ignored."""
    table = read_table(path, reading.note)
    try:
        names = column_names(path, table.header, ("image", "patient_id"), ask_patient=True)
    except DataError as error:
        raise DataError(
            f"{path}: expected the columns image, patient_id, got {', '.join(table.header)} ({error})"
        ) from None
    known: dict[str, _Row] = {}
    for line, row in table.rows(reading.faults):
        named = {names[name]: value for name, value in row.items() if name in names}
        with reading.faults.gathered():
            if not named["patient_id"]:
                raise DataError(f"{path}, line {line}: patient_id is empty")
            image = reading.images.resolve(named["image"]) or named["image"].replace("\\", "/")
            further = {sys.intern(name): value for name, value in named.items() if value and name not in _NEITHER}
            row_of = known.setdefault(image, _Row(sys.intern(named["patient_id"]), further))
            if row_of.patient != named["patient_id"]:
                raise DataError(f"{path}, line {line}: image {image!r} has another patient here than further up")
    reading.faults.settle(str(path))
    return known


def _near(image: str, known: Mapping[str, _Row]) -> str:
    tail = file_key(image).rpartition("/")[2]
    near = [name for name in known if file_key(name).rpartition("/")[2] == tail] or difflib.get_close_matches(
        image, known
    )
    return f"; nearest name there: {near[0]!r}" if near else ""
