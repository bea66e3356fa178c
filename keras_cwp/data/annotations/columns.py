"""The columns of a ROI table: which there are, by which other names people know them, and what is kept of the rest."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

from keras_cwp.data.identity import column_key
from keras_cwp.data.manifest import RATING, READING, ManifestRow
from keras_cwp.errors import DataError

BOX_COLUMNS = ("x", "y", "width", "height")
SIZE_COLUMNS = ("image_width", "image_height")
SUBGROUP_COLUMNS = ("site", "manufacturer", "side", "view")  # as they stand; size_mm by the ILO's classes
EXTRA_COLUMNS = (*SUBGROUP_COLUMNS, "size_mm", "spacing_mm")
READER_COLUMN = "reader"
RATING_COLUMN = "rating"  # a further column, which is kept for each reader
KNOWN_COLUMNS = ("image", "patient_id", "label", *BOX_COLUMNS, "roi_id", *SIZE_COLUMNS, READER_COLUMN, *EXTRA_COLUMNS)
_NEAR = 0.8  # difflib's ratio: lable and label, not age and image
_NO_MISTAKE = ("weight",)  # near height, and a column of its own
# Names that other tools and people give to the necessary columns. They are asked about, not taken.
_OTHER_NAMES = {
    "image": (
        "filename", "file_name", "file", "filepath", "path", "image_path", "image_id", "image_name", "image_file",
        "image_index", "img", "picture", "dicom", "图像", "图片", "影像", "文件名",
    ),
    "patient_id": (
        "patient", "patientid", "patient_number", "patient_no", "pid", "subject", "subject_id", "case_id", "mrn",
        "患者", "病人", "患者编号", "患者id", "病历号",
    ),
    "label": ("class", "class_name", "category", "diagnosis", "finding", "target", "标签", "类别", "诊断"),
}  # fmt: skip
_OTHER_BOXES = (
    "xmin", "ymin", "xmax", "ymax", "x_min", "y_min", "x_max", "y_max", "x1", "y1", "x2", "y2", "left", "top", "right",
    "bottom", "w", "h", "cx", "cy", "x_center", "y_center", "bbox", "box", "bbox_x", "bbox_y", "bbox_width",
    "bbox_height",
)  # fmt: skip
# They would carry a person's name into files that are passed on.
_PERSONAL = (
    "name", "patient_name", "first_name", "last_name", "surname", "birthdate", "birth_date", "date_of_birth", "dob",
    "address", "phone", "email", "accession", "accession_number", "姓名", "患者姓名", "身份证", "身份证号", "电话",
)  # fmt: skip
_INDEX = "Unnamed:"  # what pandas calls the row numbers of a table that was saved with them
_TAKEN = {item.name for item in fields(ManifestRow)} | {"bits", "file_type", "polygon"}


def column_names(path: Path, header: Sequence[str], needed: tuple[str, ...], ask_patient: bool) -> dict[str, str]:
    """Each column of a header and the name that it has in a Roi; columns to be left out are absent.

    A known column is found without regard to case, and with blanks or hyphens for underscores.

    Args:
        needed: columns without which the table says nothing.
        ask_patient: ask about a column that seems to hold patients under another name.

    Raises:
        DataError: a near miss of a known name, a necessary column that is missing, or a part of a box.
    """
    keys = {name: column_key(name) for name in header if name and not name.startswith(_INDEX)}
    known = {name: key for name, key in keys.items() if key in KNOWN_COLUMNS}
    if len(set(known.values())) < len(known):
        twice = next(key for key in known.values() if list(known.values()).count(key) > 1)
        raise DataError(f"{path}: column {twice!r} stands more than once in the header")
    have = set(known.values())
    _ask_near_misses(path, [name for name in keys if name not in known], have)
    for name in needed:
        _need(path, name, keys, have)
    if ask_patient and "patient_id" not in have and (other := _other(keys, _OTHER_NAMES["patient_id"])):
        raise DataError(f"{path}: no patient_id column; did you mean {other[0]!r}? Rename it to patient_id")
    _check_box(path, keys, have)
    return {
        name: known.get(name) or (f"table_{key}" if key in _TAKEN or key.startswith((READING, RATING)) else name)
        for name, key in keys.items()
        if key not in _PERSONAL
    }


def left_out(header: Sequence[str]) -> list[str]:
    """Columns that `column_names` leaves out: those that name a person."""
    return [name for name in header if column_key(name) in _PERSONAL]


def _ask_near_misses(path: Path, unknown: Sequence[str], have: set[str]) -> None:
    free = [name for name in KNOWN_COLUMNS if name not in have and len(name) > 1]
    for name in unknown:
        near = difflib.get_close_matches(column_key(name), free, n=1, cutoff=_NEAR)
        if near and column_key(name) not in _NO_MISTAKE:
            raise DataError(
                f"{path}: unknown column {name!r}; did you mean {near[0]!r}? known columns: {', '.join(KNOWN_COLUMNS)}"
            )


def _need(path: Path, name: str, keys: dict[str, str], have: set[str]) -> None:
    if name in have:
        return
    other = _other(keys, _OTHER_NAMES.get(name, ()))
    hint = f"did you mean {other[0]!r}? Rename it to {name}; " if other else ""
    if len(keys) == 1:
        hint = "the first line must hold the columns' names, with comma, semicolon or tab between; "
    raise DataError(
        f"{path}: no {name} column (columns: {', '.join(keys)}); {hint}a table needs image, patient_id, label"
    )


def _check_box(path: Path, keys: dict[str, str], have: set[str]) -> None:
    box = [name for name in BOX_COLUMNS if name in have]
    if len(box) == len(BOX_COLUMNS):
        return
    other = _other(keys, _OTHER_BOXES)
    form = f"{', '.join(BOX_COLUMNS)} (pixels, 0-based; width and height of the box)"
    if box:
        raise DataError(f"{path}: of a box only {', '.join([*box, *other])}; it needs all of {form}, or none")
    if len(other) > 1 or {"bbox", "box"} & {column_key(name) for name in other}:
        raise DataError(f"{path}: {', '.join(other)} look like a box; a box has the columns {form}")


def _other(keys: dict[str, str], names: Sequence[str]) -> list[str]:
    return [name for name, key in keys.items() if key in names]
