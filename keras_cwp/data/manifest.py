"""The table of a prepared data set: one row a ROI, kept by columns, written and read row by row."""

from __future__ import annotations

import csv
import hashlib
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, overload

import numpy as np

from keras_cwp.errors import DataError

READING = "reader:"  # begins the column of a reader's labels; the reader's name follows
RATING = "rating:"  # the same for how sure a reader is of disease
_KEY_DIGITS = 12


@dataclass(frozen=True)
class ManifestRow:
    """One ROI and where it came from.

    Args:
        x, y, width, height: the box after clipping, pixels of the full radiograph, 0-based, end-exclusive.
        image_width, image_height: of the radiograph, pixels.
        spacing_mm: of the radiograph, None when unknown.
        scale_x, scale_y: pixels of the crop for each pixel of the radiograph.
        file_sha256: of the radiograph's file.
        look: `fingerprints.look_of` the whole radiograph.
        roi_key, image_key, patient_key: salted hashes that stand for the names wherever a row leaves DATA.
        extra: acquisition (file_type, bits, and what DICOM or the ROI table says), and the label of each reader under
            READING and the reader's name; text by name.
    """

    roi_id: str
    image: str
    patient_id: str
    label: str
    x: float
    y: float
    width: float
    height: float
    image_width: int
    image_height: int
    spacing_mm: float | None
    scale_x: float
    scale_y: float
    file_sha256: str
    look: str
    roi_key: str
    image_key: str
    patient_key: str
    extra: Mapping[str, str] = field(default_factory=dict)


_COLUMNS = tuple(item.name for item in fields(ManifestRow) if item.name != "extra")
_NUMBERS: dict[str, Callable[[str], float]] = {
    **dict.fromkeys(("x", "y", "width", "height", "scale_x", "scale_y"), float),
    **dict.fromkeys(("image_width", "image_height"), int),
    "spacing_mm": lambda text: float(text) if text else float("nan"),
}


def key_of(salt: str, kind: str, name: str) -> str:
    """The pseudonym of a name: 12 hexadecimal digits of a salted hash."""
    return hashlib.sha256(f"{salt}\0{kind}\0{name}".encode()).hexdigest()[:_KEY_DIGITS]


class Manifest(Sequence[ManifestRow]):
    """The rows by columns, a tenth of what they take as objects; a row is made when it is asked for.

    Args:
        numbers: float64 [rois] by name; an unknown spacing_mm is NaN.
        texts: for each name the distinct values and int32 [rois], which of them a row has. Names besides
            those of ManifestRow are `extra`, where "" stands for nothing.
    """

    def __init__(
        self, numbers: Mapping[str, np.ndarray], texts: Mapping[str, tuple[Sequence[str], np.ndarray]]
    ) -> None:
        self._numbers, self._texts = numbers, texts
        self.extra = tuple(name for name in texts if name not in _COLUMNS)

    def __len__(self) -> int:
        return len(self._numbers["x"])

    @overload
    def __getitem__(self, index: int) -> ManifestRow: ...
    @overload
    def __getitem__(self, index: slice) -> list[ManifestRow]: ...
    def __getitem__(self, index: int | slice) -> ManifestRow | list[ManifestRow]:
        if isinstance(index, slice):
            return [self[row] for row in range(*index.indices(len(self)))]
        known: dict[str, Any] = {name: float(values[index]) for name, values in self._numbers.items()}
        known |= {name: int(known[name]) for name in ("image_width", "image_height")}
        known["spacing_mm"] = known["spacing_mm"] if known["spacing_mm"] > 0 else None
        known |= {name: values[codes[index]] for name, (values, codes) in self._texts.items()}
        extra = {name: value for name in self.extra if (value := known.pop(name))}
        return ManifestRow(**known, extra=extra)

    def __iter__(self) -> Iterator[ManifestRow]:
        return map(self.__getitem__, range(len(self)))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Manifest) and len(self) == len(other) and all(map(ManifestRow.__eq__, self, other))

    __hash__ = None  # type: ignore[assignment]

    def numbers(self, name: str) -> np.ndarray:
        """float64 [rois] of a column; NaN where nothing is known."""
        return self._numbers[name]

    def texts(self, name: str) -> np.ndarray:
        """str [rois] of a column, also of an extra one; "" where nothing is known."""
        values, codes = self._texts.get(name, (("",), np.zeros(len(self), dtype=np.int32)))
        return np.array(values, dtype=str)[codes]


def write_manifest(path: Path, rows: Iterable[ManifestRow], extra: Iterable[str]) -> None:
    """Write rows as CSV.

    Args:
        extra: names of acquisition that any row has; they follow the fixed columns in sorted order.
    """
    names = sorted(extra)
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*_COLUMNS, *names])
        for row in rows:
            values = [getattr(row, name) for name in _COLUMNS]
            writer.writerow(["" if v is None else v for v in values] + [row.extra.get(name, "") for name in names])


def read_manifest(path: Path) -> Manifest:
    """What `write_manifest` wrote.

    Raises:
        DataError: unreadable, other columns, or a value of another type.
    """
    try:
        with open(path, newline="", encoding="utf-8") as file:
            lines = csv.reader(file)
            header = next(lines, [])
            if tuple(header[: len(_COLUMNS)]) != _COLUMNS or len(set(header)) != len(header):
                raise DataError(f"manifest {path}: the header is {header}, expected {', '.join(_COLUMNS)}")
            return _columns(header, lines, path)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"manifest {path}: {error}") from None


def _columns(header: list[str], lines: Iterable[list[str]], path: Path) -> Manifest:
    numbers = {name: array("d") for name in header if name in _NUMBERS}
    codes = {name: array("i") for name in header if name not in _NUMBERS}
    known: dict[str, dict[str, int]] = {name: {} for name in codes}
    for number, line in enumerate(lines, start=2):
        try:
            for name, text in zip(header, line, strict=True):
                if name in numbers:
                    numbers[name].append(_NUMBERS[name](text))
                else:
                    codes[name].append(known[name].setdefault(text, len(known[name])))
        except (ValueError, OverflowError) as error:
            raise DataError(f"manifest {path}, line {number}: {error}; prepare the data set again") from None
    texts = {name: (list(known[name]), np.array(values, dtype=np.int32)) for name, values in codes.items()}
    return Manifest({name: np.array(values) for name, values in numbers.items()}, texts)
