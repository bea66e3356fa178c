"""Pixel spacing: what DICOM's attributes and the ROI table's column say, in millimetres."""

from __future__ import annotations

import math

from keras_cwp.data.radiographs.attributes import Attributes
from keras_cwp.errors import DataError

LEAST_MM, MOST_MM = 0.001, 10.0  # beyond these a value is in another unit, or a mistake
_SQUARE = 1.01  # row against column spacing, or the reverse: rounding
NEARLY_SQUARE = 1.05  # a distortion that augmentation exceeds; read with a note
# In the order in which they count: calibrated or at the patient, at the detector, on the scanned film.
_KEYWORDS = ("PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing")
_MAGNIFIED = "ImagerPixelSpacing"


def spacing_from(text: str, where: str) -> float:
    """Millimetres a pixel from a table's cell.

    Args:
        where: file and line, for messages.

    Raises:
        DataError: no number from LEAST_MM to MOST_MM.
    """
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if LEAST_MM <= value <= MOST_MM:
        return value
    raise DataError(f"{where}: spacing_mm {text!r}; expected millimetres a pixel, from {LEAST_MM:g} to {MOST_MM:g}")


def spacing_of(tags: Attributes) -> float | None:
    """Distance of pixel centres of a DICOM radiograph, None where it is not stated or cannot be understood.

    Pixels that are not square are taken as square, with a note, up to 5 %. Beyond that a radiograph is refused:
    boxes may have been drawn on the stored pixels or on a viewer's square ones, and nothing in a file says which.

    Raises:
        DataError: pixels that are not square.
    """
    for keyword in _KEYWORDS:
        values = tags.numbers(keyword)
        if not values:
            continue
        if len(values) != 2 or not all(LEAST_MM <= value <= MOST_MM for value in values):
            tags.note(f"{keyword} {tags.shown(keyword)} is not two numbers of millimetres; the spacing is unknown")
            continue
        _check_square(tags, keyword, *values)
        return _mean(*values) / (_magnification(tags) if keyword == _MAGNIFIED else 1)
    _check_aspect(tags)
    return None


def _mean(row: float, column: float) -> float:
    return row if row == column else math.sqrt(row * column)


def _magnification(tags: Attributes) -> float:
    """How much larger the detector shows the patient; 1 where it is not known."""
    keyword = "EstimatedRadiographicMagnificationFactor"
    value = tags.number(keyword, 1.0)
    if value > 0:
        return value
    tags.note(f"{keyword} {tags.shown(keyword)} is not above 0; 1 is taken")
    return 1.0


def _check_aspect(tags: Attributes) -> None:
    keyword = "PixelAspectRatio"  # vertical, horizontal size of a pixel
    values = tags.numbers(keyword)
    if not values:
        return
    if len(values) == 2 and all(math.isfinite(value) and value > 0 for value in values):
        _check_square(tags, keyword, *values)
    else:
        tags.note(f"{keyword} {tags.shown(keyword)} is not two numbers above 0; pixels are taken as square")


def _check_square(tags: Attributes, keyword: str, row: float, column: float) -> None:
    ratio = max(row, column) / min(row, column)
    if ratio > NEARLY_SQUARE:
        raise DataError(
            f"pixels that are not square ({keyword} {row:g} × {column:g}, row × column); resample the radiograph to "
            "square pixels, and its boxes with it"
        )
    if ratio > _SQUARE:
        tags.note(f"pixels are {ratio - 1:.0%} from square ({keyword} {tags.shown(keyword)}); they are taken as square")
