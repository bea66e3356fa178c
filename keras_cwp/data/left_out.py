"""How much of the input a data set was prepared without, and why: for the participant flow of a report."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from keras_cwp.data.annotations.roi import Roi
from keras_cwp.data.prepared import DATASET_FILE, LEFT_OUT, PreparedData
from keras_cwp.files import write_text
from keras_cwp.wording import plural

Counts = dict[str, "int | None"]
"""`rois`, `images`, `patients`; None where it is not known."""
_UNUSABLE = "could not be used (--skip-bad)"
_ENTRIES = re.compile(r": ([\d,]+) (?:entry|entries) left out: ")
_PICTURES = re.compile(r": ([\d,]+) pictures? without a region left out")
# Of the notes of prepare: the number in it, and the reason in words that name neither file nor patient.
_REASONS = (
    (re.compile(r": ([\d,]+) ROIs? could not be used"), _UNUSABLE),
    (re.compile(r": ([\d,]+) of [\d,]+ regions are left out by it"), "label mapped to nothing (--labels)"),
    (re.compile(r": ([\d,]+) of [\d,]+ ROIs? left out: a tie"), "no majority of the readers (data.ties)"),
    (re.compile(r": ([\d,]+) of [\d,]+ ROIs? left out: without"), "no label of the reference (data.reference)"),
)
_WHOM = re.compile(r"\((?:([\d,]+) patients?, )?([\d,]+) radiographs?\)")


def of_whom(rois: Sequence[Roi]) -> str:
    """How many patients and radiographs ROIs are of, for a note; without patients where some have none stated."""
    patients = {roi.patient_id for roi in rois}
    said = "" if None in patients else f"{plural(len(patients), 'patient')}, "
    return f"({said}{plural(len({roi.image for roi in rois}), 'radiograph')})"


class LeftOut:
    """Passes notes on and counts what they say was left out."""

    def __init__(self, note: Callable[[str], None]) -> None:
        self.note = note
        self.counts: dict[str, Counts] = {}

    def __call__(self, line: str) -> None:
        """A note of reading the tables, where an entry is one ROI and its patient may not be known."""
        if found := _ENTRIES.search(line):
            self._add(_UNUSABLE, {"rois": _number(found[1]), "images": None, "patients": None})
        if found := _PICTURES.search(line):
            self._add("picture without a region", {"rois": 0, "images": _number(found[1]), "patients": None})
        self.of_rois(line)

    def of_rois(self, line: str) -> None:
        """A note of what follows, where an entry may be a radiograph; a note of its own counts the ROIs."""
        self.note(line)
        for pattern, reason in _REASONS:
            if found := pattern.search(line):
                whom = _WHOM.search(line)
                patients, images = (_number(whom[1]), _number(whom[2])) if whom else (None, None)
                self._add(reason, {"rois": _number(found[1]), "images": images, "patients": patients})

    def keep_in(self, folder: Path) -> None:
        """Add the counts to dataset.json of a folder that is not published yet; they are no part of its hash."""
        meta = json.loads((folder / DATASET_FILE).read_text(encoding="utf-8"))
        write_text(folder / DATASET_FILE, json.dumps(meta | {LEFT_OUT: self.counts}, indent=1))

    def _add(self, reason: str, more: Counts) -> None:
        """Tables may name the same patients and radiographs, so only ROIs are added up."""
        before = self.counts.get(reason)
        self.counts[reason] = more
        if before is not None:
            rois = [own["rois"] or 0 for own in (before, more)]
            self.counts[reason] = {"rois": sum(rois), "images": None, "patients": None}


def read_left_out(data: PreparedData) -> dict[str, Counts] | None:
    """Reason → what was left out; None where the data set does not say."""
    found = data.meta.get(LEFT_OUT)
    return {str(reason): _read(own) for reason, own in found.items()} if isinstance(found, dict) else None


def _read(own: Any) -> Counts:
    """Data sets of earlier versions have the number of ROIs alone."""
    if isinstance(own, dict):
        return {each: own.get(each) for each in ("rois", "images", "patients")}
    return {"rois": int(own), "images": None, "patients": None}


def _number(text: str | None) -> int | None:
    return None if text is None else int(text.replace(",", ""))
