"""ROI tables: CSV with `image, patient_id, label` and optionally a box, an id and acquisition columns."""

from __future__ import annotations

import csv
import difflib
import math
import sys
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

from keras_cwp.data.annotations.roi import NOTHING, Box, ImageFolder, Roi
from keras_cwp.errors import DataError

BOX_COLUMNS = ("x", "y", "width", "height")
EXTRA_COLUMNS = ("site", "manufacturer", "side", "spacing_mm", "view", "size_mm")
KNOWN_COLUMNS = ("image", "patient_id", "label", *BOX_COLUMNS, "roi_id", *EXTRA_COLUMNS)


def read_csv_rois(
    path: Path, images: ImageFolder, patient_per_image: bool = False, to_predict: bool = False
) -> list[Roi]:
    """Rows of a CSV table, one ROI each, in file order.

    Comma, semicolon or tab separates; the header decides. UTF-8, with or without a byte order mark.

    Args:
        patient_per_image: where there is no patient_id column, each image stands for a patient of its own.
        to_predict: labels and patients may be missing; a label is "" then, a patient None.

    Raises:
        DataError: an unknown or missing column, a row of another length, an empty or impossible value.
    """
    header, rows = read_table(path)
    check_columns(path, header, ("image",) if to_predict else ("image", "label"))
    if "patient_id" not in header and not patient_per_image and not to_predict:
        raise DataError(
            f"{path}: no patient_id column (columns: {', '.join(header)}); add one, for splits must not cut "
            "through a patient, or state --patient-per-image"
        )
    named = ((line, dict(zip(header, row, strict=True))) for line, row in rows)
    return [_roi(row, f"{path}, line {line}", images, line, to_predict) for line, row in named]


def read_table(path: Path) -> tuple[list[str], Iterator[tuple[int, list[str]]]]:
    """Header and (line number, fields) of a delimited text file, row by row; blank lines are left out.

    Raises:
        DataError: unreadable, not UTF-8, empty, a column named twice, or a row of another length; what is wrong
            with a row is raised when that row is reached.
    """
    lines = _lines(path)
    _, header = next(lines, (0, []))
    first = next(lines, None)
    if first is None:
        raise DataError(f"{path}: {'only a header' if header else 'empty'}; a table needs a header and rows")
    repeated = sorted({name for name in header if header.count(name) > 1})
    if repeated:
        raise DataError(f"{path}: column {repeated[0]!r} stands more than once in the header")
    return header, _of_length(len(header), chain([first], lines), path)


def _lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            first = file.readline()
            file.seek(0)
            reader = csv.reader(file, delimiter=max(",;\t", key=first.count), strict=True)
            for row in reader:
                if any(map(str.strip, row)):
                    yield reader.line_num, [field.strip() for field in row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: cannot be read as a CSV table: {error}") from None


def _of_length(fields: int, lines: Iterable[tuple[int, list[str]]], path: Path) -> Iterator[tuple[int, list[str]]]:
    for line, row in lines:
        if len(row) != fields:
            raise DataError(f"{path}, line {line}: {len(row)} fields, the header has {fields}")
        yield line, row


def check_columns(path: Path, header: list[str], needed: tuple[str, ...] = ("image", "label")) -> None:
    """Refuse a header with an unknown column, without a necessary one, or with a part of a box.

    Raises:
        DataError: as said, with the nearest known name.
    """
    for name in header:
        if name not in KNOWN_COLUMNS:
            near = difflib.get_close_matches(name.lower(), KNOWN_COLUMNS, n=1)
            hint = f"did you mean {near[0]!r}? " if near else ""
            raise DataError(f"{path}: unknown column {name!r}; {hint}known columns: {', '.join(KNOWN_COLUMNS)}")
    missing = [name for name in needed if name not in header]
    if missing:
        raise DataError(f"{path}: no {missing[0]} column; a table needs image, patient_id, label")
    box = [name for name in BOX_COLUMNS if name in header]
    if box and len(box) < len(BOX_COLUMNS):
        raise DataError(f"{path}: of a box only {', '.join(box)}; it needs all of {', '.join(BOX_COLUMNS)}, or none")


def _roi(row: dict[str, str], where: str, images: ImageFolder, line: int, to_predict: bool) -> Roi:
    for name in ("label", "patient_id"):
        if not row.get(name, "?") and not to_predict:
            raise DataError(f"{where}: {name} is empty")
    image, path = images.find(row["image"], where)
    patient = row.get("patient_id", None if to_predict else image) or None
    return Roi(
        image=image,
        path=path,
        patient_id=patient and sys.intern(patient),
        label=sys.intern(row.get("label", "")),
        box=_box(row, where),
        roi_id=row.get("roi_id") or f"{line - 1}:{image}",
        where=where,
        extra={name: row[name] for name in EXTRA_COLUMNS if row.get(name)} or NOTHING,
    )


def _box(row: dict[str, str], where: str) -> Box | None:
    texts = [row.get(name, "") for name in BOX_COLUMNS]
    if not any(texts):
        return None
    try:
        x, y, width, height = (float(text) for text in texts)
    except ValueError:
        raise DataError(f"{where}: the box {dict(zip(BOX_COLUMNS, texts, strict=True))} is not four numbers") from None
    return checked_box((x, y, width, height), where)


def checked_box(box: Box, where: str) -> Box:
    """The box itself when its numbers are finite and its sides positive.

    Raises:
        DataError: they are not.
    """
    if not all(map(math.isfinite, box)):
        raise DataError(f"{where}: the box {box} (x, y, width, height) has a value that is no finite number")
    if box[2] <= 0 or box[3] <= 0:
        raise DataError(f"{where}: the box {box} (x, y, width, height) has no area")
    return box
