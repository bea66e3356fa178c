"""The side of the network's input by what the ROIs hold: `data.image_size: auto`."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

FIELD_MM = 360.0  # shorter side of a frontal chest radiograph of an adult, where the file does not say its spacing
WHOLE_IMAGE_PX = 160  # whole images show findings of centimetres
# The smallest opacities that a class is made of, p in the ILO classification, measure up to 1.5 mm.
_OPACITY_MM, _OPACITY_PX = 1.5, 4
_LARGER = 0.75  # of the ROIs need no more than the side that is chosen
_STEP_PX = 32  # networks halve their input five times
_LEAST_PX, _MOST_PX = 96, 320


@dataclass(frozen=True)
class Region:
    """What counts of a ROI.

    Args:
        side_px: longer side of its box, in pixels of the radiograph; None for a whole image.
        spacing_mm: of the radiograph; None where it is unknown.
        film_px: shorter side of the radiograph.
    """

    side_px: float | None
    spacing_mm: float | None
    film_px: int


def crop_side(regions: Iterable[Region], fixed_mm: float | None) -> int:
    """The side in pixels that keeps four pixels for an opacity of 1.5 mm, and invents none that a radiograph lacks.

    Args:
        regions: of the data set.
        fixed_mm: data.spacing_mm, to which every radiograph is resampled; the regions then fit into the side.
    """
    sides = [_wanted(region, fixed_mm) for region in regions if region.side_px is not None]
    if not sides:
        return WHOLE_IMAGE_PX
    wanted = float(np.quantile(sides, _LARGER))
    return min(max(_STEP_PX * math.ceil(wanted / _STEP_PX), _LEAST_PX), _MOST_PX)


def _wanted(region: Region, fixed_mm: float | None) -> float:
    assert region.side_px is not None
    spacing_mm = region.spacing_mm or FIELD_MM / region.film_px
    side_mm = region.side_px * spacing_mm
    if fixed_mm is not None:
        return side_mm / fixed_mm
    return min(region.side_px, side_mm * _OPACITY_PX / _OPACITY_MM)
