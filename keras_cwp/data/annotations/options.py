"""What a user can say about an annotation file, as keywords: of `read_rois`, `prepare` and the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from typing_extensions import TypedDict

Trust = Literal["table", "patients", "files"]  # whose patient counts: annotation file, --patients, DICOM headers
TRUSTED = ("table", "patients", "files")


class TableOptions(TypedDict, total=False):
    """The keywords of `read_rois` that every command hands on; explained there."""

    patients: Path | str | None
    patient_per_image: bool
    labels: Path | str | None
    trust: Trust | None
    names_as_written: bool
    skip_bad: bool
    label_attribute: str | None
    image_by: str | None
