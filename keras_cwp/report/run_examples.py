"""Crops and heat maps of the ROIs that a report shows. TensorFlow is imported when a map is drawn."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from keras_cwp.data.prepared import PreparedData
from keras_cwp.report.examples import Example, choose_examples
from keras_cwp.scores import Scores

if TYPE_CHECKING:
    from keras_cwp.training.run import RunFolder


def run_examples(run: RunFolder, scores: Scores, data: PreparedData, each: int) -> list[Example]:
    """The hardest and the most typical of the scored ROIs, each with the heat map of the network that scored it.

    All maps have one scale: 1 is the largest value of any of them.
    """
    from keras_cwp.explain.heat_maps import raw_maps
    from keras_cwp.training.saved import load_network

    choices = choose_examples(scores, each)
    row_of = {row.roi_key: number for number, row in enumerate(data.manifest)}
    rows = np.array([row_of[str(scores.roi_id[choice.row])] for choice in choices], dtype=np.int64)
    folders = run.folders_by_fold()
    networks: dict[int, Any] = {}
    found = []
    for choice, crop in zip(choices, inner_crops(data, rows), strict=True):
        fold = int(scores.fold[choice.row])
        fold = fold if fold in folders else min(folders)
        if fold not in networks:
            networks[fold] = load_network(folders[fold])
        predicted = int(scores.probabilities[choice.row].argmax())
        heat = raw_maps(networks[fold], crop[None, :, :, None], np.array([predicted]))[0]
        found.append(
            Example(
                crop,
                heat,
                scores.classes[int(scores.label[choice.row])],
                scores.classes[predicted],
                float(scores.probabilities[choice.row, predicted]),
                str(scores.roi_id[choice.row]),
                choice.kind,
            )
        )
    largest = max((float(example.heat_map.max()) for example in found if example.heat_map is not None), default=0.0)
    return [replace(example, heat_map=_scaled(example.heat_map, largest)) for example in found]


def _scaled(heat: np.ndarray | None, largest: float) -> np.ndarray | None:
    return heat / largest if heat is not None and largest > 0 else heat


def inner_crops(data: PreparedData, rows: np.ndarray) -> np.ndarray:
    """What the network sees: float32 [rows, image_size, image_size] in [0, 1]."""
    inner = slice(data.margin, data.margin + data.image_size)
    stored = data.read(rows)[:, inner, inner]
    return stored.astype(np.float32) / np.float32(np.iinfo(data.dtype).max)
