"""Boxes and outlines: checks, bounding boxes, and boxes that were drawn turned."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from keras_cwp.data.annotations.roi import Box, Outline
from keras_cwp.errors import DataError

_RIGHT_ANGLE = 90.0  # degrees
_LEAST_SIDE_PX = 16  # a stated side below this is a placeholder
_NO_TURN = 0.01  # degrees; less moves a corner of a radiograph by less than a pixel


def checked_box(box: Box, where: str) -> Box:
    """The box itself when its numbers are finite and its sides positive.

    Raises:
        DataError: they are not.
    """
    if not all(map(math.isfinite, box)):
        raise DataError(f"{where}: the box {box} (x, y, width, height) has a value that is no finite number")
    if box[2] <= 0 or box[3] <= 0:
        raise DataError(f"{where}: the box {box} (x, y, width, height) has no area")
    return box


def bounding_box(points: Sequence[tuple[float, float]], where: str) -> Box:
    """The smallest upright box around points.

    Raises:
        DataError: it has no area, or a coordinate is not finite.
    """
    xs, ys = [x for x, _ in points], [y for _, y in points]
    return checked_box((min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys)), where)


def turned(box: Box, degrees: float, about: tuple[float, float]) -> Outline | None:
    """The four corners of a box that was turned clockwise (y points down); None for a turn of nothing.

    Args:
        about: the point that stays where it is.
    """
    if not math.isfinite(degrees):
        return None
    if abs((degrees + 180) % 360 - 180) < _NO_TURN:
        return None
    x, y, width, height = box
    cosine, sine = _cosine_and_sine(degrees)
    corners = ((x, y), (x + width, y), (x + width, y + height), (x, y + height))
    return tuple(
        (
            about[0] + (cx - about[0]) * cosine - (cy - about[1]) * sine,
            about[1] + (cx - about[0]) * sine + (cy - about[1]) * cosine,
        )
        for cx, cy in corners
    )


def centre_of(box: Box) -> tuple[float, float]:
    """The middle of a box."""
    return box[0] + box[2] / 2, box[1] + box[3] / 2


def number_or_none(value: Any) -> float | None:
    """A finite number, also one written as text; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def stated_size(width: Any, height: Any) -> tuple[float, float] | None:
    """A picture's size as a file states it; None where it states none (0, 1 and null count as none)."""
    sides = number_or_none(width), number_or_none(height)
    if sides[0] is None or sides[1] is None or min(sides[0], sides[1]) < _LEAST_SIDE_PX:
        return None
    return sides[0], sides[1]


def _cosine_and_sine(degrees: float) -> tuple[float, float]:
    """Exact at multiples of a right angle."""
    turns = degrees / _RIGHT_ANGLE
    if turns == round(turns):
        return ((1.0, 0.0), (0.0, 1.0), (-1.0, 0.0), (0.0, -1.0))[round(turns) % 4]
    return math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
