"""The training ROIs of a run, by what the network sees in them: which are nearest to a region, and how near."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from keras_cwp.data.prepared import PreparedData
from keras_cwp.data.split_file import SPLIT_FILE, read_split
from keras_cwp.errors import CwpError, DataError
from keras_cwp.training.run import ModelContract, RunFolder

SHOWN = 5  # neighbours
FEW = 20  # ROIs that were held out; with fewer nothing is said of how far a region is
MOST = 20_000  # ROIs whose features are kept; more are sampled
_BATCH = 8  # a larger one is no faster on processors, and its memory stays with TensorFlow
_SEED = 0

Features = Callable[[np.ndarray], np.ndarray]


class Directions:
    """Distances of features: 1 less the cosine.

    Features are not centred before: then noise, stripes and whole films were nearer to the training ROIs than held-out
    ROIs are (area under the ROC curve 0.0 on simulated pneumoconiosis; 1.0 without centring). Regions that are only
    inverted or mirrored have 0.5 to 0.6 with either.

    Args:
        known: float32 [rois, channels].

    Reference: Sun et al., Out-of-distribution detection with deep nearest neighbors, ICML 2022.
    """

    def __init__(self, known: np.ndarray) -> None:
        self._known = _unit(known)

    def distances(self, features: np.ndarray) -> np.ndarray:
        """float32 [B, rois] in [0, 2].

        Args:
            features: float32 [B, channels].
        """
        return np.asarray(1 - _unit(features) @ self._known.T)

    def to_nearest(self, features: np.ndarray) -> np.ndarray:
        """float32 [B]: mean distance to the SHOWN nearest known ones."""
        return np.asarray(np.sort(self.distances(features), axis=1)[:, :SHOWN].mean(axis=1))


@dataclass(frozen=True, eq=False)
class TrainingRois:
    """The training ROIs of a run.

    Args:
        rows: int [rois]; rows of the data set.
        known: their features.
        held_out: float [held-out ROIs], sorted: `to_nearest` of each.
    """

    data: PreparedData
    rows: np.ndarray
    known: Directions
    held_out: np.ndarray

    def nearest(self, features: np.ndarray, count: int = SHOWN) -> list[dict[str, Any]]:
        """The training ROIs that the network sees as most alike, ready for JSON.

        Args:
            features: float [channels] of a region.

        Returns:
            row (of the data set), label, patient (pseudonym) and distance of each, nearest first.
        """
        away = self.known.distances(features[None])[0]
        found = []
        for place in np.argsort(away, kind="stable")[:count].tolist():
            row = int(self.rows[place])
            known = self.data.manifest[row]
            found.append(
                {
                    "row": row,
                    "label": known.label,
                    "patient": known.patient_key,
                    "distance": round(float(away[place]), 6),
                }
            )
        return found

    def farther_than(self, features: np.ndarray) -> float | None:
        """Share of held-out ROIs that are nearer to the training ROIs than a region; None with fewer than FEW."""
        count = len(self.held_out)
        if count < FEW:
            return None
        own = float(self.known.to_nearest(features[None])[0])
        return int(np.searchsorted(self.held_out, own, side="left")) / count

    def picture(self, row: int) -> bytes:
        """The region of a training ROI as PNG, without its context.

        Raises:
            CwpError: it is none of the training ROIs.
        """
        if row not in set(self.rows.tolist()):
            raise CwpError(f"training ROI {row}: there is no such ROI")
        crop = self.data.read(np.array([row]))[0]
        size, margin = self.data.image_size, self.data.margin
        region = crop[margin : margin + size, margin : margin + size].astype(np.float32)
        low, high = np.quantile(region, [0.005, 0.995])
        shades = ((region - low) / max(float(high - low), 1e-6)).clip(0, 1) * 255
        return bytes(cv2.imencode(".png", np.rint(shades).astype(np.uint8))[1])


def open_training_data(run: Path, contract: ModelContract) -> tuple[PreparedData, np.ndarray]:
    """The data set that a run was trained on, and str [rois], the part of each ROI in the model's fold.

    For a run of cross-validation the first fold's: heat maps and features are of its network.

    Raises:
        CwpError: a sentence for the reader why there is none: MODEL is no run, its data folder is gone or was prepared
            anew, or its split is missing.
    """
    place = Path(str(RunFolder(run).info.get("data") or ""))
    try:
        data = PreparedData.open(place, verify=False)
    except DataError:
        raise DataError("the data folder of the run is not where it was, so no training ROIs can be shown") from None
    if data.content_hash != contract.data_hash:
        raise DataError("the data folder of the run was prepared anew since, so no training ROIs can be shown")
    splits = read_split(run / SPLIT_FILE, data)
    return data, splits[min(splits)]


def look_at_training(
    data: PreparedData, parts: np.ndarray, features: Features, progress: Callable[[int, int], None] = lambda *_: None
) -> TrainingRois:
    """Features of training and held-out ROIs.

    Args:
        parts: str [rois]: train, validation or test.
        features: images float32 [B, image_size, image_size, 1] in [0, 1] → float32 [B, channels].
        progress: gets ROIs done and in all.
    """
    rng = np.random.default_rng(_SEED)
    train, held = (_sample(np.flatnonzero(chosen), rng) for chosen in (parts == "train", parts != "train"))
    found = _features(data, np.concatenate([train, held]), features, progress)
    known = Directions(found[: len(train)])
    away = [known.to_nearest(each[None])[0] for each in found[len(train) :]]
    return TrainingRois(data, train, known, np.sort(np.array(away, dtype=float)))


def network_images(data: PreparedData, rows: np.ndarray) -> np.ndarray:
    """Rows of a data set as the network sees them: float32 [rows, image_size, image_size, 1] in [0, 1]."""
    white, inner = np.float32(np.iinfo(data.dtype).max), slice(data.margin, data.margin + data.image_size)
    return np.asarray(data.read(rows)[:, inner, inner, None].astype(np.float32) / white)


def _features(
    data: PreparedData, rows: np.ndarray, features: Features, progress: Callable[[int, int], None]
) -> np.ndarray:
    found = []
    for start in range(0, len(rows), _BATCH):
        crops = network_images(data, rows[start : start + _BATCH])
        found.append(features(crops))
        progress(start + len(crops), len(rows))
    return np.concatenate(found)


def _sample(rows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return rows if len(rows) <= MOST else np.sort(rng.choice(rows, MOST, replace=False))


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
