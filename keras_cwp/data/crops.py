"""A box of a radiograph, with context around it, at the network's scale: one resampling by a triangle filter.

The filter is that of TensorFlow's ScaleAndTranslate with kernel "triangle" and antialias on, so that a graph
can repeat a crop: mirror the image where the window leaves it (`mirrored`), then resample.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, NamedTuple

import cv2
import numpy as np
from scipy import sparse

from keras_cwp.data.annotations.roi import Box


@dataclass(frozen=True)
class Window:
    """The part of a radiograph that a crop shows.

    Args:
        x, y: left and upper edge in pixels of the radiograph, may lie outside it.
        width, height: sides in pixels of the radiograph.
        side_px: side of the crop, pixels.
    """

    x: float
    y: float
    width: float
    height: float
    side_px: int


def margin_px(image_size: int, context: float) -> int:
    """Pixels of context on each side of a crop."""
    return round(image_size * context)


def crop_roi(
    pixels: np.ndarray,
    box: Box | None,
    image_size: int,
    margin: int,
    square: Literal["pad", "stretch"],
    side: float | None = None,
) -> np.ndarray:
    """Cut a ROI and its context.

    Args:
        pixels: [height, width], any number type.
        box: x, y, width, height, pixels; None for the whole radiograph.
        image_size: side, in pixels of the crop, that the box takes.
        margin: pixels of context on each side.
        square: pad lets the box grow about its centre to a square, stretch distorts it.
        side: see `roi_window`.

    Returns:
        float32 [image_size + 2 margin, image_size + 2 margin], in the units of `pixels`; what lies outside the
        radiograph is mirrored at its edge.
    """
    height, width = pixels.shape
    return resample(pixels, roi_window(box or (0, 0, width, height), image_size, margin, square, side))


def roi_window(box: Box, image_size: int, margin: int, square: str, side: float | None = None) -> Window:
    """The window of a crop in the radiograph's pixels.

    Args:
        side: when given, the region is a square of this side about the box's centre, whatever the box's size:
            the field of view that a common pixel spacing asks for.
    """
    x, y, width, height = box
    new_width, new_height = (max(width, height),) * 2 if square == "pad" else (width, height)
    if side is not None:
        new_width = new_height = side
    share = margin / image_size
    return Window(
        x=x + width / 2 - new_width * (0.5 + share),
        y=y + height / 2 - new_height * (0.5 + share),
        width=new_width * (1 + 2 * share),
        height=new_height * (1 + 2 * share),
        side_px=image_size + 2 * margin,
    )


def resample(pixels: np.ndarray, window: Window) -> np.ndarray:
    """float32 [side_px, side_px]: the window, mirrored beyond the edges, through the triangle filter.

    SciPy's sparse products add term by term in the order of the columns, in this thread and without BLAS, and
    cv2.transpose only moves values. So the processor does not decide a pixel: tests/data/test_same_everywhere.py gets
    the same bytes where NumPy, OpenCV and OpenBLAS are denied all instructions beyond the architecture's least.
    """
    rows = _axis(window.y, window.height, window.side_px, pixels.shape[0])
    columns = _axis(window.x, window.width, window.side_px, pixels.shape[1])
    part = pixels[rows.span, columns.span]
    for axis, lines in enumerate((rows, columns)):
        part = part if lines.chosen is None else part.take(lines.chosen, axis=axis)
    part = part.astype(np.float32, copy=False)
    if rows.weights is not None:
        part = rows.weights @ part
    if columns.weights is not None:
        part = cv2.transpose(columns.weights @ cv2.transpose(part))
    return np.ascontiguousarray(part)


def mirrored(index: np.ndarray, length: int) -> np.ndarray:
    """Indices beyond [0, length) reflected at the first and last pixel, which are not repeated."""
    if length == 1:
        return np.zeros_like(index)
    period = 2 * (length - 1)
    return length - 1 - np.abs(index % period - (length - 1))


class _Lines(NamedTuple):
    """The rows or columns that a crop is made of.

    Args:
        span: where they lie in the radiograph.
        chosen: which of the span, in order; None for all of it.
        weights: [side_px, lines]; None where they are copied.
    """

    span: slice
    chosen: np.ndarray | None
    weights: sparse.csr_array | None


@lru_cache(maxsize=64)  # whole radiographs of one size ask for the same again and again
def _axis(start: float, extent: float, side_px: int, length: int) -> _Lines:
    """The lines of one axis."""
    if extent == side_px and start == int(start):
        return _lines(int(start) + np.arange(side_px), length, None)
    pad_low = max(0, math.ceil(-start))
    pad_high = max(0, math.ceil(start + extent - length))
    step = extent / side_px
    radius = max(step, 1.0)
    center = start + (np.arange(side_px) + 0.5) * step
    first = np.maximum(np.ceil(center - radius - 0.5), -pad_low).astype(np.int64)
    last = np.minimum(np.floor(center + radius - 0.5), length - 1 + pad_high).astype(np.int64)
    index = first[:, None] + np.arange(int((last - first).max()) + 1)
    weight = np.maximum(0, 1 - np.abs(index + 0.5 - center[:, None]) / radius)
    weight[index > last[:, None]] = 0
    weight /= weight.sum(axis=1, keepdims=True)
    low, high = int(first.min()), int(last.max())
    used = weight > 0
    ends = np.concatenate([[0], used.sum(axis=1).cumsum()])
    entries = (weight[used].astype(np.float32), index[used] - low, ends)
    return _lines(np.arange(low, high + 1), length, sparse.csr_array(entries, shape=(side_px, high - low + 1)))


def _lines(wanted: np.ndarray, length: int, weights: sparse.csr_array | None) -> _Lines:
    """Lines that may lie beyond the edges, where they are mirrored."""
    index = mirrored(wanted, length)
    low, high = int(index.min()), int(index.max()) + 1
    whole = wanted[0] >= 0 and wanted[-1] < length
    return _Lines(slice(low, high), None if whole else index - low, weights)
