"""Heat maps of scored regions in their radiographs, for what is written beside a structured report."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from keras_cwp.augment.geometry import central_slice
from keras_cwp.config import DataConfig
from keras_cwp.data.annotations.roi import Box, Roi
from keras_cwp.data.crops import margin_px, roi_window
from keras_cwp.data.plan import place_box
from keras_cwp.data.radiographs.radiograph import read_header, read_radiograph
from keras_cwp.errors import DataError
from keras_cwp.explain.common_scale import on_one_scale, small_map
from keras_cwp.explain.heat_maps import default_method
from keras_cwp.explain.trust import randomised, try_maps
from keras_cwp.prediction.heat_capture import drawn_maps
from keras_cwp.prediction.regions import cut_regions, field_px
from keras_cwp.training.run import ModelContract
from keras_cwp.wording import plural, verb

_BATCH = 16
Placed = tuple[Box, np.ndarray | None]
"""Box in pixels of the radiograph, and the map in [0, 1] on the common scale; None: withheld."""


@dataclass(frozen=True, eq=False)
class RegionMaps:
    """Maps by radiograph.

    Args:
        rules: how the radiographs are read.
        maps: path → the maps on it.
    """

    rules: DataConfig
    maps: Mapping[Path, Sequence[Placed]]

    def picture(self, path: Path, statement: str) -> np.ndarray | None:
        """`heat_capture.drawn_maps` of a radiograph; None where it has no map or all of its maps are withheld."""
        own = self.maps.get(path, ())
        shown = sum(heat is not None for _, heat in own)
        if not shown:
            return None
        withheld = len(own) - shown
        lines = [statement]
        if withheld:
            no_better = f"{verb(withheld, 'it does', 'they do')} no better than random weights"
            lines.append(f"{plural(withheld, 'map')} withheld: {no_better}")
        return drawn_maps(read_radiograph(path, self.rules).to_unit(), own, lines)


def map_regions(
    networks: Sequence[Any],
    contract: ModelContract,
    regions: list[Roi],
    called: Mapping[str, int],
    refuse: Callable[[DataError, int], None] = lambda *_: None,
) -> RegionMaps:
    """Map regions for the class that they were called; a map that does no better than random weights is withheld.

    Args:
        networks: of a run; the maps of several are averaged, as their probabilities are.
        called: roi_id → index of the class; regions that it lacks are left out.
        refuse: see `regions.cut_regions`.
    """
    tried = [(network, randomised(network)) for network in networks]
    size, margin = contract.image_size, margin_px(contract.image_size, contract.context)
    placed: list[tuple[Path, Box]] = []
    maps: list[np.ndarray | None] = []
    wanted = [roi for roi in regions if roi.roi_id in called]
    crops = cut_regions(wanted, contract, refuse)
    while some := list(islice(crops, _BATCH)):
        maps += _mapped(tried, some, called, size, margin)
        placed += [(roi.path, _window(roi, contract)) for roi, _ in some]
    by_path: dict[Path, list[Placed]] = {}
    for (path, box), heat in zip(placed, on_one_scale(maps), strict=True):
        by_path.setdefault(path, []).append((box, heat))
    return RegionMaps(DataConfig(voi=contract.voi, window=contract.window), by_path)


def _mapped(
    networks: Sequence[tuple[Any, Sequence[Any]]],
    some: Sequence[tuple[Roi, np.ndarray]],
    called: Mapping[str, int],
    size: int,
    margin: int,
) -> list[np.ndarray | None]:
    images = central_slice(np.stack([crop for _, crop in some]), size, margin)
    index = np.array([called[roi.roi_id] for roi, _ in some])
    each = [try_maps(network, twins, images, index, default_method(network)) for network, twins in networks]
    mean = np.mean([found.maps for found in each], axis=0)
    better = np.sum([found.fall - found.fall_random for found in each], axis=0) > 0
    return [small_map(heat) if good and heat.any() else None for heat, good in zip(mean, better, strict=True)]


def _window(roi: Roi, contract: ModelContract) -> Box:
    """What the network saw of the radiograph, without context."""
    header = read_header(roi.path)
    box, _ = place_box(roi, header)
    window = roi_window(box, contract.image_size, 0, contract.square, field_px(header.spacing_mm, roi, contract))
    return (window.x, window.y, window.width, window.height)
