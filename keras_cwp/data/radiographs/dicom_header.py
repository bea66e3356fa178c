"""The header of a DICOM radiograph."""

from __future__ import annotations

from pydicom.uid import UID

from keras_cwp.data.radiographs.attributes import Attributes
from keras_cwp.data.radiographs.header import Header
from keras_cwp.data.radiographs.layout import GREY, Layout, is_inverse
from keras_cwp.data.radiographs.spacing import spacing_of
from keras_cwp.errors import DataError

LATERAL_VIEWS = ("LL", "RL", "LATERAL", "LAT")
# What metadata names, and where it comes from.
_METADATA = {
    "manufacturer": "Manufacturer",
    "modality": "Modality",
    "view": "ViewPosition",
    "intent": "PresentationIntentType",
    "photometric": "PhotometricInterpretation",
    "burned_in_annotation": "BurnedInAnnotation",
}
_UPPER = ("view", "burned_in_annotation")


def check_kind(tags: Attributes, lateral: bool) -> None:
    """Refuse what is no frontal radiograph.

    Raises:
        DataError: an index or a report instead of a picture, or a lateral view without `lateral`.
    """
    if "DirectoryRecordSequence" in tags.dataset:
        raise DataError("a DICOMDIR, the index of a medium; it holds no picture")
    if "PixelData" not in tags.dataset:
        kind = UID(tags.text("SOPClassUID")).name
        raise DataError(f"no pixel data in it{f' ({kind})' if kind else ''}; leave it out")
    view = tags.text("ViewPosition").upper()
    if view in LATERAL_VIEWS and not lateral:
        raise DataError(f"a lateral view (ViewPosition {view}); leave it out, or ask for lateral views")


def header_of(tags: Attributes, layout: Layout) -> Header:
    """Everything that a radiograph's header tells.

    Raises:
        DataError: pixels that are not square.
    """
    spacing = spacing_of(tags)
    metadata = _metadata(tags)
    _note_contradictions(tags, layout, metadata)
    return Header(
        width=layout.width,
        height=layout.height,
        bits=layout.stored,
        spacing_mm=spacing,
        patient_id=tags.text("PatientID") or None,
        metadata=metadata,
        issuer=tags.text("IssuerOfPatientID") or None,
        study=tags.text("StudyInstanceUID") or None,
        notes=tags.notes,
    )


def _metadata(tags: Attributes) -> dict[str, str]:
    found = {name: tags.text(keyword) for name, keyword in _METADATA.items()}
    found |= {name: found[name].upper() for name in _UPPER}
    return {"file_type": "dicom"} | {name: value for name, value in found.items() if value}


def _note_contradictions(tags: Attributes, layout: Layout, metadata: dict[str, str]) -> None:
    if metadata.get("burned_in_annotation") == "YES":
        tags.note("BurnedInAnnotation YES: text is part of the picture; it may name the patient or give the class away")
    if layout.photometric in GREY:
        is_inverse(tags, layout)
