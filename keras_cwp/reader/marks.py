"""What a reader marked on a film: boxes with labels, the patient, and whether the film is done."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from keras_cwp.data.annotations.boxes import checked_box
from keras_cwp.data.annotations.roi import Box
from keras_cwp.data.identity import looks_empty, names_nobody, tidy
from keras_cwp.errors import DataError

MOST_MARKS = 500  # on one film
DECIMALS = 2  # of a pixel: boxes are drawn by hand
_LONGEST = 200  # characters of an id, a label or a patient
_READER = re.compile(r"[\w-]{1,32}")


@dataclass(frozen=True)
class Mark:
    """One box.

    Args:
        roi_id: unique in a reader's table.
        box: x, y, width, height in pixels of the film, 0-based, end-exclusive.
        label: "" while the box has none.
    """

    roi_id: str
    box: Box
    label: str = ""

    def tree(self) -> dict[str, Any]:
        """For JSON."""
        return {"roi_id": self.roi_id, "box": list(self.box), "label": self.label}


@dataclass(frozen=True)
class FilmMarks:
    """All that a reader said of a film.

    Args:
        patient: id; "" where none is known.
        done: the reader has finished the film, with or without boxes.
        size: width and height of the film in pixels.
        revision: counts the saves, so that an older page cannot overwrite a newer one.
    """

    marks: tuple[Mark, ...] = ()
    patient: str = ""
    done: bool = False
    size: tuple[int, int] = (0, 0)
    revision: int = 0

    @property
    def complete(self) -> list[Mark]:
        """Marks that `prepare` can take: with a label and a patient."""
        return [mark for mark in self.marks if mark.label and self.patient]

    def tree(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "marks": [mark.tree() for mark in self.marks],
            "patient": self.patient,
            "done": self.done,
            "size": list(self.size),
            "revision": self.revision,
        }


def reader_name(text: Any) -> str:
    """A reader's pseudonym, which names a file.

    Raises:
        DataError: not 1 to 32 letters, digits, hyphens or underscores.
    """
    name = unicodedata.normalize("NFC", text.strip()) if isinstance(text, str) else ""
    if not _READER.fullmatch(name):
        raise DataError(
            f"reader {str(text)[:_LONGEST]!r}: expected 1 to 32 letters, digits, hyphens or underscores, such as R1"
        )
    return name


def film_marks_of(tree: Any, size: tuple[int, int]) -> FilmMarks:
    """Marks as the page or a file states them.

    Args:
        size: width and height of the film in pixels; boxes are clipped to it.

    Raises:
        DataError: another form, a box outside the film, two marks of one id, or a patient id that names nobody.
    """
    if not isinstance(tree, Mapping) or not isinstance(tree.get("marks"), list):
        raise DataError("marks: expected an object with the list 'marks'")
    if len(tree["marks"]) > MOST_MARKS:
        raise DataError(f"marks: {len(tree['marks'])} boxes on one film; at most {MOST_MARKS}")
    marks = tuple(_mark(each, size, number) for number, each in enumerate(tree["marks"], start=1))
    names = [mark.roi_id for mark in marks]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise DataError(f"marks: the id {twice!r} stands twice")
    return FilmMarks(marks, patient_of(tree.get("patient", "")), tree.get("done") is True, size)


def patient_of(value: Any) -> str:
    """A patient id without what cannot be seen; "" for none.

    Raises:
        DataError: too long, or an id that says only that there is none.
    """
    patient = _text(value, "patient id")
    if patient and (names_nobody(patient) or looks_empty(patient)):
        raise DataError(f"patient id {patient!r} names nobody; write the person's own id or leave it empty")
    return patient


def with_revision(marks: FilmMarks, revision: int) -> FilmMarks:
    """The same marks under another revision."""
    return replace(marks, revision=revision)


def _mark(tree: Any, size: tuple[int, int], number: int) -> Mark:
    where = f"box {number}"
    if not isinstance(tree, Mapping):
        raise DataError(f"{where}: expected roi_id, box and label, got {str(tree)[:40]!r}")
    roi_id = _text(tree.get("roi_id"), f"{where}: roi_id")
    if not roi_id:
        raise DataError(f"{where}: no roi_id")
    return Mark(roi_id, box_of(tree.get("box"), size, where), _text(tree.get("label", ""), f"{where}: label"))


def box_of(value: Any, size: tuple[int, int], where: str = "box") -> Box:
    """A box, clipped to its film.

    Args:
        value: x, y, width, height as JSON gives them.

    Raises:
        DataError: not four finite numbers, no area, or wholly outside.
    """
    plain = isinstance(value, list | tuple) and len(value) == 4
    if not plain or any(isinstance(side, bool) or not isinstance(side, int | float) for side in value):
        raise DataError(f"{where}: expected [x, y, width, height], got {str(value)[:80]}")
    x, y, width, height = checked_box(tuple(float(side) for side in value), where)  # type: ignore[arg-type]
    left, top = (round(max(start, 0.0), DECIMALS) for start in (x, y))
    right, bottom = (
        round(min(end, float(most)), DECIMALS) for end, most in zip((x + width, y + height), size, strict=True)
    )
    if right <= left or bottom <= top:
        raise DataError(f"{where}: it lies outside the film of {size[0]} × {size[1]} pixels")
    return left, top, round(right - left, DECIMALS), round(bottom - top, DECIMALS)


def _text(value: Any, what: str) -> str:
    if not isinstance(value, str):
        raise DataError(f"{what}: expected text, got {type(value).__name__}")
    text = tidy(value)
    if len(text) > _LONGEST:
        raise DataError(f"{what}: {len(text)} characters; at most {_LONGEST}")
    if not is_writable(text):
        raise DataError(f"{what}: {text!r} has characters that a table cannot hold")
    return text


def is_writable(text: str) -> bool:
    """Whether UTF-8 has bytes for all characters of a text; a file's name may have others."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
