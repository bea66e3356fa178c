"""One radiograph that is to be read, and the ROIs on it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from keras_cwp.data.radiographs.radiograph import Header


@dataclass(frozen=True)
class Picture:
    """One radiograph to be read.

    Args:
        rows: of the plan's ROIs that lie on it.
        spacing_mm: from the ROI table, else from the file, None when unknown.
        field_px: side of the region in its pixels when data.spacing_mm fixes the scale, else None.
    """

    image: str
    path: Path
    header: Header
    rows: tuple[int, ...]
    spacing_mm: float | None
    field_px: float | None
