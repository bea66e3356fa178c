"""The one scale of the page's heat maps: its end is a value that few maps of held-out ROIs exceed, as in the report."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from keras_cwp.explain.common_scale import end_of_scale
from keras_cwp.reader.training_rois import network_images, open_training_data
from keras_cwp.training.run import ModelContract

if TYPE_CHECKING:
    from keras_cwp.explain.trust import TriedMaps
    from keras_cwp.reader.sight import Sight

MAP_PX = 112  # side of the heat map that is sent; the browser enlarges it
MAPPED = 48  # held-out ROIs whose maps make the scale: enough for a quantile of .95, and some seconds of work
FEWEST = 10  # maps that do better than random weights; with fewer each map keeps a scale of its own
_BATCH = 8
_SEED = 0


def reduced(heat: np.ndarray) -> np.ndarray:
    """A map float32 [side, side] as it is sent: [MAP_PX, MAP_PX]."""
    return cv2.resize(heat, (MAP_PX, MAP_PX), interpolation=cv2.INTER_AREA)


def on_scale(tried: TriedMaps, end: float | None) -> list[np.ndarray | None]:
    """Maps in [0, 1] as they are sent; None: withheld, for random weights do as well.

    Args:
        end: of the scale; None: each map's own largest value.
    """
    small = [reduced(heat) if beats else None for heat, beats in zip(tried.maps, tried.beats, strict=True)]
    return [None if heat is None else (heat / (end or float(heat.max()))).clip(0, 1) for heat in small]


def held_out_end(
    sight: Sight, run: Path, contract: ModelContract, progress: Callable[[int, int], None] = lambda *_: None
) -> float | None:
    """The end of the scale, or None with fewer than FEWEST maps.

    Args:
        run: whose held-out ROIs are mapped for the class that the network calls them.
        progress: gets ROIs done and in all.

    Raises:
        CwpError: see `open_training_data`.
    """
    data, parts = open_training_data(run, contract)
    held = np.flatnonzero(parts != "train")
    rows = np.sort(np.random.default_rng(_SEED).permutation(held)[:MAPPED])
    peaks: list[float] = []
    for start in range(0, len(rows), _BATCH):
        images = network_images(data, rows[start : start + _BATCH])
        tried = sight.try_maps(images, sight.called(images))
        peaks += [float(reduced(heat).max()) for heat in tried.maps[tried.beats]]
        progress(start + len(images), len(rows))
    return end_of_scale(peaks) if len(peaks) >= FEWEST else None
