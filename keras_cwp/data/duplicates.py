"""Crops that are the same, or look the same."""

from __future__ import annotations

import hashlib

import cv2
import numpy as np

from keras_cwp.data.manifest import PreparedData

FLAT = "flat "  # begins the digest of a crop of one shade
_SIDE = 33  # thumbnail; neighbours are compared, which gives 32 × 32 bits
_DIFFERENT_BITS = 0.14  # share of the 1,024 bits; unrelated radiographs differ in about a third
_CORRELATION = 0.985  # of the thumbnails; needed besides, for flat pictures have bits of noise
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


def crop_digests(data: PreparedData) -> list[str]:
    """`crop_digest` of each ROI."""
    digests = []
    for start in range(0, len(data), _BATCH):
        crops = data.read(np.arange(start, min(start + _BATCH, len(data))))
        digests += [crop_digest(crop, data.margin, row) for row, crop in enumerate(crops, start=start)]
    return digests


def crop_digest(crop: np.ndarray, margin: int, row: int) -> str:
    """A hash of a ROI's own pixels; a crop of one shade gets a hash of its row, for it says nothing."""
    own = crop[margin : len(crop) - margin, margin : len(crop) - margin]
    return f"{FLAT}{row}" if own.min() == own.max() else hashlib.sha256(own.tobytes()).hexdigest()


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
