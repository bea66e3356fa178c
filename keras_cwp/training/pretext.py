"""Views of radiographs without ROI labels to pretrain on: regions with simulated opacities, and whole films."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from keras_cwp.data.annotations.roi import Box
from keras_cwp.data.crop_side import FIELD_MM
from keras_cwp.data.crops import crop_roi, margin_px
from keras_cwp.data.phantom.anatomy import Anatomy
from keras_cwp.data.phantom.exposure import Exposure, expose
from keras_cwp.data.phantom.lay import NOTHING, TARGETS, Truth, lay_large, lay_patch, lay_small
from keras_cwp.data.phantom.lungs import lung_mask
from keras_cwp.data.phantom.thorax import draw_thorax

CONTEXT = 0.125  # margin of a view on each side, share of its side: room for shift and rotation
_ROI_MM = (30.0, 95.0)  # side of a region, drawn evenly in its logarithm; at 160 px 0.19 to 0.6 mm a pixel
_LEAST_ROI_PX = 80  # a film whose smallest regions have fewer pixels is only shown whole
_LUNG_SHARE = 0.75  # of a region that is lung
_BOX_TRIES = 60
_ROOM = 0.3  # kept around a region while opacities are laid, share of its side
_STATES = ("normal", "small", "large", "patch")
_ROI_STATES = (0.36, 0.38, 0.2, 0.06)
_FILM_STATES = (0.5, 0.16, 0.1, 0.24)  # of a whole normal film
_UNKNOWN = np.full(len(TARGETS), np.nan, np.float32)
_PHANTOM_PX = 1024


@dataclass(frozen=True, eq=False)
class Film:
    """A radiograph to pretrain on.

    Args:
        pixels: float32 [height, width] in [0, 1], bone bright.
        normal: it shows no opacities, so some may be laid into it.
    """

    pixels: np.ndarray
    normal: bool


@dataclass(frozen=True, eq=False)
class Views:
    """What a network is pretrained on.

    Args:
        crops: uint8 [n, side + 2 margin, side + 2 margin].
        targets: float32 [n, TARGETS]; NaN where nobody knows.
    """

    crops: np.ndarray
    targets: np.ndarray

    @property
    def known(self) -> np.ndarray:
        """bool [n]: whose targets are known."""
        return ~np.isnan(self.targets[:, 0])


def draw_views(films: Iterable[Film], image_size: int, rois_per_film: int, seed: int) -> Views:
    """Cut and change views of films.

    Args:
        films: each is drawn from by its place in this order and the seed, so that one more changes no other.
        image_size: side of a view without its margin, pixels.
        rois_per_film: regions of each film that is normal, large enough and shows lungs.
        seed: of everything random.
    """
    crops, targets = [], []
    for number, film in enumerate(films):
        random = np.random.default_rng([seed, number])
        for crop, truth in _of_film(film, image_size, rois_per_film, random):
            crops.append(np.rint(255 * np.clip(crop, 0, 1)).astype(np.uint8))
            targets.append(truth)
    side = image_size + 2 * margin_px(image_size, CONTEXT)
    return Views(
        np.stack(crops) if crops else np.zeros((0, side, side), np.uint8),
        np.stack(targets) if targets else np.zeros((0, len(TARGETS)), np.float32),
    )


def phantom_films(count: int, seed: int) -> Iterator[Film]:
    """Normal phantoms, for anatomy that a few real films lack."""
    for number in range(count):
        random = np.random.default_rng([seed, 1_000_003, number])
        thorax = draw_thorax(Anatomy.draw(random), _PHANTOM_PX)
        pixels = expose(thorax.water, thorax.bone, thorax.mm_per_px, Exposure.draw(random), random)
        yield Film(pixels.astype(np.float32) / 255, normal=True)


def _of_film(
    film: Film, image_size: int, rois: int, random: np.random.Generator
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    lungs = lung_mask(film.pixels) if film.normal else None
    if lungs is None or not lungs.any():
        yield _whole(film.pixels, image_size, random), NOTHING.targets if film.normal else _UNKNOWN
        return
    changed, truth = _laid_whole(film.pixels, lungs, random)
    yield _whole(changed, image_size, random), truth.targets
    mm_per_px = FIELD_MM / min(film.pixels.shape)
    if _ROI_MM[0] / mm_per_px < _LEAST_ROI_PX:
        return
    for _ in range(rois):
        box = _box(lungs, mm_per_px, random)
        if box is not None:
            yield _region(film.pixels, box, image_size, mm_per_px, random)


def _whole(pixels: np.ndarray, image_size: int, random: np.random.Generator) -> np.ndarray:
    """A whole film: its border at that of the view, or at that of the view's margin."""
    margin = margin_px(image_size, CONTEXT)
    if random.random() < 0.5:
        return crop_roi(pixels, None, image_size, margin, "stretch")
    return crop_roi(pixels, None, image_size + 2 * margin, 0, "stretch")


def _laid_whole(pixels: np.ndarray, lungs: np.ndarray, random: np.random.Generator) -> tuple[np.ndarray, Truth]:
    """Opacities in one lung or both."""
    state = random.choice(_STATES, p=_FILM_STATES)
    if state == "normal":
        return pixels, NOTHING
    rows, columns = np.flatnonzero(lungs.any(axis=1)), np.flatnonzero(lungs.any(axis=0))
    top, height = int(rows[0]), int(np.ptp(rows)) + 1
    left, width = int(columns[0]), int(np.ptp(columns)) + 1
    if state != "small":  # one place of about the size of a lung's third
        side = random.uniform(0.3, 0.6)
        left += round(random.uniform(0, 1 - side) * width)
        top += round(random.uniform(0, 1 - side) * height)
        width, height = round(side * width), round(side * height)
    changed, truth = _lay(state, pixels, (left, top, width, height), FIELD_MM / min(pixels.shape), random)
    return np.where(lungs, changed, pixels), truth


def _lay(
    state: str, pixels: np.ndarray, box: Box, mm_per_px: float, random: np.random.Generator
) -> tuple[np.ndarray, Truth]:
    if state == "normal":
        return pixels, NOTHING
    return {"small": lay_small, "large": lay_large, "patch": lay_patch}[state](pixels, box, mm_per_px, random)


def _box(lungs: np.ndarray, mm_per_px: float, random: np.random.Generator) -> tuple[int, int, int, int] | None:
    """A square that is mostly lung; None after too many tries."""
    height, width = lungs.shape
    for _ in range(_BOX_TRIES):
        side = round(float(np.exp(random.uniform(*np.log(_ROI_MM)))) / mm_per_px)
        x, y = int(random.integers(0, width - side)), int(random.integers(0, height - side))
        if lungs[y : y + side : 4, x : x + side : 4].mean() >= _LUNG_SHARE:
            return x, y, side, side
    return None


def _region(
    pixels: np.ndarray, box: tuple[int, int, int, int], image_size: int, mm_per_px: float, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    x, y, side, _ = box
    room = round(_ROOM * side)
    left, top = max(x - room, 0), max(y - room, 0)
    part = pixels[top : y + side + room, left : x + side + room]
    state = random.choice(_STATES, p=_ROI_STATES)
    changed, truth = _lay(state, part, (x - left, y - top, side, side), mm_per_px, random)
    margin = margin_px(image_size, CONTEXT)
    return crop_roi(changed, (x - left, y - top, side, side), image_size, margin, "pad"), truth.targets
