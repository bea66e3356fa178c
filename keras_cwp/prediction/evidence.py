"""What is written beside a structured report: a presentation state a radiograph, and its heat maps where it has any."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pydicom

from keras_cwp.prediction.heat_capture import heat_capture
from keras_cwp.prediction.presentation import presentation_state, shown_header
from keras_cwp.prediction.sr_content import Evidence, Finding
from keras_cwp.prediction.sr_identity import BLANK
from keras_cwp.prediction.sr_settings import SrConfig

REFERENCE = ("SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID")


def study_evidence(
    findings: Sequence[Finding],
    classes: Sequence[str],
    settings: SrConfig,
    pictures: Callable[[Path, str], np.ndarray | None] | None,
    note: Callable[[str], None],
) -> Evidence:
    """The objects of one study, without patient and dates.

    Args:
        pictures: see `dicom_sr.write_reports`.
        note: gets a line for a radiograph whose header allows no presentation state.
    """
    from pydicom.uid import generate_uid

    by_image: dict[str, list[Finding]] = {}
    for finding in findings:
        by_image.setdefault(str(finding.image.SOPInstanceUID), []).append(finding)
    series, captured = generate_uid(), generate_uid()
    states: dict[str, Any] = {}
    captures: list[Any] = []
    for uid, own in by_image.items():
        image = own[0].image
        try:
            plain = shown_header(image, nameless(image))
            states[uid] = presentation_state(plain, own, classes, settings, series, len(states) + 1)
        except Exception as error:  # of many kinds: a state is no reason to go without a report
            kind = type(error).__name__
            note(f"image {image.filename}: no presentation state can be made of its header ({kind})")
        picture = pictures(Path(image.filename), settings.statement) if pictures else None
        if picture is not None:
            captures.append(heat_capture(nameless(image), picture, settings, captured, len(captures) + 1))
    return Evidence(states, captures)


def nameless(image: Any) -> pydicom.Dataset:
    """What highdicom is given of an image: it writes names that it doubts to its log."""
    header = pydicom.Dataset()
    for keyword in REFERENCE:
        setattr(header, keyword, image[keyword].value)
    for keyword in BLANK:
        setattr(header, keyword, None)
    return header
