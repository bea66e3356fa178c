"""The radiographs of a folder to pretrain on: found, compared with what must stay unseen, read one by one."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from keras_cwp.audit.lookalikes import alike
from keras_cwp.data.fingerprints import look_of
from keras_cwp.data.image_files import IMAGE_SUFFIXES
from keras_cwp.data.radiographs.radiograph import read_radiograph
from keras_cwp.errors import DataError
from keras_cwp.training.pretext import Film

LABELS_FILE = "labels.csv"
NORMAL = frozenset(("normal", "no finding", "no abnormality visible"))  # labels of films without opacities
_HELD_OUT_PER_MILLE = 60


@dataclass(frozen=True)
class FilmFile:
    """A radiograph of a folder.

    Args:
        path: of the file.
        patient: the id of the table, or the file's name.
        normal: whether its table calls it free of findings.
        look: fingerprint, see `look_of`.
    """

    path: Path
    patient: str
    normal: bool
    look: str

    @property
    def held_out(self) -> bool:
        """Whether its patient judges the pretraining instead of being trained on: six in a hundred, by a hash."""
        digest = hashlib.sha256(self.patient.encode()).digest()
        return int.from_bytes(digest[:4], "big") % 1000 < _HELD_OUT_PER_MILLE


def find_films(folder: Path, labels: Path | None = None) -> list[FilmFile]:
    """The radiographs in a folder and below, by name.

    Args:
        labels: CSV with the columns image (a path below `folder`) and labels (`;` between several), and perhaps
            patient_id; None: `labels.csv` of the folder if there is one, else every film counts as normal.

    Raises:
        DataError: no radiographs, no such table, one without these columns, or a film that it names and nobody has.
    """
    table = labels or (folder / LABELS_FILE if (folder / LABELS_FILE).is_file() else None)
    rows = _rows(folder, table) if table else [(path, path.name, True) for path in _radiographs(folder)]
    if not rows:
        raise DataError(f"--data {folder}: no radiographs in it ({', '.join(IMAGE_SUFFIXES)})")
    return [FilmFile(path, patient, normal, look_of(read_radiograph(path).pixels)) for path, patient, normal in rows]


def without_copies(films: Sequence[FilmFile], unseen: Sequence[Path]) -> tuple[list[FilmFile], int]:
    """The films that look like none in the folders `unseen`, and how many were left out."""
    paths = [path for folder in unseen for path in _radiographs(folder)]
    others = [look_of(read_radiograph(path).pixels) for path in paths]
    copies = {first for first, _ in alike([film.look for film in films], others)} if others else set()
    return [film for number, film in enumerate(films) if number not in copies], len(copies)


def read_films(files: Sequence[FilmFile]) -> Iterator[Film]:
    """Each radiograph when it is wanted."""
    for file in files:
        yield Film(read_radiograph(file.path).to_unit(), file.normal)


def _radiographs(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in IMAGE_SUFFIXES)


def _rows(folder: Path, table: Path) -> list[tuple[Path, str, bool]]:
    try:
        with open(table, newline="", encoding="utf-8-sig") as file:
            lines = list(csv.DictReader(file))
    except OSError as error:
        raise DataError(f"--labels {table}: {error.strerror}") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"--labels {table}: not a CSV file in UTF-8: {error}") from None
    if not lines or not {"image", "labels"} <= lines[0].keys():
        raise DataError(f"--labels {table}: needs the columns image and labels, and at least one row")
    rows = []
    for number, line in enumerate(lines, start=2):
        path = folder / str(line["image"])
        if not path.is_file():
            raise DataError(f"--labels {table}, row {number}: there is no {path}")
        names = {name.strip().lower() for name in str(line["labels"]).split(";")}
        patient = line.get("patient_id") or path.name
        rows.append((path, patient, bool(names) and names <= NORMAL))
    return sorted(rows)
