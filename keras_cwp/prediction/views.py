"""Views of crops by NumPy: the same numbers as augment/tta.py gives, for processes without TensorFlow.

A view is a fixed transformation, so that its matrix, which TensorFlow draws, is all that has to be kept.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

# View → crop, 3 × 3 row by row, homogeneous, in pixels; of every view but the first, which is the crop's centre.
Matrices = list[list[list[float]]]

_FEW = 4  # crops whose views are asked about together: a network takes less than eight times as long for eight images


def mean_of_views(
    ask: Callable[[np.ndarray], np.ndarray], crops: np.ndarray, matrices: Matrices, image_size: int, margin: int
) -> np.ndarray:
    """Probabilities averaged over the central view and one view for each matrix.

    Args:
        ask: float32 [B, image_size, image_size, 1] → probabilities [B, classes].
        crops: float32 [B, image_size + 2 margin, …, 1].

    Returns:
        float64 [B, classes].
    """
    inner = slice(margin, margin + image_size)
    views = (view(crops, np.array(matrix, np.float32), image_size) for matrix in matrices)
    if len(crops) <= _FEW:
        answers = ask(np.concatenate([crops[:, inner, inner], *views]))
        return np.asarray(answers.reshape(1 + len(matrices), len(crops), -1).mean(axis=0))
    total = ask(crops[:, inner, inner])
    for each in views:
        total = total + ask(each)
    return total / (1 + len(matrices))


def view(crops: np.ndarray, matrix: np.ndarray, side: int) -> np.ndarray:
    """One bilinear resampling; beyond the crop's border it is mirrored about the outer edge.

    Args:
        crops: float32 [B, height, width, 1].
        matrix: float32 [3, 3].

    Returns:
        float32 [B, side, side, 1].
    """
    across = np.arange(side, dtype=np.float32)
    rows = [row[0] * across[None, :] + row[1] * across[:, None] + row[2] for row in matrix]
    x, y = rows[0] / rows[2], rows[1] / rows[2]
    height, width = crops.shape[1:3]
    pixels = crops.reshape(len(crops), height * width)
    total = np.zeros((len(crops), side, side), np.float32)
    for row, down in _taps(y, height):
        for column, weight in _taps(x, width):
            total += pixels[:, row * width + column] * (down * weight)
    return total[..., None]


def _taps(place: np.ndarray, size: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """The two neighbours along one axis: index and weight."""
    below = np.floor(place)
    part = place - below
    return [(_mirrored(below, size), 1 - part), (_mirrored(below + 1, size), part)]


def _mirrored(place: np.ndarray, size: int) -> np.ndarray:
    index = np.mod(place.astype(np.int64), 2 * size)
    return np.minimum(index, 2 * size - 1 - index)
