"""From a radiograph and a region to what is sent: the part of the picture that the crop can reach, as PNG."""

from __future__ import annotations

import math

import cv2
import numpy as np

from keras_cwp.data.annotations.roi import Box, Roi
from keras_cwp.data.plan import place_box
from keras_cwp.data.radiographs.radiograph import Header, Radiograph
from keras_cwp.data.radiographs.spacing import spacing_from
from keras_cwp.serving.client.transport import Row

# Of the longer side of a box, on each of its sides: half to make it square, the context (config allows 1), and the
# filter's reach. Within it the server's crop is the same as from the whole radiograph.
_REACH = 1.6
_REACH_PX = 2
_FAST = [cv2.IMWRITE_PNG_COMPRESSION, 1]


def row_of(radiograph: Radiograph, roi: Roi, takes_spacing: bool) -> Row:
    """The row of one region.

    Args:
        takes_spacing: the model was trained at one pixel spacing; then that decides how far the crop reaches,
            and the whole radiograph is sent.

    Raises:
        DataError: the box lies outside the radiograph, or a spacing that is no number.
    """
    height, width = radiograph.pixels.shape
    box, _ = place_box(roi, Header(width=width, height=height, bits=radiograph.bits))
    spacing = _spacing(radiograph, roi) if takes_spacing else 0.0
    if spacing > 0:
        return Row(png(radiograph.pixels, radiograph.white), box, spacing)
    left, top, right, bottom = _reach(box, width, height)
    part = radiograph.pixels[top:bottom, left:right]
    return Row(png(part, radiograph.white), (box[0] - left, box[1] - top, box[2], box[3]))


def png(pixels: np.ndarray, white: float) -> bytes:
    """A grey PNG: 8 bits where the pixels have them, else 16."""
    if pixels.dtype != np.uint8 and pixels.dtype != np.uint16:
        pixels = np.round(pixels.clip(0, white) / white * 65535).astype(np.uint16)
    return bytes(cv2.imencode(".png", pixels, _FAST)[1])


def _reach(box: Box, width: int, height: int) -> tuple[int, int, int, int]:
    x, y, box_width, box_height = box
    margin = _REACH * max(box_width, box_height) + _REACH_PX
    left, top = max(0, math.floor(x - margin)), max(0, math.floor(y - margin))
    return left, top, min(width, math.ceil(x + box_width + margin)), min(height, math.ceil(y + box_height + margin))


def _spacing(radiograph: Radiograph, roi: Roi) -> float:
    stated = roi.extra.get("spacing_mm")
    return spacing_from(stated, roi.where) if stated else radiograph.spacing_mm or 0.0
