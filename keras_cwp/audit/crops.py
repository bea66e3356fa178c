"""Crops without anatomy in them, and boxes where no lung is."""

from __future__ import annotations

import numpy as np

from keras_cwp.audit.findings import Finding, found
from keras_cwp.data.grey_range import narrow_range_note
from keras_cwp.data.prepared import PreparedData

_BLANK_SD = 0.5 / 255
_EXTREME_MEAN = (0.02, 0.98)
_ODD_BOX_SHARE = (0.0005, 0.6)  # of the radiograph's area; a smaller or larger box is hardly a region of the lung
_LUNG_EDGE, _BELOW_LUNGS = 0.04, 0.1  # outer shares of a frontal radiograph in which no lung lies


def crop_findings(images: np.ndarray) -> list[Finding]:
    """Blank crops, and crops that are almost black or white.

    Args:
        images: thumbnails float32 [rois, side, side] in [0, 1].
    """
    spread, mean = images.std(axis=(1, 2)), images.mean(axis=(1, 2))
    blank = spread < _BLANK_SD
    extreme = ((mean < _EXTREME_MEAN[0]) | (mean > _EXTREME_MEAN[1])) & ~blank
    return [
        *found("error", "blank crop", _single(blank), "crop is of one shade", "crops are of one shade"),
        *found(
            "warning", "extreme shade", _single(extreme),
            "crop is nearly black or white", "crops are nearly black or white",
        ),
    ]  # fmt: skip


def range_findings(data: PreparedData) -> list[Finding]:
    """Whether the data set uses little of its grey range."""
    said = narrow_range_note(data)
    return [Finding("warning", "narrow grey range", said)] if said else []


def box_findings(data: PreparedData) -> list[Finding]:
    """Boxes of an odd size, and boxes beside the lungs; none for whole images."""
    if data.margin == 0:
        return []
    x, y, width, height, image_width, image_height = (
        data.manifest.numbers(name) for name in ("x", "y", "width", "height", "image_width", "image_height")
    )
    share = width * height / (image_width * image_height)
    odd = (share < _ODD_BOX_SHARE[0]) | (share > _ODD_BOX_SHARE[1])
    across, down = (x + width / 2) / image_width, (y + height / 2) / image_height
    beside = (np.abs(across - 0.5) > 0.5 - _LUNG_EDGE) | (down < _LUNG_EDGE) | (down > 1 - _BELOW_LUNGS)
    low, high = (f"{100 * bound:g} %" for bound in _ODD_BOX_SHARE)
    return [
        *found(
            "warning", "odd box", _single(odd),
            f"box covers less than {low} or more than {high} of its radiograph",
            f"boxes cover less than {low} or more than {high} of their radiograph",
        ),
        *found(
            "warning", "box beside the lungs", _single(beside),
            "box has its centre where no lung is", "boxes have their centre where no lung is",
        ),
    ]  # fmt: skip


def _single(chosen: np.ndarray) -> list[tuple[int, ...]]:
    return [(int(row),) for row in np.flatnonzero(chosen)]
