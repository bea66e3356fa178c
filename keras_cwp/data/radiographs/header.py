"""What is known of a radiograph before its pixels are decoded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Header:
    """Size, depth, scale, patient and acquisition.

    Args:
        width, height: pixels, after the orientation that the file asks for.
        bits: per pixel as stored, 8 to 16.
        spacing_mm: distance of pixel centres, None when the file does not say.
        patient_id: DICOM's, None elsewhere.
        metadata: acquisition, by name: file_type, and from DICOM manufacturer, modality, view, photometric,
            burned_in_annotation.
        issuer: IssuerOfPatientID of a DICOM file, None when it has none.
        study: StudyInstanceUID of a DICOM file. One study is of one patient.
        orientation: EXIF orientation, 1 to 8; 1 elsewhere. Width and height are those after turning.
        notes: what the file says in an odd way, and how it was understood. No note names a patient.
    """

    width: int
    height: int
    bits: int
    spacing_mm: float | None = None
    patient_id: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    issuer: str | None = None
    study: str | None = None
    orientation: int = 1
    notes: tuple[str, ...] = ()
