"""Heat maps as a DICOM image that any viewer shows: the radiograph with the maps in their boxes and a colour bar."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont
from pydicom import Dataset

from keras_cwp.data.annotations.roi import Box
from keras_cwp.explain.common_scale import HIGH, LOW
from keras_cwp.explain.overlay import colour_bar, lay_over
from keras_cwp.prediction.sr_content import ALGORITHM
from keras_cwp.prediction.sr_settings import SrConfig
from keras_cwp.version import VERSION

LONGEST_PX = 1024  # side of the captured radiograph
_LEAST_WIDTH_PX = 640  # so that the lines below it can be read
_LINE_PX = 22
_LINES = 3
_LINE_COLOUR = (92, 184, 240)


def drawn_maps(pixels: np.ndarray, maps: Sequence[tuple[Box, np.ndarray | None]], lines: Sequence[str]) -> np.ndarray:
    """The picture of a radiograph with its maps: uint8 [height, width, 3], red first.

    Args:
        pixels: float32 [height, width] in [0, 1], bone bright.
        maps: box in pixels of the radiograph, and its map in [0, 1] on the common scale; None: withheld.
        lines: one or two lines of text that stand below.
    """
    factor = min(1.0, LONGEST_PX / max(pixels.shape))
    height, width = (max(1, round(factor * side)) for side in pixels.shape)
    grey = np.rint(np.clip(pixels, 0, 1) * 255).astype(np.uint8)
    shown = cv2.cvtColor(cv2.resize(grey, (width, height), interpolation=cv2.INTER_AREA), cv2.COLOR_GRAY2BGR)
    for box, heat in maps:
        if heat is not None:
            _warm(shown, [factor * side for side in box], heat)
    return _with_lines(shown[..., ::-1], [box for box, _ in maps], factor, lines)


def _warm(shown: np.ndarray, box: Sequence[float], heat: np.ndarray) -> None:
    """Lay a map over its box, which may leave the picture."""
    left, top, right, bottom = (round(edge) for edge in (box[0], box[1], box[0] + box[2], box[1] + box[3]))
    part = shown[max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)]
    if not part.size:
        return
    whole = cv2.resize(heat.astype(np.float32), (right - left, bottom - top), interpolation=cv2.INTER_CUBIC)
    inside = whole[max(-top, 0) :, max(-left, 0) :][: part.shape[0], : part.shape[1]]
    part[...] = lay_over(np.ascontiguousarray(part[..., 0]), inside)


def _with_lines(shown: np.ndarray, boxes: Sequence[Box], factor: float, lines: Sequence[str]) -> np.ndarray:
    height, width = shown.shape[:2]
    canvas = Image.new("RGB", (max(width, _LEAST_WIDTH_PX), height + _LINES * _LINE_PX))
    canvas.paste(Image.fromarray(np.ascontiguousarray(shown)))
    pen = ImageDraw.Draw(canvas)
    for x, y, wide, high in boxes:
        left, right = (float(np.clip(factor * edge, 0, width - 1)) for edge in (x, x + wide))
        top, bottom = (float(np.clip(factor * edge, 0, height - 1)) for edge in (y, y + high))
        pen.rectangle([left, top, right, bottom], outline=_LINE_COLOUR)
    font = ImageFont.truetype(str(Path(matplotlib.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf")), 14)
    bar = colour_bar(120, _LINE_PX - 8)[..., ::-1]
    start = round(pen.textlength(LOW, font)) + 16
    pen.text((8, height + 2), LOW, fill="white", font=font)
    canvas.paste(Image.fromarray(np.ascontiguousarray(bar)), (start, height + 4))
    pen.text((start + 128, height + 2), HIGH, fill="white", font=font)
    for number, line in enumerate(lines[: _LINES - 1], start=1):
        pen.text((8, height + 2 + number * _LINE_PX), line, fill="white", font=font)
    return np.asarray(canvas)


def heat_capture(image: Dataset, picture: np.ndarray, settings: SrConfig, series: str, number: int) -> Dataset:
    """A Secondary Capture of `drawn_maps`, without patient and dates, that names its radiograph as its source.

    Args:
        image: header of the radiograph: nothing but UIDs is read.
        series: UID of the captures of the study.
        number: of the capture in its series.
    """
    from highdicom import CoordinateSystemNames, sc
    from highdicom.sr.coding import CodedConcept
    from pydicom.uid import ExplicitVRLittleEndian, generate_uid

    capture = sc.SCImage(
        pixel_array=picture,
        photometric_interpretation="RGB",
        bits_allocated=8,
        coordinate_system=CoordinateSystemNames.PATIENT,
        study_instance_uid=image.StudyInstanceUID,
        series_instance_uid=series,
        series_number=settings.series_number + 2,
        sop_instance_uid=generate_uid(),
        instance_number=number,
        manufacturer=settings.manufacturer,
        patient_orientation=("L", "F"),  # highdicom wants one; the next line says what is known
        transfer_syntax_uid=ExplicitVRLittleEndian,
    )
    capture.BodyPartExamined = "CHEST"
    capture.PatientOrientation = image.get("PatientOrientation", "")
    capture.ImageType = ["DERIVED", "SECONDARY"]
    capture.SeriesDescription = f"{ALGORITHM}: heat maps"
    capture.DerivationDescription = f"Heat maps of {ALGORITHM} {VERSION}. {settings.statement}"
    capture.ManufacturerModelName, capture.SoftwareVersions = ALGORITHM, VERSION
    source = Dataset()
    source.ReferencedSOPClassUID, source.ReferencedSOPInstanceUID = image.SOPClassUID, image.SOPInstanceUID
    source.PurposeOfReferenceCodeSequence = [
        CodedConcept("121322", "DCM", "Source image for image processing operation")
    ]
    capture.SourceImageSequence = [source]
    return capture
