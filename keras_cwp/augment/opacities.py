"""Simulated opacities in training ROIs that show none, with the label that these ROIs have then.

The shapes and contrasts are those of `data.phantom.lay`. Runs in tf.data on the CPU, before the geometric operations.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from keras_cwp.augment.policy import Opacities
from keras_cwp.data.crop_side import FIELD_MM
from keras_cwp.data.phantom.lay import Truth, lay_large, lay_patch, lay_small
from keras_cwp.data.prepared import PreparedData
from keras_cwp.errors import ConfigError

_STREAM = 11  # folded into the seed; see operations.Field
_LAY = {"small": lay_small, "large": lay_large, "patch": lay_patch}
# The ILO classification (2011) puts profusion 0/1 beside 1/0: few small opacities are read as none or as some.
# So their label starts at one half, and is certain from half of the greatest profusion on.
_LEAST_CERTAIN = 0.5
_WHOLE = 0.999  # share of the radiograph from which a region is the whole of it


@dataclass(frozen=True, eq=False)
class Laying:
    """Lays opacities into crops.

    Args:
        chance: an image's chance to receive opacities, if it shows none.
        normal: number of the class without opacities.
        kinds: what can be laid and the number of its class.
        box: x, y, width, height of the ROI in a crop, pixels.
        mm_per_px: float64 [rois], of each crop.
        seed: of everything random.
    """

    chance: float
    normal: int
    kinds: tuple[tuple[str, int], ...]
    box: tuple[int, int, int, int]
    mm_per_px: np.ndarray
    seed: int

    def of_batch(
        self, step: int, crops: np.ndarray, targets: np.ndarray, rows: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Crops and targets of a batch; what is drawn depends on seed, step and place in the batch alone.

        Args:
            crops: float32 [batch, crop, crop, 1] in [0, 1].
            targets: float32 [batch, classes], one-hot.
            rows: int [batch], of the manifest.
        """
        crops, targets = crops.copy(), targets.copy()
        for place in np.flatnonzero(targets[:, self.normal] == 1):
            random = np.random.default_rng([self.seed, _STREAM, int(step), int(place)])
            if random.random() >= self.chance:
                continue
            kind, number = self.kinds[random.integers(len(self.kinds))]
            mm_per_px = float(self.mm_per_px[rows[place]])
            crops[place, ..., 0], truth = _LAY[kind](crops[place, ..., 0], self.box, mm_per_px, random)
            share = _certainty(kind, truth)
            targets[place] = 0
            targets[place, number] = share
            targets[place, self.normal] += 1 - share
        return crops, targets

    def on(self, stream: tf.data.Dataset, first_step: int) -> tf.data.Dataset:
        """The same for batches (crops, targets, rows), the first of which is step `first_step`."""

        def lay(step: tf.Tensor, batch: tuple[tf.Tensor, tf.Tensor, tf.Tensor]) -> tuple[tf.Tensor, ...]:
            crops, targets, rows = batch
            laid, known = tf.numpy_function(self.of_batch, [step, *batch], (tf.float32, tf.float32), stateful=False)
            return tf.ensure_shape(laid, crops.shape), tf.ensure_shape(known, targets.shape), rows

        return stream.enumerate(first_step).map(lay, num_parallel_calls=2, deterministic=True)


def laying(opacities: Opacities, data: PreparedData, seed: int) -> Laying:
    """For the ROIs of a data set.

    Raises:
        ConfigError: a class that the data set lacks, or whole images instead of ROIs.
    """
    region, film = (
        data.manifest.numbers(f"{prefix}width") * data.manifest.numbers(f"{prefix}height") for prefix in ("", "image_")
    )
    if np.median(region / film) >= _WHOLE:
        raise ConfigError(
            f"augment.policy: opacities are laid into regions of the lung; the regions of {data.path} are whole "
            "images; use a policy without opacities"
        )
    kinds = tuple((kind, _class_number(name, data)) for kind, name in opacities.laid)
    inside = (data.margin, data.margin, data.image_size, data.image_size)
    return Laying(
        chance=opacities.probability,
        normal=_class_number(opacities.normal, data),
        kinds=kinds,
        box=inside,
        mm_per_px=_mm_per_px(data),
        seed=seed,
    )


def shown_opacities(
    opacities: Opacities, data: PreparedData, crops: np.ndarray, rows: np.ndarray, seed: int
) -> Callable[[int], tuple[np.ndarray, list[str]]]:
    """For a preview: the crops as a draw changes them, and what was laid into each, "" for nothing.

    Args:
        crops: float32 [batch, crop, crop, 1] of the ROIs `rows`, int [batch].
    """
    lay = laying(opacities, data, seed)
    targets = np.eye(len(data.classes), dtype=np.float32)[data.labels[rows]]

    def of_draw(step: int) -> tuple[np.ndarray, list[str]]:
        changed, known = lay.of_batch(step, crops, targets, rows)
        added = known * (targets == 0)
        names = [data.classes[number] for number in added.argmax(axis=1)]
        shares = added.max(axis=1)
        return changed, [f"{name} {share:.0%}" if share else "" for name, share in zip(names, shares, strict=True)]

    return of_draw


def _class_number(name: str, data: PreparedData) -> int:
    if name not in data.classes:
        raise ConfigError(
            f"augment.policy: opacities name the class {name!r}; {data.path} has {', '.join(data.classes)}; write the "
            "names of your classes into a policy file"
        )
    return data.classes.index(name)


def _mm_per_px(data: PreparedData) -> np.ndarray:
    """float64 [rois]: of each crop; a radiograph without spacing counts as FIELD_MM wide."""
    numbers = data.manifest.numbers
    shorter = np.minimum(numbers("image_width"), numbers("image_height"))
    spacing = numbers("spacing_mm")
    of_film = np.where(spacing > 0, spacing, FIELD_MM / shorter)
    return of_film / np.sqrt(numbers("scale_x") * numbers("scale_y"))


def _certainty(kind: str, truth: Truth) -> float:
    """Share of the label that goes to the class of what was laid."""
    return min(1.0, _LEAST_CERTAIN + float(truth.targets[-1])) if kind == "small" else 1.0
