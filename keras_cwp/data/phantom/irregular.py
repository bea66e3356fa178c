"""Small irregular opacities, as path lengths of soft tissue: short bent strands that cross each other.

Named by width as in the ILO classification (2011): s up to 1.5 mm, t from 1.5 to 3 mm, u from 3 to 10 mm.
"""

from __future__ import annotations

import cv2
import numpy as np

from keras_cwp.data.annotations.roi import Box

IRREGULAR = ("s", "t", "u")
_WIDTH_MM = {"s": (0.7, 1.5), "t": (1.5, 3.0), "u": (3.0, 7.0)}
_LENGTH_MM = {"s": (4.0, 14.0), "t": (6.0, 18.0), "u": (10.0, 26.0)}
_PER_CM2 = {"s": (3.0, 7.0), "t": (1.2, 2.6), "u": (0.35, 0.7)}
_DENSITY = {"s": (3.0, 4.5), "t": (1.6, 2.6), "u": (0.8, 1.4)}  # exaggerated as in opacities, to be seen at 512 px
_PIECES = 5  # of a strand
_FINE = 4  # strands are drawn on a finer grid and averaged down


def irregular_opacities(
    shape: tuple[int, int], box: Box, mm_per_px: float, kind: str, random: np.random.Generator
) -> np.ndarray:
    """Path lengths float32 [height, width] of strands scattered over a box.

    Args:
        shape: height and width of the radiograph, pixels.
        box: x, y, width, height in pixels.
        kind: s, t or u.
    """
    fine = _FINE if mm_per_px > 0.2 else 2
    layer = np.zeros((shape[0] * fine, shape[1] * fine), np.float32)
    x, y, width, height = box
    count = random.poisson(random.uniform(*_PER_CM2[kind]) * width * height * mm_per_px**2 / 100)
    scale = fine / mm_per_px  # fine pixels a millimetre
    for _ in range(max(count, 3)):
        start = np.array([(x + width * random.random()) * fine, (y + height * random.random()) * fine])
        points = _strand(start, random.uniform(*_LENGTH_MM[kind]) * scale, random)
        _add_strand(layer, points, random.uniform(*_WIDTH_MM[kind]), scale, random.uniform(*_DENSITY[kind]))
    return cv2.resize(layer, (shape[1], shape[0]), interpolation=cv2.INTER_AREA)


def _strand(start: np.ndarray, length: float, random: np.random.Generator) -> np.ndarray:
    """Points float64 [pieces + 1, 2] of a bent line."""
    angles = random.uniform(0, 2 * np.pi) + np.cumsum(random.normal(0, 0.45, _PIECES))
    steps = np.column_stack([np.cos(angles), np.sin(angles)]) * (length / _PIECES)
    return np.vstack([start, start + np.cumsum(steps, axis=0)])


# A round strand in three layers: width as a share of the whole, and thickness that the layer adds as a share of it.
_LAYERS = ((1.0, 0.45), (0.75, 0.3), (0.45, 0.25))


def _add_strand(layer: np.ndarray, points: np.ndarray, wide_mm: float, scale: float, density: float) -> None:
    """Add the chords of a strand; what leaves the picture is cut off."""
    reach = int(wide_mm * scale) + 2
    low = np.floor(points.min(axis=0)).astype(int) - reach
    high = np.ceil(points.max(axis=0)).astype(int) + reach
    left, top = np.maximum(low, 0)
    right, bottom = np.minimum(high, (layer.shape[1], layer.shape[0]))
    if left >= right or top >= bottom:
        return
    part = np.zeros((bottom - top, right - left), np.float32)
    line = [np.rint(points - (left, top)).astype(np.int32)]
    for share, thickness in _LAYERS:
        mask = np.zeros(part.shape, np.uint8)
        cv2.polylines(mask, line, False, 1, max(1, round(share * wide_mm * scale)))
        part += mask * np.float32(thickness * wide_mm * density)
    layer[top:bottom, left:right] += part
