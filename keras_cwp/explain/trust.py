"""Whether heat maps show what a network learnt: they have to beat the maps of the same network with random weights.

A map is put to the test by hiding the places that it marks. Where it marks what the decision rests on, the log odds of
the class fall by more than they do when as many pixels are hidden that a network with random weights marks.

Reference: Adebayo et al., Sanity Checks for Saliency Maps, NeurIPS 2018; Samek et al., Evaluating the Visualization of
What a Deep Neural Network Has Learned, IEEE TNNLS 28 (2017) 2660-2673.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict

import cv2
import keras
import numpy as np
from scipy import special, stats

from keras_cwp.explain.heat_maps import answers_and_raw_maps, raw_maps
from keras_cwp.models.deploy import Planned
from keras_cwp.wording import plural, verb

HIDDEN_SHARE = 0.1  # of the image's pixels
TWINS = 2  # networks with random weights; a map is held against the mean of them
_LEAST_PATIENTS = 3  # that an interval of the mean can be given for
_LEVEL = 0.95
_BATCH = 32  # images that the network is asked about at once


class MapTrust(TypedDict):
    """`heat_maps` of metrics.json.

    Keys:
        method: of the maps.
        rois, patients: number that was tested.
        fall, fall_random: mean fall of the log odds under a map of the network, and under one of random weights.
        difference: `value` and `ci95` of the mean of the patients' mean differences (t distribution).
        beaten: number of ROIs whose own map has the larger fall.
        shown: whether maps of this network are shown at all.
        verdict: a sentence.
    """

    method: str
    rois: int
    patients: int
    fall: float
    fall_random: float
    difference: dict[str, Any]
    beaten: int
    shown: bool
    verdict: str


@dataclass(frozen=True, eq=False)
class TriedMaps:
    """Maps of some images and how they stood the test.

    Args:
        logits: float64 [B, classes], of the network under test.
        maps: float32 [B, H, W], `heat_maps.raw_maps`.
        fall: float64 [B]; by how much the log odds of the class fall when the places are hidden that the map marks.
        fall_random: float64 [B]; the same under maps of random weights, the mean of the twins.
    """

    logits: np.ndarray
    maps: np.ndarray
    fall: np.ndarray
    fall_random: np.ndarray

    def without_maps(self) -> TriedMaps:
        """The same with maps of one pixel, their largest value: what `trust_of` needs."""
        return TriedMaps(self.logits, self.maps.max(axis=(1, 2), keepdims=True), self.fall, self.fall_random)

    @property
    def beats(self) -> np.ndarray:
        """bool [B]; False too for a map of nothing."""
        found = self.maps.any(axis=(1, 2)) & (self.fall > self.fall_random)
        return np.asarray(found, dtype=bool)


def randomised(network: keras.Model, count: int = TWINS) -> list[keras.Model]:
    """Networks of the same layers with fresh random weights, the same at each call; none for a deployed graph."""
    if any(isinstance(each, Planned) for each in network.layers):
        return []
    return [_twin(network, seed) for seed in range(count)]


def _twin(network: keras.Model, seed: int) -> keras.Model:
    state = random.getstate()
    random.seed(seed)  # Keras takes the seeds of initialisers from here
    try:
        twin = keras.models.clone_model(network)
    finally:
        random.setstate(state)
    generator = np.random.default_rng(seed)
    twin.set_weights([_drawn(np.asarray(values), generator) for values in twin.get_weights()])
    return twin


def _drawn(fresh: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Fresh weights as they are; a kernel that begins at zero, as the head of a probe does, is drawn."""
    if fresh.ndim < 2 or fresh.any():
        return fresh
    return generator.normal(0, 1 / np.sqrt(np.prod(fresh.shape[:-1])), fresh.shape).astype(fresh.dtype)


def try_maps(
    network: Any, twins: Sequence[Any], images: np.ndarray, class_index: np.ndarray | int | None, method: str
) -> TriedMaps:
    """Maps of images with the test of each.

    Args:
        twins: what `randomised` made of the network; without any, all maps pass.
        images, class_index, method: as in `heat_maps.answers_and_raw_maps`.
    """
    logits, maps = answers_and_raw_maps(network, images, class_index, method)
    if class_index is None:
        index = logits.argmax(axis=1)
    else:
        index = np.broadcast_to(np.asarray(class_index), (len(images),)).copy()
    others = [raw_maps(twin, images, index, method) for twin in twins] if len(images) else []
    return tested(lambda changed: _answers(network, changed), images, index, logits, maps, others)


