"""Presentation states: the scored regions as boxes and labels that a viewer lays over the radiograph itself."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from pydicom import Dataset

from keras_cwp.prediction.sr_content import ALGORITHM, Finding
from keras_cwp.prediction.sr_settings import SrConfig
from keras_cwp.version import VERSION

_LAYER = "REGIONS"
_LABEL = "KERAS CWP"  # of the state; DICOM wants capital letters
_COLOUR = (58.0, -20.0, -42.0)  # of lines, CIELab: a light blue that no bone has
_WHITE = 0xFFFF  # of lines in viewers that know grey values alone
_LEAST_WINDOW = 1.0  # DICOM allows no narrower one for the function LINEAR
_SEQUENCES = ("ModalityLUTSequence", "VOILUTSequence")
_INVERSE = "MONOCHROME1"


def presentation_state(
    image: Dataset, findings: Sequence[Finding], classes: Sequence[str], settings: SrConfig, series: str, number: int
) -> Dataset:
    """A Grayscale Softcopy Presentation State of one radiograph, without patient and dates.

    Args:
        image: its header, with nothing but what `shown_header` leaves.
        findings: those on this radiograph.
        series: UID of the states of the study.
        number: of the state in its series.
    """
    from highdicom import PresentationLUTTransformation, pr
    from highdicom.color import CIELabColor
    from pydicom.uid import ExplicitVRLittleEndian, generate_uid

    layer = pr.GraphicLayer(_LAYER, 1, f"{ALGORITHM}: {settings.statement}"[:64], CIELabColor(*_COLOUR))
    annotation = pr.GraphicAnnotation(
        [image],
        layer,
        graphic_objects=[_box(finding) for finding in findings],
        text_objects=[_label(finding, classes, image) for finding in findings],
    )
    shape = "INVERSE" if image.get("PhotometricInterpretation") == _INVERSE else "IDENTITY"
    state = pr.GrayscaleSoftcopyPresentationState(
        referenced_images=[image],
        series_instance_uid=series,
        series_number=settings.series_number + 1,
        sop_instance_uid=generate_uid(),
        instance_number=number,
        manufacturer=settings.manufacturer,
        manufacturer_model_name=ALGORITHM,
        software_versions=VERSION,
        device_serial_number="none",
        content_label=_LABEL,
        content_description=settings.statement,
        graphic_annotations=[annotation],
        graphic_layers=[layer],
        presentation_lut_transformation=PresentationLUTTransformation(presentation_lut_shape=shape),
        transfer_syntax_uid=ExplicitVRLittleEndian,
    )
    for shown in state.GraphicLayerSequence:
        shown.GraphicLayerRecommendedDisplayGrayscaleValue = _WHITE
    for area in state.DisplayedAreaSelectionSequence:
        area.pop("PixelOriginInterpretation", None)  # of tiled images alone
    state.BodyPartExamined = "CHEST"
    state.SeriesDescription = f"{ALGORITHM}: regions"
    return state


def shown_header(header: Any, plain: Dataset) -> Dataset:
    """Add to a header without names what a presentation state needs: size, polarity, and the grey values as they are
    displayed. Values that DICOM does not allow are left out; a viewer then does what it does without the state.
    """
    plain.Rows, plain.Columns = int(header.Rows), int(header.Columns)
    plain.SamplesPerPixel = 1
    plain.PhotometricInterpretation = str(header.get("PhotometricInterpretation") or "MONOCHROME2")
    if orientation := header.get("PatientOrientation"):
        plain.PatientOrientation = list(orientation)
    for keyword in _SEQUENCES:
        if header.get(keyword):
            setattr(plain, keyword, header[keyword].value)
    slope, intercept = (_numbers(header, f"Rescale{name}") for name in ("Slope", "Intercept"))
    if "ModalityLUTSequence" not in plain and len(slope) == len(intercept) == 1 and slope[0] != 0:
        plain.RescaleSlope, plain.RescaleIntercept = slope[0], intercept[0]
        plain.RescaleType = str(header.get("RescaleType") or "US")
    centre, width = _numbers(header, "WindowCenter"), _numbers(header, "WindowWidth")
    if centre and len(centre) == len(width) and min(width) >= _LEAST_WINDOW:
        plain.WindowCenter, plain.WindowWidth = centre[0], width[0]
    return plain


def _numbers(header: Any, keyword: str) -> list[float]:
    """Values of an attribute; none where one of them is no finite number."""
    try:
        value = header.get(keyword)
        if value is None or value == "":
            return []
        found = [float(each) for each in (value if np.iterable(value) and not isinstance(value, str) else [value])]
    except (TypeError, ValueError):
        return []
    return found if all(map(math.isfinite, found)) else []


def _box(finding: Finding) -> Any:
    from highdicom import pr

    x, y, width, height = finding.box
    right, bottom = x + width, y + height
    corners = np.array([[x, y], [right, y], [right, bottom], [x, bottom], [x, y]])
    # the same UID as in the report's measurement group, so that a reader finds the numbers of a box
    return pr.GraphicObject(
        "POLYLINE", corners, "PIXEL", tracking_id=finding.name[:64], tracking_uid=finding.tracking_uid
    )


def _label(finding: Finding, classes: Sequence[str], image: Dataset) -> Any:
    """The likeliest class and its probability, above the box where there is room, else below its upper edge."""
    from highdicom import pr

    x, y, width, _ = finding.box
    line = max(float(image.Rows) / 40, 1.0)  # height of a line of text
    top = y - line if y >= line else y
    likeliest = int(np.argmax(finding.probabilities))
    text = f"{classes[likeliest]} {100 * finding.probabilities[likeliest]:.0f} %"
    right = min(max(x + width, x + 8 * line), float(image.Columns))
    return pr.TextObject(text, "PIXEL", bounding_box=(x, top, right, top + line), text_justification="LEFT")
