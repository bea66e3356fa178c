"""The Scores table: what a model said of each ROI, and all that evaluation needs to know."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from keras_cwp.errors import ScoresError
from keras_cwp.files import write_text

UNKNOWN_LABEL = -1
_FIXED = ("roi_id", "patient_id", "image", "fold", "label")
PREFIX = "prob_"
_SUM_TOLERANCE = 1e-3  # of a row's probabilities, after rounding in a file


@dataclass(frozen=True, eq=False)
class Scores:
    """One row a ROI.

    Inside a RUN the three names are pseudonyms (salted hashes); DATA/manifest.csv resolves them.

    Args:
        classes: class names; the order of `label` and of the columns of `probabilities`.
        roi_id, patient_id, image: str [rois].
        fold: int [rois]; the fold in which the ROI was held out, 0 where there is only one.
        label: int [rois]; index into `classes`, UNKNOWN_LABEL where nobody said.
        probabilities: float64 [rois, classes]; each row sums to 1.

    Raises:
        ScoresError: lengths or shapes that disagree, a label or probability out of range, a repeated
            (roi_id, fold).
    """

    classes: tuple[str, ...]
    roi_id: np.ndarray
    patient_id: np.ndarray
    image: np.ndarray
    fold: np.ndarray
    label: np.ndarray
    probabilities: np.ndarray

    def __post_init__(self) -> None:
        rois = len(self.roi_id)
        for name in _FIXED[1:]:
            if len(getattr(self, name)) != rois:
                raise ScoresError(f"scores: {name} has {len(getattr(self, name))} rows, roi_id has {rois}")
        if self.probabilities.shape != (rois, len(self.classes)):
            raise ScoresError(
                f"scores: probabilities have shape {self.probabilities.shape}, expected {(rois, len(self.classes))}"
            )
        _check_values(self)

    def __len__(self) -> int:
        return len(self.roi_id)

    def take(self, rows: np.ndarray) -> Scores:
        """The rows selected by an index or a boolean mask."""
        columns = {name: getattr(self, name)[rows] for name in (*_FIXED, "probabilities")}
        return Scores(self.classes, **columns)

    def in_order(self, classes: tuple[str, ...]) -> Scores:
        """The same rows with the classes in another order.

        Args:
            classes: the same names.
        """
        place = [self.classes.index(name) for name in classes]
        new_label = np.append(np.argsort(place), UNKNOWN_LABEL)  # the last entry is that of UNKNOWN_LABEL, which is -1
        columns = {name: getattr(self, name) for name in _FIXED}
        columns |= {"label": new_label[self.label], "probabilities": self.probabilities[:, place]}
        return Scores(classes, **columns)

    def to_csv(self, path: Path | str) -> None:
        """Write the table; the file appears whole or not at all."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow([*_FIXED, *(PREFIX + name for name in self.classes)])
        for row in range(len(self)):
            label = int(self.label[row])
            writer.writerow(
                [
                    self.roi_id[row],
                    self.patient_id[row],
                    self.image[row],
                    int(self.fold[row]),
                    "" if label == UNKNOWN_LABEL else self.classes[label],
                    *(repr(float(p)) for p in self.probabilities[row]),
                ]
            )
        write_text(path, text.getvalue())

    @classmethod
    def from_csv(cls, path: Path | str) -> Scores:
        """Read a table that `to_csv` or predict wrote; columns that are absent are empty, and the fold is 0.

        Raises:
            ScoresError: no such file, a missing column, a class that has no column, a value that is no number.
        """
        try:
            with open(path, newline="", encoding="utf-8") as file:
                header, *rows = list(csv.reader(file)) or [[]]
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise ScoresError(f"scores {path}: {error}") from None
        places = {name: number for number, name in enumerate(header)}
        classes = tuple(name.removeprefix(PREFIX) for name in header if name.startswith(PREFIX))
        if not classes or places.keys().isdisjoint({_FIXED[0]}) or len(places) != len(header):
            raise ScoresError(f"scores {path}: the header starts {header[:5]}, expected {_FIXED[0]} … and {PREFIX}…")
        return cls(classes, *_columns(path, rows, classes, places))


def concatenate(parts: list[Scores]) -> Scores:
    """One table of several with the same classes.

    Raises:
        ScoresError: no parts, or classes that differ.
    """
    if len({part.classes for part in parts}) != 1:
        raise ScoresError(f"scores: cannot join tables with classes {sorted({part.classes for part in parts})}")
    columns = ([getattr(part, name) for part in parts] for name in (*_FIXED, "probabilities"))
    return Scores(parts[0].classes, *(np.concatenate(column) for column in columns))


def _columns(
    path: Path | str, rows: list[list[str]], classes: tuple[str, ...], places: dict[str, int]
) -> list[np.ndarray]:
    index = {name: number for number, name in enumerate(classes)} | {"": UNKNOWN_LABEL}
    names: list[list[str]] = []
    folds, labels, probabilities = [], [], []
    for line, row in enumerate(rows, start=2):
        try:
            if len(row) != len(places):
                raise ValueError(f"{len(row)} fields")
            roi, patient, image, fold, label = (row[places[name]] if name in places else "" for name in _FIXED)
            names.append([roi, patient, image])
            folds.append(int(fold) if "fold" in places else 0)
            labels.append(index[label])
            probabilities.append([float(row[places[PREFIX + name]]) for name in classes])
        except (ValueError, KeyError) as error:
            raise ScoresError(f"scores {path}, line {line}: cannot read {row}: {error}") from None
    texts = np.array(names, dtype=str).reshape(len(rows), 3).T
    values = np.array(probabilities, dtype=np.float64).reshape(len(rows), len(classes))
    return [*texts, np.array(folds, dtype=np.int64), np.array(labels, dtype=np.int64), values]


def _check_values(scores: Scores) -> None:
    if len(scores) == 0:
        return
    if scores.label.min() < UNKNOWN_LABEL or scores.label.max() >= len(scores.classes):
        raise ScoresError(f"scores: label {scores.label.max()} is outside the {len(scores.classes)} classes")
    finite = np.isfinite(scores.probabilities).all(axis=1)
    whole = np.abs(scores.probabilities.sum(axis=1) - 1) <= _SUM_TOLERANCE
    good = finite & whole & (scores.probabilities >= 0).all(axis=1)
    if not good.all():
        row = int(np.argmin(good))
        raise ScoresError(
            f"scores: ROI {scores.roi_id[row]} has probabilities {scores.probabilities[row].tolist()}, "
            "which are not a distribution"
        )
    pairs = list(zip(scores.roi_id.tolist(), scores.fold.tolist(), strict=True))
    if len(set(pairs)) != len(pairs):
        raise ScoresError("scores: a ROI stands twice in the same fold")
