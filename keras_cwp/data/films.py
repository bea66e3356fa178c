"""films.npy: every radiograph of a prepared data set, small, so that a page can show where on it a ROI lies.

An array [images, 96, 96] in the order in which the manifest first names them, stretched to a square. At 96 px a letter
that was burned into a radiograph is one or two pixels high, so that no name can be read. Data sets of an
earlier version have no such file.
"""

from __future__ import annotations

import cv2
import numpy as np

FILMS_FILE = "films.npy"
FILM_PX = 96
FILM_DTYPE = np.dtype(np.uint8)
_ENOUGH_PX = 4 * FILM_PX  # of the shorter side: of a larger radiograph every second, third, … pixel is looked at


def film_of(pixels: np.ndarray, white: float) -> np.ndarray:
    """uint8 [96, 96] of a radiograph [height, width] of any number type.

    Args:
        white: the value that becomes 255.
    """
    step = max(1, min(pixels.shape) // _ENOUGH_PX)
    small = cv2.resize(
        np.ascontiguousarray(pixels[::step, ::step], dtype=np.float32), (FILM_PX, FILM_PX), interpolation=cv2.INTER_AREA
    )
    return np.rint(np.clip(small * (255 / white), 0, 255)).astype(FILM_DTYPE)
