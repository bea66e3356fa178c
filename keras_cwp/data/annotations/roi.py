"""A region of interest as an annotation file states it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

NOTHING: Mapping[str, str] = {}  # shared by ROIs without further columns
Box = tuple[float, float, float, float]
Outline = tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Roi:
    """One marked region.

    Args:
        image: the radiograph's path below the images folder, with forward slashes, as the file is named there.
        path: the file itself.
        patient_id: None where the annotation format has none; DICOM's own is taken then.
        label: class name as the file has it, without blanks at its ends and invisible characters.
        box: x, y, width, height in pixels of the full radiograph, 0-based, end-exclusive, fractions kept;
            None means the whole radiograph.
        roi_id: unique in its file.
        where: file and line, for messages.
        polygon: x, y pairs of the outline where the annotation has one; `box` is its bounding box.
        extra: further columns by name.
        stated_size: width and height in pixels of the picture that was marked, as the annotation file states them;
            None where it does not, and once `box` and `polygon` are in pixels of the radiograph.
        patient_by: who stated the patient, for messages; "" where nobody did.
        reader: who marked and labelled it; "" where nobody says.
        readings: reader and label of everyone who marked this finding, where there are several readers. `label` is then
            the one that most gave, and "" where as many gave another.
        overruled: what other sources state of the patient and what does not count, by the user's word: pairs of an id
            and who stated it.
    """

    image: str
    path: Path
    patient_id: str | None
    label: str
    box: Box | None
    roi_id: str
    where: str
    polygon: Outline | None = None
    extra: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    stated_size: tuple[float, float] | None = None
    patient_by: str = ""
    overruled: tuple[tuple[str, str], ...] = ()
    reader: str = ""
    readings: tuple[tuple[str, str], ...] = ()
