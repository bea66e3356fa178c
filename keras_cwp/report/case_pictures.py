"""Pictures of many ROIs as data URIs, as large and as good as fit into a page."""

from __future__ import annotations

import base64
from collections.abc import Sequence

import cv2
import numpy as np

PICTURES_BYTES = 11_000_000  # of all crops and films of a page, as text; maps, rows and plots take the rest of 15 MB
_GRADES = (
    (256, 95),
    (256, 80),
    (224, 70),
    (192, 65),
    (160, 60),
    (128, 50),
    (96, 40),
    (64, 30),
    (32, 20),
)  # side px, WebP quality
_MAP_QUALITY = 90
_SAMPLE = 50  # pictures that a grade is tried on first


def picture_uris(pictures: Sequence[np.ndarray], limit: int = PICTURES_BYTES) -> list[str]:
    """Grey pictures uint8 [height, width] in the best grade that keeps them all within `limit` characters.

    Returns:
        data URIs of WebP; smaller pictures are not enlarged.
    """
    step = max(1, len(pictures) // _SAMPLE)
    sample = pictures[::step]
    uris: list[str] = []
    for side, quality in _GRADES:
        last = (side, quality) == _GRADES[-1]
        if not last and _length(_encoded(sample, side, quality)) * len(pictures) > limit * len(sample):
            continue
        uris = _encoded(pictures, side, quality)
        if _length(uris) <= limit:
            break
    return uris


def map_uri(heat: np.ndarray) -> str:
    """A map, float [rows, columns] in [0, 1], as a small grey picture."""
    return _uri(np.rint(np.clip(heat, 0, 1) * 255).astype(np.uint8), _MAP_QUALITY)


def _encoded(pictures: Sequence[np.ndarray], side: int, quality: int) -> list[str]:
    return [_uri(_shrunk(picture, side), quality) for picture in pictures]


def _shrunk(picture: np.ndarray, side: int) -> np.ndarray:
    factor = side / max(picture.shape)
    if factor >= 1:
        return picture
    height, width = (max(1, round(factor * length)) for length in picture.shape)
    return cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)


def _uri(picture: np.ndarray, quality: int) -> str:
    _, content = cv2.imencode(".webp", picture, [cv2.IMWRITE_WEBP_QUALITY, quality])
    return "data:image/webp;base64," + base64.b64encode(content.tobytes()).decode()


def _length(uris: Sequence[str]) -> int:
    return sum(map(len, uris))
