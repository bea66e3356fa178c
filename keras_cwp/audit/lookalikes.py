"""Crops and whole radiographs that look the same."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from keras_cwp.data.prepared import PreparedData

_SIDE = 33  # thumbnail; neighbours are compared, which gives 32 × 32 bits
_DIFFERENT_BITS = 0.14  # share of the 1,024 bits; unrelated radiographs differ in about a third
_CORRELATION = 0.985  # of the thumbnails; needed besides, for flat pictures have bits of noise
# Measured on adult and children's radiographs: other patients differ in 17 bits at least, mostly in 74 to 83; a copy,
# but for one of 300, in at most 12 when it was compressed hard, halved, blurred, made noisy or of another contrast.
_DIFFERENT_LOOK_BITS = 12  # of the 256 of `fingerprints.look_of`
_BATCH = 256
_BLOCK = 2048


def thumbnails(data: PreparedData) -> np.ndarray:
    """The ROI itself of each crop, without its margin: float32 [rois, 33, 33] in [0, 1]."""
    inner = slice(data.margin, data.margin + data.image_size)
    white = np.float32(np.iinfo(data.dtype).max)
    small = np.empty((len(data), _SIDE, _SIDE), dtype=np.float32)
    for start in range(0, len(data), _BATCH):
        crops = data.read(np.arange(start, min(start + _BATCH, len(data))))[:, inner, inner]
        for row, crop in enumerate(crops, start=start):
            small[row] = cv2.resize(crop.astype(np.float32) / white, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
    return small


def near_duplicates(images: np.ndarray, others: np.ndarray | None = None) -> list[tuple[int, int]]:
    """Pairs of look-alikes: gradient signs that mostly agree (a perceptual difference hash) and shades that correlate.

    Args:
        images: thumbnails [n, 33, 33].
        others: thumbnails [m, 33, 33] to compare with; None for pairs within `images`, first < second.
    """
    signs, shades = _signs(images), _standardised(images)
    other_signs, other_shades = (signs, shades) if others is None else (_signs(others), _standardised(others))
    agreement = signs.shape[1] * (1 - 2 * _DIFFERENT_BITS)
    pairs = []
    for start in range(0, len(signs), _BLOCK):
        agreeing = signs[start : start + _BLOCK] @ other_signs.T >= agreement
        for first, second in zip(*np.nonzero(agreeing), strict=True):
            first = int(first) + start
            if (others is not None or first < second) and shades[first] @ other_shades[second] >= _CORRELATION:
                pairs.append((first, int(second)))
    return pairs


def _signs(images: np.ndarray) -> np.ndarray:
    """±1 float32 [n, 1024]: whether each pixel is brighter than its right neighbour."""
    return np.where(np.diff(images[:, :-1], axis=2) > 0, 1, -1).astype(np.float32).reshape(len(images), -1)


def _standardised(images: np.ndarray) -> np.ndarray:
    flat = images.reshape(len(images), -1)
    flat = flat - flat.mean(axis=1, keepdims=True)
    return flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-6)


def alike(looks: Sequence[str], others: Sequence[str]) -> list[tuple[int, int]]:
    """Pairs (of looks, of others) that are of one picture, by few different bits."""
    first, second = _look_signs(looks), _look_signs(others)
    least = first.shape[1] - 2 * _DIFFERENT_LOOK_BITS
    pairs = []
    for start in range(0, len(first), _BLOCK):
        found = np.nonzero(first[start : start + _BLOCK] @ second.T >= least)
        pairs += [(start + int(i), int(j)) for i, j in zip(*found, strict=True)]
    return pairs


def _look_signs(looks: Sequence[str]) -> np.ndarray:
    """±1 float32 [looks, 256]."""
    bits = np.frombuffer(bytes.fromhex("".join(looks)), dtype=np.uint8).reshape(len(looks), -1)
    return 2 * np.unpackbits(bits, axis=1).astype(np.float32) - 1
