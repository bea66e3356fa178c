"""A fingerprint of how a whole radiograph looks, which survives another file format, size, grey scale or compression.

A difference hash: the radiograph is averaged down; a bit says of each pixel whether its right neighbour is brighter.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

_ROWS = 16  # by as many neighbours in a row: 256 bits
_ENOUGH_PX = 256  # of the shorter side: of a larger radiograph every second, third, … pixel is looked at
_LEVELS = 255  # differences of less than a shade of 255 are noise and give 0
# Measured on adult and children's radiographs: other patients differ in 17 bits at least, mostly in 74 to 83; a copy,
# but for one of 300, in at most 12 when it was compressed hard, halved, blurred, made noisy or of another contrast.
_DIFFERENT_BITS = 12
_BLOCK = 2048


def look_of(pixels: np.ndarray) -> str:
    """64 hexadecimal digits for a radiograph [height, width] of any number type."""
    step = max(1, min(pixels.shape) // _ENOUGH_PX)
    cells = _cell_means(pixels[::step, ::step])
    low, high = float(cells.min()), float(cells.max())
    shades = np.rint((cells - low) * (_LEVELS / max(high - low, 1e-9)))
    return np.packbits(np.diff(shades, axis=1) > 0).tobytes().hex()


def _cell_means(pixels: np.ndarray) -> np.ndarray:
    """float64 [16, 17] over a grid of whole pixels; in a picture with fewer pixels than that some repeat."""
    tops, lefts = (np.arange(n) * length // n for n, length in zip((_ROWS, _ROWS + 1), pixels.shape, strict=True))
    kind = np.float64 if pixels.dtype.kind == "f" else np.int64
    sums = np.add.reduceat(np.add.reduceat(pixels, tops, axis=0, dtype=kind), lefts, axis=1)
    heights, widths = (
        np.maximum(np.diff(edges, append=length), 1) for edges, length in zip((tops, lefts), pixels.shape, strict=True)
    )
    return sums / np.outer(heights, widths)


def alike(looks: Sequence[str], others: Sequence[str]) -> list[tuple[int, int]]:
    """Pairs (of looks, of others) that are of one picture, by few different bits."""
    first, second = _signs(looks), _signs(others)
    least = first.shape[1] - 2 * _DIFFERENT_BITS
    pairs = []
    for start in range(0, len(first), _BLOCK):
        found = np.nonzero(first[start : start + _BLOCK] @ second.T >= least)
        pairs += [(start + int(i), int(j)) for i, j in zip(*found, strict=True)]
    return pairs


def _signs(looks: Sequence[str]) -> np.ndarray:
    """±1 float32 [looks, 256]."""
    bits = np.frombuffer(bytes.fromhex("".join(looks)), dtype=np.uint8).reshape(len(looks), -1)
    return 2 * np.unpackbits(bits, axis=1).astype(np.float32) - 1
