"""Where the lungs roughly are in a frontal radiograph: to choose regions by, not to measure."""

from __future__ import annotations

import cv2
import numpy as np

_SIDE_PX = 128  # the mask is found at this size
_NEIGHBOURHOOD = 0.22  # of the side: what is darker than its surroundings of this size may be lung
_LEAST_AREA, _MOST_AREA = 0.025, 0.3  # of a lung, share of the picture
_MOST_LUNGS = 2
_BRIDGES_PX = (5, 9, 13)  # lungs hang together with the air beside the patient by dark strips of about this width
_LIVELY = 0.02  # grey in [0, 1]: air beside the patient is blacker than this


def lung_mask(pixels: np.ndarray) -> np.ndarray:
    """bool [height, width]: dark areas of the size of lungs that do not touch the picture's border.

    Args:
        pixels: float32 [height, width] in [0, 1], bone bright. All False where nothing looks like a lung.
    """
    small = cv2.resize(pixels, (_SIDE_PX, _SIDE_PX), interpolation=cv2.INTER_AREA)
    smooth = cv2.GaussianBlur(small, (0, 0), 2.0)
    around = cv2.GaussianBlur(small, (0, 0), _NEIGHBOURHOOD * _SIDE_PX)
    dark = ((smooth < around) & (smooth > _LIVELY)).astype(np.uint8)
    found = [_lungs_in(dark, bridge_px) for bridge_px in _BRIDGES_PX]
    mask = max(found, key=lambda lungs: int(lungs.sum()))
    return cv2.resize(mask, pixels.shape[::-1], interpolation=cv2.INTER_NEAREST).astype(bool)


def _lungs_in(dark: np.ndarray, bridge_px: int) -> np.ndarray:
    """uint8 [side, side]: hulls of the dark areas that are lungs once bridges of a width are cut."""
    cut = cv2.morphologyEx(dark, cv2.MORPH_OPEN, np.ones((bridge_px, bridge_px), np.uint8))
    _, areas, stats, _ = cv2.connectedComponentsWithStats(cut)
    mask = np.zeros_like(dark)
    for number in [number for number in _by_size(stats) if _is_lung(stats[number])][:_MOST_LUNGS]:
        outline, _ = cv2.findContours((areas == number).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        cv2.fillPoly(mask, [cv2.convexHull(np.concatenate(outline))], 1)
    return mask


def _by_size(stats: np.ndarray) -> list[int]:
    order = np.argsort(-stats[1:, cv2.CC_STAT_AREA], kind="stable") + 1
    return [int(number) for number in order]


def _is_lung(stats: np.ndarray) -> bool:
    left, top, width, height, area = (int(value) for value in stats)
    inside = left > 1 and top > 1 and left + width < _SIDE_PX - 1 and top + height < _SIDE_PX - 1
    return inside and _LEAST_AREA < area / _SIDE_PX**2 < _MOST_AREA
