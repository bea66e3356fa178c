"""How many entries of the input a data set was prepared without, and why: for the participant flow of a report."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from keras_cwp.files import write_text

LEFT_OUT_FILE = "left_out.json"
# Of the notes of prepare: the number in it, and the reason in words that name neither file nor patient.
_REASONS = (
    (re.compile(r": ([\d,]+) (?:entry|entries) left out: "), "could not be used (--skip-bad)"),
    (re.compile(r": ([\d,]+) of [\d,]+ regions are left out by it$"), "label mapped to nothing (--labels)"),
    (re.compile(r": ([\d,]+) pictures? without a region left out"), "picture without a region"),
)


class LeftOut:
    """Passes notes on and counts what they say was left out."""

    def __init__(self, note: Callable[[str], None]) -> None:
        self.note, self.counts = note, Counter[str]()

    def __call__(self, line: str) -> None:
        self.note(line)
        for pattern, reason in _REASONS:
            if found := pattern.search(line):
                self.counts[reason] += int(found[1].replace(",", ""))

    def write(self, folder: Path) -> None:
        """Write left_out.json into a prepared data set; it is no part of the data's hash."""
        write_text(folder / LEFT_OUT_FILE, json.dumps(self.counts, indent=1) + "\n")


def read_left_out(folder: Path) -> dict[str, int] | None:
    """Reason → number of entries; None where the data set does not say."""
    try:
        tree = json.loads((folder / LEFT_OUT_FILE).read_text(encoding="utf-8"))
        return {str(reason): int(number) for reason, number in tree.items()}
    except (OSError, ValueError, AttributeError, TypeError):
        return None
