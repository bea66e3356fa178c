"""Each reader's ROI table, kept on disk after every change: `rois_READER.csv`, which `prepare` takes as it is.

Boxes without a label or a patient, and which films are done, stand beside it in `reading_READER.json`. A box is never
in neither of the two: all boxes of a film go to the JSON file first, then the table is written, then the JSON file is
reduced to what the table does not have. When a box stands in both, the process ended between these steps, and the
table counts.
"""

from __future__ import annotations

import csv
import io
import json
import threading
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from keras_cwp.data.annotations.columns import BOX_COLUMNS, SIZE_COLUMNS
from keras_cwp.data.annotations.delimited import decimal, read_table
from keras_cwp.data.annotations.faults import Faults
from keras_cwp.data.annotations.roi import Box
from keras_cwp.data.identity import column_key, file_key
from keras_cwp.errors import DataError
from keras_cwp.files import locked_folder, write_text
from keras_cwp.reader.marks import DECIMALS, FilmMarks, Mark, film_marks_of, with_revision

COLUMNS = ("image", "patient_id", "label", *BOX_COLUMNS, "roi_id", *SIZE_COLUMNS, "reader")
_PREFIX, _VERSION = "rois_", 1


class OutdatedError(DataError):
    """A save that does not know of a later one."""


@dataclass(frozen=True)
class Row:
    """One row of a reader's table."""

    image: str
    patient: str
    mark: Mark
    size: tuple[int, int]


def table_path(folder: Path, reader: str) -> Path:
    """Where a reader's table lies."""
    return folder / f"{_PREFIX}{reader}.csv"


def readers_in(folder: Path) -> list[str]:
    """Readers who have a table or boxes in a folder, sorted."""
    tables = {path.stem.removeprefix(_PREFIX) for path in folder.glob(f"{_PREFIX}*.csv")}
    begun = {path.stem.removeprefix("reading_") for path in folder.glob("reading_*.json")}
    return sorted(tables | begun)


def read_rows(path: Path, reader: str) -> list[Row]:
    """The rows of a reader's table, also after a spreadsheet saved it; none where there is no table.

    Raises:
        DataError: a column is missing, or a value is not of its kind.
    """
    if not path.is_file() or not _has_rows(path):
        return []
    table = read_table(path)
    names = {column_key(name): name for name in table.header}
    if missing := [name for name in COLUMNS[:-1] if name not in names]:
        raise DataError(
            f"{path}: no column {', '.join(missing)}; it is not the table of reader {reader!r}; move it away"
        )
    faults = Faults()
    rows = []
    for line, row in table.rows(faults):
        with faults.gathered():
            rows.append(_row({name: row[names[name]] for name in COLUMNS[:-1]}, f"{path}, line {line}"))
    faults.settle(str(path))
    return rows


def _has_rows(path: Path) -> bool:
    try:
        with open(path, "rb") as file:
            return sum(1 for line in file if line.strip()) > 1
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}") from None


def _row(row: Mapping[str, str], where: str) -> Row:
    try:
        x, y, width, height = (decimal(row[name]) for name in BOX_COLUMNS)
        size = (int(decimal(row["image_width"])), int(decimal(row["image_height"])))
    except ValueError as error:
        raise DataError(f"{where}: {error}") from None
    if not all(row[name] for name in ("image", "label", "roi_id")):
        raise DataError(f"{where}: image, label or roi_id is empty")
    return Row(row["image"], row["patient_id"], Mark(row["roi_id"], (x, y, width, height), row["label"]), size)


