"""A fingerprint of how a whole radiograph looks, which survives another file format, size, grey scale or compression.

A difference hash: the radiograph is averaged down; a bit says of each pixel whether its right neighbour is brighter.
"""

from __future__ import annotations

import hashlib

import cv2
import numpy as np

from keras_cwp.data.prepared import PreparedData

_ROWS = 16  # by as many neighbours in a row: 256 bits
_ENOUGH_PX = 256  # of the shorter side: of a larger radiograph every second, third, … pixel is looked at
FLAT = "flat "  # begins the digest of a crop of one shade
_BATCH = 256
_STEPS = 65535  # a float radiograph, 0 to 1, is looked at in as many
_LEVELS = 255  # differences of less than a shade of 255 are noise and give 0


def look_of(pixels: np.ndarray) -> str:
    """64 hexadecimal digits for a radiograph [height, width] of any number type."""
    step = max(1, min(pixels.shape) // _ENOUGH_PX)
    cells = _cell_means(pixels[::step, ::step])
    low, high = float(cells.min()), float(cells.max())
    shades = np.rint((cells - low) * (_LEVELS / max(high - low, 1e-9)))
    return np.packbits(np.diff(shades, axis=1) > 0).tobytes().hex()


def _cell_means(pixels: np.ndarray) -> np.ndarray:
    """float64 [16, 17] over a grid of whole pixels; in a picture with fewer pixels than that some repeat."""
    tops, lefts = (np.arange(n) * length // n for n, length in zip((_ROWS, _ROWS + 1), pixels.shape, strict=True))
    bottoms, rights = (
        np.maximum(np.append(edges[1:], length), edges + 1)
        for edges, length in zip((tops, lefts), pixels.shape, strict=True)
    )
    if pixels.dtype.kind == "f":  # sums of whole numbers do not depend on their order, and so on the processor
        pixels = np.rint(pixels * _STEPS)
    if pixels.dtype != np.uint8:
        pixels = pixels.astype(np.float64)  # exact up to 2^53
    sums = cv2.integral(np.ascontiguousarray(pixels), sdepth=cv2.CV_64F)
    below, above = sums[bottoms], sums[tops]
    cells = below[:, rights] - below[:, lefts] - above[:, rights] + above[:, lefts]
    return cells / np.outer(bottoms - tops, rights - lefts)


def crop_digests(data: PreparedData) -> list[str]:
    """`crop_digest` of each ROI."""
    digests = []
    for start in range(0, len(data), _BATCH):
        crops = data.read(np.arange(start, min(start + _BATCH, len(data))))
        digests += [crop_digest(crop, data.margin, row) for row, crop in enumerate(crops, start=start)]
    return digests


def crop_digest(crop: np.ndarray, margin: int, row: int) -> str:
    """A hash of a ROI's own pixels; a crop of one shade gets a hash of its row, for it says nothing."""
    own = crop[margin : len(crop) - margin, margin : len(crop) - margin]
    return f"{FLAT}{row}" if own.min() == own.max() else hashlib.sha256(own.tobytes()).hexdigest()
