"""Parts of a thorax that are drawn along lines: ribs, collar bones and the vessels of the lungs."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np

from keras_cwp.data.phantom.anatomy import Anatomy

_FINE = 2  # lines are drawn on a finer grid and averaged down, for smooth edges
_CORTEX_MM = 1.1
_RIBS = 11
_BUNDLE = 1.7  # artery, vein and airway wall run together

Curve = tuple[np.ndarray, np.ndarray, float, np.ndarray]  # x from the midline, y, radius, path length as a factor


def rib_curves(anatomy: Anatomy, outline: np.ndarray) -> Iterator[Curve]:
    """Each pair of ribs as a loop in space that falls forwards, seen from the front.

    Args:
        outline: distance of the lung's lateral border from the midline at each whole mm of height.
    """
    for number in range(_RIBS):
        start = anatomy.apex - 4 + anatomy.rib_gap * number
        fall = anatomy.rib_fall * (0.45 + 0.55 * min(number / 4, 1))
        reach = float(np.interp(start + 0.6 * fall, np.arange(len(outline)), outline)) + 3
        angle = np.linspace(0.12, np.pi * (0.80 if number < 6 else 0.66), 90)
        y = start + 0.85 * fall * (1 - np.cos(angle)) - 7 * np.sin(2 * angle).clip(0)
        depth = 0.45 * anatomy.depth
        along = np.hypot(np.gradient(reach * np.sin(angle)), np.gradient(y))
        length = np.sqrt(1 + (np.gradient(depth * np.cos(angle)) / np.maximum(along, 1e-6)) ** 2)
        ossified = np.clip((angle[-1] - angle) / 0.5, 0.15, 1) ** 0.7  # cartilage in front
        yield reach * np.sin(angle), y, anatomy.rib_radius, np.minimum(length, 2.2) * ossified


def clavicle_curve(anatomy: Anatomy) -> Curve:
    """Both collar bones."""
    share = np.linspace(0, 1, 60)
    x = 17 + 143 * share
    y = anatomy.apex + 30 - anatomy.clavicle_rise * share - 13 * np.sin(2 * np.pi * share * 0.85 + 0.25)
    return x, y, 5.8, np.full(60, 1.5)


def hollow_bones(curve: Curve, field_mm: float, side_px: int) -> np.ndarray:
    """Path length in compact bone, mm, float32 [side, side], of a bone on either side."""
    x, y, radius, length = curve
    scale = _FINE * side_px / field_mm
    shell = 2 * np.sqrt(radius**2 - (radius - _CORTEX_MM) ** 2)
    canvas = np.zeros((_FINE * side_px, _FINE * side_px), dtype=np.float32)
    for inset, thickness in ((0.0, 0.72 * shell), (_CORTEX_MM, 0.5 * shell), (2.2 * _CORTEX_MM, 0.4 * shell)):
        wide = max(1, round(2 * (radius - inset) * scale))
        for side in (-1, 1):
            points = np.column_stack([field_mm / 2 + side * x, y]) * scale
            for first, second, factor in zip(points[:-1], points[1:], length, strict=False):
                cv2.line(canvas, _pixel(first), _pixel(second), float(thickness * factor), wide)
    return _shrunk(canvas, side_px, 0.7 * side_px / field_mm)


def lung_vessels(anatomy: Anatomy, field_mm: float, side_px: int) -> np.ndarray:
    """Thickness in mm of the vessels that branch from both hila."""
    canvas = np.zeros((_FINE * side_px, _FINE * side_px), dtype=np.float32)
    scale = _FINE * side_px / field_mm
    for side in (-1, 1):
        random = np.random.default_rng([anatomy.vessel_seed, side + 1])
        tips = [(34.0, 148.0, angle, random.uniform(6.0, 8.5)) for angle in np.linspace(-1.3, 1.4, 9)]
        for _ in range(8):
            tips = [branch for tip in tips for branch in _grow(canvas, tip, side, field_mm, scale, random)]
    return _shrunk(canvas, side_px, 0.6 * side_px / field_mm)


def _grow(
    canvas: np.ndarray,
    tip: tuple[float, float, float, float],
    side: int,
    field_mm: float,
    scale: float,
    random: np.random.Generator,
) -> list[tuple[float, float, float, float]]:
    """Draw one piece of a vessel from its tip (x, y, angle, width) and return the two branches at its end."""
    x, y, angle, width = tip
    reach = random.uniform(9, 19) * (0.6 + 0.1 * width)
    bend = angle + random.normal(0, 0.12)
    end = x + reach * np.cos(bend), y + reach * np.sin(bend)
    ends = [_pixel(((field_mm / 2 + side * px) * scale, py * scale)) for px, py in ((x, y), end)]
    cv2.line(canvas, ends[0], ends[1], _BUNDLE * float(width), max(1, round(width * scale)))
    spread = random.uniform(0.16, 0.5)
    grown = (
        (*end, bend + spread, width * random.uniform(0.62, 0.84)),
        (*end, bend - spread * random.uniform(0.3, 1.2), width * random.uniform(0.55, 0.84)),
    )
    return [branch for branch in grown if branch[3] > 0.6]


def _shrunk(canvas: np.ndarray, side_px: int, blur_px: float) -> np.ndarray:
    small = cv2.resize(canvas, (side_px, side_px), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.GaussianBlur(small, (0, 0), max(blur_px, 0.3)))


def _pixel(point: tuple[float, float] | np.ndarray) -> tuple[int, int]:
    return round(float(point[0])), round(float(point[1]))
