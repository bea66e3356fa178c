"""Crops and heat maps of the ROIs that a run's page shows. TensorFlow is imported when a map is drawn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from keras_cwp.data.prepared import PreparedData
from keras_cwp.explain.common_scale import on_one_scale, small_map
from keras_cwp.scores import Scores

if TYPE_CHECKING:
    from keras_cwp.explain.trust import MapTrust, TriedMaps
    from keras_cwp.training.run import RunFolder

_BATCH = 8  # a gradient keeps every activation: 170 MB for so many images of EfficientNet-Lite0 at 320 pixels
_WORTH_COMPILING = 64  # ROIs of a network; for fewer, compiling takes longer than it saves


@dataclass(frozen=True, eq=False)
class Mapped:
    """Some rows of a Scores table, as the network sees them and where it looked.

    Args:
        rows: int [n], rows of the Scores table.
        in_data: int [n], rows of the data set.
        crops: n pictures, uint8 [side, side].
        maps: n maps, float32 [rows, columns] in [0, 1] of the predicted class on one scale; None: withheld.
        trust: how the maps stood the test against random weights; None where nothing was tested.
    """

    rows: np.ndarray
    in_data: np.ndarray
    crops: Sequence[np.ndarray]
    maps: Sequence[np.ndarray | None]
    trust: MapTrust | None

    @property
    def withheld(self) -> str:
        """Why one of these ROIs has no map."""
        if self.trust is not None and self.trust["shown"]:
            return "Heat map withheld: it does no better than maps of random weights."
        return "Heat map withheld, as all of this run: they are not shown to do better than maps of random weights."


def map_rows(run: RunFolder, scores: Scores, rows: np.ndarray, data: PreparedData) -> Mapped:
    """Map ROIs, each with the network that scored it (of other data: the first), and test each map."""
    from keras_cwp.explain.heat_maps import default_method
    from keras_cwp.explain.trust import trust_of
    from keras_cwp.models.mean import mapped_network
    from keras_cwp.training.saved import load_network

    row_of = {str(key): number for number, key in enumerate(data.manifest.texts("roi_key"))}
    in_data = np.array([row_of[str(roi)] for roi in scores.roi_id[rows]], dtype=np.int64)
    folders = run.folders_by_fold()
    fold = np.array([number if number in folders else min(folders) for number in scores.fold[rows].tolist()])
    crops: list[np.ndarray] = [np.empty(0)] * len(rows)
    maps: list[np.ndarray | None] = [None] * len(rows)
    tested, patients, method = [], [], ""
    for number in np.unique(fold):
        network = mapped_network(load_network(folders[int(number)]))
        method, own = default_method(network), np.flatnonzero(fold == number)
        try_some = _trying(network, method, len(own))
        for some in np.array_split(own, -(-len(own) // _BATCH)):
            images = inner_crops(data, in_data[some])[..., None]
            called = scores.probabilities[rows[some]].argmax(axis=1)
            found = try_some(images, called)
            for place, image, heat, beats in zip(some, images, found.maps, found.beats, strict=True):
                crops[place] = np.rint(image[..., 0] * 255).astype(np.uint8)
                maps[place] = small_map(heat) if beats else None
            tested.append(found.without_maps())
            patients += scores.patient_id[rows[some]].tolist()
    trust = trust_of(tested, patients, method) if tested else None
    shown = on_one_scale(maps) if trust is not None and trust["shown"] else [None] * len(maps)
    return Mapped(rows, in_data, crops, shown, trust)


def _trying(network: Any, method: str, count: int) -> Callable[[np.ndarray, np.ndarray], TriedMaps]:
    """A function images, class_index → `trust.try_maps`, for `count` images of a network."""
    from keras_cwp.explain.compiled import CompiledMaps
    from keras_cwp.explain.trust import randomised, try_maps

    if method == "layercam" and count >= _WORTH_COMPILING:
        return CompiledMaps(network).try_maps
    twins = randomised(network)
    return lambda images, called: try_maps(network, twins, images, called, method)


def inner_crops(data: PreparedData, rows: np.ndarray) -> np.ndarray:
    """What the network sees: float32 [rows, image_size, image_size] in [0, 1]."""
    inner = slice(data.margin, data.margin + data.image_size)
    stored = data.read(rows)[:, inner, inner]
    return stored.astype(np.float32) / np.float32(np.iinfo(data.dtype).max)
