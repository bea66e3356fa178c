"""Opacities of pneumoconiosis laid into a region of a real radiograph that has none.

The shapes are those of `opacities` and `irregular`. A processed radiograph does not say how many shades a millimetre
of tissue is worth. So the contrast is drawn as a multiple of the region's own texture: from what can hardly be seen
to what cannot be missed, on soft and hard display curves alike.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from keras_cwp.data.annotations.roi import Box
from keras_cwp.data.phantom.irregular import IRREGULAR, irregular_opacities
from keras_cwp.data.phantom.opacities import DIAMETER_MM, large_opacity, small_opacities

# What `Truth.targets` holds, in this order.
_KINDS = (*DIAMETER_MM, *IRREGULAR)
TARGETS = ("small", *_KINDS, "large", "patch", "profusion")
# Height of the brightest opacities over the standard deviation of the region's texture; drawn evenly in its logarithm.
_CONTRAST = {"small": (1.8, 8.0), "large": (2.4, 9.0), "patch": (1.5, 5.0)}
_TEXTURE_MM = {"small": 3.5, "large": 16.0, "patch": 16.0}  # scale above which shades are no texture
_LEAST_TEXTURE = 0.006  # grey in [0, 1]: of a region without any
_BRIGHTEST = 98.0  # percentile of the layer, where there is any, that has the contrast
_DETAIL = (0.2, 0.9)  # strength of the edge enhancement, as in exposure.Exposure
_DETAIL_MM = 3.5
_BLUR_MM = (0.15, 0.45)  # focal spot, detector and the resizing of the file
_WHITE_FROM = 0.85  # brighter than this the display curve flattens
_SMALL_AND_LARGE = 0.6  # of regions with a large opacity have small ones behind it
_SECOND_KIND = 0.35  # of regions with small opacities have two kinds
_PATCH_BLUR_MM = (5.0, 12.0)


@dataclass(frozen=True, eq=False)
class Truth:
    """What was laid into a region.

    Args:
        targets: float32 [TARGETS], 0 or 1, and the profusion from 0 to 1.
    """

    targets: np.ndarray

    @classmethod
    def of(cls, kinds: tuple[str, ...], profusion: float) -> Truth:
        """From the kinds that are present."""
        small = any(kind in DIAMETER_MM or kind in IRREGULAR for kind in kinds)
        present = {*kinds, "small"} if small else set(kinds)
        targets = [profusion if name == "profusion" else float(name in present) for name in TARGETS]
        return cls(np.array(targets, np.float32))


NOTHING = Truth.of((), 0.0)


def lay_small(pixels: np.ndarray, box: Box, mm_per_px: float, random: np.random.Generator) -> tuple[np.ndarray, Truth]:
    """One or two kinds of small opacities, profusion 1 to 3 of the ILO classification.

    Args:
        pixels: float32 [height, width] in [0, 1], bone bright.
        box: x, y, width, height of the region, pixels.

    Returns:
        The radiograph with opacities, and what they are.
    """
    layer, truth = _small_layer(pixels.shape, box, mm_per_px, random)
    return _shown(pixels, layer, "small", box, mm_per_px, random), truth


def lay_large(pixels: np.ndarray, box: Box, mm_per_px: float, random: np.random.Generator) -> tuple[np.ndarray, Truth]:
    """A large opacity, mostly with small ones behind it; see `lay_small`."""
    layer = large_opacity((pixels.shape[0], pixels.shape[1]), box, mm_per_px, random)
    shown = _shown(pixels, layer, "large", box, mm_per_px, random)
    kinds: tuple[str, ...] = ("large",)
    profusion = 0.0
    if random.random() < _SMALL_AND_LARGE:
        behind, truth = _small_layer(pixels.shape, box, mm_per_px, random)
        shown = _shown(shown, behind, "small", box, mm_per_px, random)
        kinds += tuple(name for name, there in zip(_KINDS, truth.targets[1:], strict=False) if there)
        profusion = float(truth.targets[-1])
    return shown, Truth.of(kinds, profusion)


def lay_patch(pixels: np.ndarray, box: Box, mm_per_px: float, random: np.random.Generator) -> tuple[np.ndarray, Truth]:
    """An ill-defined patch, as of a pneumonia; see `lay_small`."""
    mass = large_opacity((pixels.shape[0], pixels.shape[1]), box, mm_per_px, random)
    layer = cv2.GaussianBlur(mass, (0, 0), random.uniform(*_PATCH_BLUR_MM) / mm_per_px)
    return _shown(pixels, layer, "patch", box, mm_per_px, random), Truth.of(("patch",), 0.0)


def _small_layer(
    shape: tuple[int, ...], box: Box, mm_per_px: float, random: np.random.Generator
) -> tuple[np.ndarray, Truth]:
    count = 2 if random.random() < _SECOND_KIND else 1
    kinds = tuple(str(kind) for kind in random.choice((*DIAMETER_MM, *IRREGULAR), count, replace=False))
    profusion = float(random.uniform(0.2, 1.0))
    layer = np.zeros(shape, np.float32)
    for kind in kinds:
        draw = irregular_opacities if kind in IRREGULAR else small_opacities
        layer += draw((shape[0], shape[1]), _share(box, profusion / count, random), mm_per_px, kind, random)
    return layer, Truth.of(kinds, profusion)


def _share(box: Box, share: float, random: np.random.Generator) -> Box:
    """A part of a box: fewer opacities at the same density; the whole box from a share of 0.8 on."""
    x, y, width, height = box
    side = min(1.0, (share + 0.2) ** 0.5)
    left, top = random.uniform(0, 1 - side, 2) if side < 1 else (0.0, 0.0)
    return x + left * width, y + top * height, side * width, side * height


def _shown(
    pixels: np.ndarray, layer: np.ndarray, what: str, box: Box, mm_per_px: float, random: np.random.Generator
) -> np.ndarray:
    """The radiograph brighter by a layer of path lengths."""
    blurred = cv2.GaussianBlur(layer, (0, 0), max(random.uniform(*_BLUR_MM) / mm_per_px, 0.2))
    layer = blurred + random.uniform(*_DETAIL) * (blurred - cv2.GaussianBlur(blurred, (0, 0), _DETAIL_MM / mm_per_px))
    present = layer[blurred > 0.05 * blurred.max()]
    if not len(present):
        return pixels
    low, high = np.log(_CONTRAST[what])
    height = np.exp(random.uniform(low, high)) * _texture(pixels, box, _TEXTURE_MM[what] / mm_per_px)
    room = np.clip((1.0 - pixels) / (1.0 - _WHITE_FROM), 0, 1)
    return np.clip(pixels + room * layer * (height / np.percentile(present, _BRIGHTEST)), 0, 1).astype(np.float32)


def _texture(pixels: np.ndarray, box: Box, scale_px: float) -> float:
    """Standard deviation of what is finer than a scale, in a box."""
    x, y, width, height = (int(side) for side in box)
    part = pixels[max(y, 0) : y + height, max(x, 0) : x + width]
    fine = part - cv2.GaussianBlur(part, (0, 0), scale_px)
    return max(float(fine.std()), _LEAST_TEXTURE)
