"""How many entries of the input a data set was prepared without, and why: for the participant flow of a report."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

from keras_cwp.data.prepared import DATASET_FILE, LEFT_OUT, PreparedData
from keras_cwp.files import write_text

# Of the notes of prepare: the number in it, and the reason in words that name neither file nor patient.
_REASONS = (
    (re.compile(r": ([\d,]+) (?:entry|entries) left out: "), "could not be used (--skip-bad)"),
    (re.compile(r": ([\d,]+) of [\d,]+ regions are left out by it$"), "label mapped to nothing (--labels)"),
    (re.compile(r": ([\d,]+) of [\d,]+ ROIs? left out: a tie"), "no majority of the readers (data.ties)"),
    (re.compile(r": ([\d,]+) of [\d,]+ ROIs? left out: without"), "no label of the reference (data.reference)"),
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

    def kept_in(self, data: PreparedData) -> PreparedData:
        """The data set with the counts in its dataset.json; they are no part of its hash."""
        kept = replace(data, meta={**data.meta, LEFT_OUT: dict(self.counts)})
        write_text(data.path / DATASET_FILE, json.dumps(kept.meta, indent=1))
        return kept


def read_left_out(data: PreparedData) -> dict[str, int] | None:
    """Reason → number of entries; None where the data set does not say."""
    found = data.meta.get(LEFT_OUT)
    return {str(reason): int(number) for reason, number in found.items()} if isinstance(found, dict) else None
