"""DICOM attributes as files really have them: empty counts as absent, and malformed text never raises."""

from __future__ import annotations

import math
from typing import Any

import pydicom
from pydicom.datadict import dictionary_VR
from pydicom.multival import MultiValue

_NUMBERS_AS_TEXT = ("DS", "IS")
_TEXTS = (None, "DS", "IS", "LO", "SH", "CS", "UN", "UT", "ST", "LT")  # None: the encoding does not state it
_SHOWN = 40  # characters of a value in a note
_BLANKS = " \0\t\r\n"


class Attributes:
    """A data set's attributes by keyword, and notes on what was odd in them.

    Args:
        dataset: as pydicom parsed it.
    """

    def __init__(self, dataset: pydicom.Dataset) -> None:
        self.dataset = dataset
        self._notes: dict[str, None] = {}

    @property
    def notes(self) -> tuple[str, ...]:
        """Each once, in the order of their first mention."""
        return tuple(self._notes)

    def note(self, text: str) -> None:
        """Keep a line for the user."""
        self._notes[text] = None

    def text(self, keyword: str) -> str:
        """The value without blanks around it, several joined by backslashes; "" where there is none."""
        return "\\".join(str(value).strip(_BLANKS) for value in self._values(keyword))

    def numbers(self, keyword: str) -> list[float]:
        """Every value; NaN where it is no number. Empty where the attribute is absent or empty."""
        parts = self._parts(keyword)
        return [] if all(not str(part).strip(_BLANKS) for part in parts) else [_number(part) for part in parts]

    def number(self, keyword: str, otherwise: float) -> float:
        """The first value; with a note `otherwise` where it is not finite, without one where it is absent."""
        values = self.numbers(keyword)
        if not values:
            return otherwise
        if math.isfinite(values[0]):
            return values[0]
        self.note(f"{keyword} {self.shown(keyword)} is no number; {otherwise:g} is taken")
        return otherwise

    def integer(self, keyword: str) -> int | None:
        """The first value, None where it is absent, empty or no whole number."""
        values = self.numbers(keyword)
        return int(values[0]) if values and math.isfinite(values[0]) and values[0] == int(values[0]) else None

    def items(self, keyword: str) -> list[pydicom.Dataset]:
        """The items of a sequence that hold anything."""
        try:
            return [item for item in self.dataset.get(keyword) or [] if len(item)]
        except Exception:  # pydicom raises of many kinds on a sequence that is none
            self.note(f"{keyword} cannot be understood and counts as absent")
            return []

    def shown(self, keyword: str) -> str:
        """The value in quotes for a message, shortened."""
        text = "\\".join(str(part).strip(_BLANKS) for part in self._parts(keyword))
        return f"'{text}'" if len(text) <= _SHOWN else f"'{text[:_SHOWN]}…'"

    def _parts(self, keyword: str) -> list[Any]:
        """The values as text where the file has text, for one malformed value must not hide the others."""
        element = self.dataset.get_item(keyword)
        raw = None if element is None else element.value
        if isinstance(raw, bytes) and dictionary_VR(keyword) in _NUMBERS_AS_TEXT and element.VR in _TEXTS:
            return list(raw.decode("ascii", "replace").strip(_BLANKS).split("\\"))
        return self._values(keyword)

    def _values(self, keyword: str) -> list[Any]:
        try:
            value = self.dataset.get(keyword)
        except Exception:  # pydicom raises of many kinds on values that break their type
            self.note(f"{keyword} cannot be understood and counts as absent")
            return []
        if value is None or value == "" or value == b"":
            return []
        return list(value) if isinstance(value, MultiValue | list | tuple) else [value]


def _number(value: Any) -> float:
    text = str(value).strip(_BLANKS)
    try:
        return math.nan if "_" in text else float(text)  # float reads 1_000, DICOM does not
    except ValueError:
        return math.nan
