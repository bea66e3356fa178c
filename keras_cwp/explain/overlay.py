"""A heat map laid over a radiograph."""

from __future__ import annotations

import cv2
import numpy as np

_MID_GREY = 110
_BLACK = 0
_BAR_PX = 16  # height of the scale below a picture, with a frame of 2
_STRONGEST = 0.55  # opacity of the map where it is 1: anatomy stays visible


def lay_over(grey: np.ndarray, heat: np.ndarray) -> np.ndarray:
    """The map's warmth over the picture, clear where the map is 0.

    Args:
        grey: uint8 [height, width].
        heat: float [rows, columns] in [0, 1], of any size; it is stretched over the whole picture.

    Returns:
        uint8 [height, width, 3], blue first as OpenCV writes it.
    """
    picture = cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR)
    fitted = cv2.resize(np.clip(heat, 0, 1).astype(np.float32), grey.shape[::-1], interpolation=cv2.INTER_CUBIC)
    fitted = np.clip(fitted, 0, 1)
    colour = cv2.applyColorMap(np.rint(fitted * 255).astype(np.uint8), cv2.COLORMAP_INFERNO)
    opacity = _STRONGEST * fitted[..., None]
    return np.rint(picture * (1 - opacity) + colour * opacity).astype(np.uint8)


def colour_bar(width: int, height: int) -> np.ndarray:
    """What `lay_over` makes of 0 (left) to 1 (right) over mid-grey: uint8 [height, width, 3], blue first."""
    ramp = np.repeat(np.linspace(0, 1, width, dtype=np.float32)[None], height, axis=0)
    return lay_over(np.full((height, width), _MID_GREY, np.uint8), ramp)


def palette() -> np.ndarray:
    """uint8 [256, 3], red first: the colour that stands for a map's values from 0 to 1."""
    return cv2.applyColorMap(np.arange(256, dtype=np.uint8)[:, None], cv2.COLORMAP_INFERNO)[:, 0, ::-1]


def side_by_side(image: np.ndarray, heat: np.ndarray | None) -> np.ndarray:
    """The picture beside itself with its map laid over it.

    Args:
        image: float [height, width] in [0, 1].
        heat: as in `lay_over`; None: the picture stands there twice.

    Returns:
        uint8 [height, 2 width, 3], blue first.
    """
    grey = np.rint(np.clip(image, 0, 1) * 255).astype(np.uint8)
    plain = cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR)
    return np.concatenate([plain, plain if heat is None else lay_over(grey, heat)], axis=1)


def with_bar(picture: np.ndarray) -> np.ndarray:
    """The picture of `side_by_side` above the scale of its map: uint8 [height + 16, width, 3], blue first."""
    half = picture.shape[1] // 2
    below = np.full((_BAR_PX, picture.shape[1], 3), _BLACK, np.uint8)
    below[2:-2, half:] = colour_bar(picture.shape[1] - half, _BAR_PX - 4)
    return np.concatenate([picture, below])