def tested(
    ask: Callable[[np.ndarray], np.ndarray],
    images: np.ndarray,
    class_index: np.ndarray,
    logits: np.ndarray,
    maps: np.ndarray,
    others: Sequence[np.ndarray],
) -> TriedMaps:
    """The test of maps that were drawn already.

    Args:
        ask: images float32 [B, H, W, 1] → logits [B, classes] of the network under test.
        class_index: int [B]; the class that each map is of.
        logits: of the images.
        others: maps of the same images by networks of random weights; without any, all maps pass.
    """
    if not others:
        return TriedMaps(logits, maps, np.ones(len(images)), np.zeros(len(images)))
    covered = np.concatenate([hidden(images, each) for each in (maps, *others)])
    answers = np.split(ask(covered), 1 + len(others))
    falls = [_log_odds(logits, class_index) - _log_odds(each, class_index) for each in answers]
    return TriedMaps(logits, maps, falls[0], np.mean(falls[1:], axis=0))


def hidden(images: np.ndarray, maps: np.ndarray, share: float = HIDDEN_SHARE) -> np.ndarray:
    """The images with their most marked pixels under a blur, float32 [B, H, W, 1]; a map of nothing hides nothing.

    A blur of a quarter of the side leaves the exposure of the place and no structure; a grey patch would be one.
    """
    return np.stack([_hidden(image, heat, share) for image, heat in zip(images, maps, strict=True)])


def _hidden(image: np.ndarray, heat: np.ndarray, share: float) -> np.ndarray:
    limit = np.quantile(heat, 1 - share)
    marked = (heat >= limit) & (heat > 0)
    plain = cv2.GaussianBlur(image[..., 0], (0, 0), image.shape[0] / 4, borderType=cv2.BORDER_REPLICATE)
    return np.where(marked, plain, image[..., 0])[..., None].astype(np.float32)


def _answers(network: Any, images: np.ndarray) -> np.ndarray:
    parts = [images[start : start + _BATCH] for start in range(0, len(images), _BATCH)]
    return np.concatenate([np.asarray(network(part, training=False), dtype=np.float64) for part in parts])


def _log_odds(logits: np.ndarray, class_index: np.ndarray) -> np.ndarray:
    rows = np.arange(len(logits))
    others = logits.copy()
    others[rows, class_index] = -np.inf
    return np.asarray(logits[rows, class_index] - special.logsumexp(others, axis=1), dtype=np.float64)


def trust_of(tested: Sequence[TriedMaps], patients: Sequence[str], method: str) -> MapTrust:
    """What all tests together say of a run.

    Args:
        tested: in any number of batches, at least one image.
        patients: of each image, in the same order.

    Maps are shown where the patients' mean difference lies above zero with its whole 95 % interval.
    """
    own, other = (np.concatenate([getattr(each, name) for each in tested]) for name in ("fall", "fall_random"))
    beaten = int(np.concatenate([each.beats for each in tested]).sum())
    names = np.asarray(patients)
    means = np.array([(own - other)[names == name].mean() for name in np.unique(names)])
    limits = _interval(means)
    shown = limits is not None and limits[0] > 0
    return {
        "method": method,
        "rois": len(own),
        "patients": len(means),
        "fall": float(own.mean()),
        "fall_random": float(other.mean()),
        "difference": {"value": float(means.mean()), "ci95": limits},
        "beaten": beaten,
        "shown": shown,
        "verdict": _verdict(len(own), beaten, limits, shown),
    }


def _interval(means: np.ndarray) -> list[float] | None:
    if len(means) < _LEAST_PATIENTS:
        return None
    error = float(means.std(ddof=1) / np.sqrt(len(means)))
    width = float(stats.t.ppf((1 + _LEVEL) / 2, len(means) - 1)) * error
    return [float(means.mean()) - width, float(means.mean()) + width]


def _verdict(rois: int, beaten: int, limits: list[float] | None, shown: bool) -> str:
    test = "Each heat map was held against maps of the same network with random weights, by hiding what either marks."
    if shown:
        failed = rois - beaten
        rest = f"; the {plural(failed, 'map')} that did not {verb(failed, 'is', 'are')} withheld" if failed else ""
        return f"{test} The maps of {beaten} of {plural(rois, 'ROI')} did better{rest}."
    if limits is None:
        return f"{test} There are too few patients to say whether they do better, so all maps are withheld."
    return f"{test} They are not shown to do better than random weights, so all maps are withheld."
