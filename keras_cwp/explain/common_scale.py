"""One scale for all maps that are looked at together."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

MAP_PX = 28  # side of a kept map: a cell for 8 pixels of an image of 224
END = 0.95  # quantile of the maps' largest values that is the end of the scale: one outlier dims no other map
LOW, HIGH = "no influence", "end of the scale, which 5 % of the maps reach"  # what stands beside its colour bar


def small_map(heat: np.ndarray) -> np.ndarray:
    """A map float [height, width] averaged down to MAP_PX, float32."""
    side = min(MAP_PX, *heat.shape)
    return cv2.resize(heat.astype(np.float32), (side, side), interpolation=cv2.INTER_AREA)


def end_of_scale(peaks: Sequence[float]) -> float:
    """The value of a map that the scale ends at, from the largest values of maps; 0 where there are none."""
    return float(np.quantile(peaks, END)) if len(peaks) else 0.0


def on_one_scale(maps: Sequence[np.ndarray | None]) -> list[np.ndarray | None]:
    """Raw maps divided by one value and cut off at 1; None, a map that is withheld, stays."""
    end = end_of_scale([float(heat.max()) for heat in maps if heat is not None])
    return [heat if heat is None or end <= 0 else np.clip(heat / end, 0, 1) for heat in maps]