class ReaderTable:
    """What one reader marked, in memory and on disk. Other processes are kept out while it is open.

    Args:
        folder: where the table lies; made if it is not there.
        reader: pseudonym, see `marks.reader_name`.
        images: names of the films. Rows of other images stay in the table untouched.

    Raises:
        DataError: files that cannot be understood.
        CwpError: another process has the table open, or the folder cannot be written.
    """

    def __init__(self, folder: Path, reader: str, images: Iterable[str]) -> None:
        self.reader, self.path = reader, table_path(folder, reader)
        self._beside = folder / f"reading_{reader}.json"
        self._lock = threading.Lock()
        self._open = ExitStack()
        self._open.enter_context(locked_folder(folder / f"{_PREFIX}{reader}"))
        try:
            self._films, self._others = _load(self.path, self._beside, reader, images)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Let other processes open it."""
        self._open.close()

    def of(self, image: str) -> FilmMarks | None:
        """What is marked on a film; None where the reader saved nothing of it yet."""
        return self._films.get(image)

    def films(self) -> dict[str, FilmMarks]:
        """All films of which something was saved, by name."""
        return dict(self._films)

    def rows(self) -> list[Row]:
        """The complete boxes, as they stand in the table, and those of images that are not among the films."""
        return [*self._others, *_rows_of(self._films)]

    def save(self, image: str, marks: FilmMarks) -> FilmMarks:
        """Replace what is marked on a film, and write it to disk.

        Args:
            marks: with the revision that they were made from.

        Returns:
            The same with its new revision.

        Raises:
            OutdatedError: something was saved since that revision.
            DataError: an id that stands on another film already.
            CwpError: the disk refuses; nothing is changed then.
        """
        with self._lock:
            before = self._films.get(image, FilmMarks())
            if marks.revision != before.revision:
                raise OutdatedError(
                    f"this film was saved elsewhere meanwhile (revision {before.revision}); see it anew"
                )
            self._check_ids(image, marks)
            saved = with_revision(marks, before.revision + 1)
            films = self._films | {image: saved}
            self._write_beside(films, whole=image)
            rows = [*self._others, *_rows_of(films)]
            if rows or self.path.is_file():
                write_text(self.path, _text_of(rows, self.reader))
            self._write_beside(films)
            self._films = films
            return saved

    def _check_ids(self, image: str, marks: FilmMarks) -> None:
        taken = {mark.roi_id for name, film in self._films.items() if name != image for mark in film.marks}
        taken |= {row.mark.roi_id for row in self._others}
        if twice := sorted(taken & {mark.roi_id for mark in marks.marks}):
            raise DataError(f"the id {twice[0]!r} stands on another film already")

    def _write_beside(self, films: Mapping[str, FilmMarks], whole: str = "") -> None:
        """Write the JSON file: for each film what the table does not hold, for the film `whole` everything."""
        tree = {}
        for image, film in films.items():
            kept = film.marks if image == whole else [mark for mark in film.marks if mark not in film.complete]
            tree[image] = film.tree() | {"marks": [mark.tree() for mark in kept]}
        write_text(self._beside, json.dumps({"version": _VERSION, "films": tree}, ensure_ascii=False, indent=1) + "\n")


def _load(table: Path, beside: Path, reader: str, images: Iterable[str]) -> tuple[dict[str, FilmMarks], list[Row]]:
    """Marks by film, and the rows of images that are not among the films."""
    exact = {name: name for name in images}
    near = {file_key(name): name for name in exact}
    films: dict[str, FilmMarks] = {}
    others = []
    for row in read_rows(table, reader):
        name = exact.get(row.image) or near.get(file_key(row.image))
        if name is None:
            others.append(row)
            continue
        film = films.get(name, FilmMarks(patient=row.patient, size=row.size))
        films[name] = FilmMarks((*film.marks, row.mark), film.patient, film.done, film.size)
    for image, film in _read_beside(beside).items():
        known = films.get(image, FilmMarks(patient=film.patient, size=film.size))
        have = {mark.roi_id for mark in known.marks}
        further = tuple(mark for mark in film.marks if mark.roi_id not in have)
        patient = known.patient or film.patient
        films[image] = FilmMarks((*known.marks, *further), patient, film.done, film.size, film.revision)
    return films, others


def _read_beside(path: Path) -> dict[str, FilmMarks]:
    if not path.is_file():
        return {}
    try:
        tree = json.loads(path.read_text(encoding="utf-8"))
        if tree["version"] != _VERSION:
            raise DataError(f"{path}: version {tree['version']}; this program reads {_VERSION}")
        return {image: _film_of(film) for image, film in tree["films"].items()}
    except (OSError, ValueError, KeyError, TypeError, IndexError, AttributeError, DataError) as error:
        reason = error if isinstance(error, DataError) else f"cannot be understood: {error!r}"
        raise DataError(f"{path}: {reason}; move it away to go on with the table alone") from None


def _film_of(tree: Mapping[str, Any]) -> FilmMarks:
    width, height = tree["size"]
    return with_revision(film_marks_of(tree, (int(width), int(height))), int(tree["revision"]))


def _rows_of(films: Mapping[str, FilmMarks]) -> list[Row]:
    return [Row(image, film.patient, mark, film.size) for image, film in films.items() for mark in film.complete]


def _text_of(rows: Iterable[Row], reader: str) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        writer.writerow(
            [row.image, row.patient, row.mark.label, *_shown(row.mark.box), row.mark.roi_id, *row.size, reader]
        )
    return text.getvalue()


def _shown(box: Box) -> list[str]:
    return [f"{side:.{DECIMALS}f}".rstrip("0").rstrip(".") for side in box]
