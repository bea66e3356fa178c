"""What a metric is to the resampling code: a function of how often each row counts.

All resamples are computed side by side, as columns, so that a bootstrap of every figure is a handful of array
operations and no loop over resamples.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

Key = tuple[str, ...]
"""A figure's place in metrics.json: ("auc", "per_class", "normal")."""

Statistic = Callable[[np.ndarray], dict[Key, np.ndarray]]
"""weights float64 [rows, resamples] -> each figure float64 [resamples]; NaN where it is undefined."""


def ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """Element-wise quotient, NaN where the denominator is zero."""
    numerator, denominator = np.broadcast_arrays(numerator, denominator)
    empty = np.full(numerator.shape, np.nan)
    return np.divide(numerator, denominator, out=empty, where=denominator != 0)


def joined(*statistics: Statistic) -> Statistic:
    """All figures of several statistics of the same rows."""

    def statistic(weights: np.ndarray) -> dict[Key, np.ndarray]:
        return {key: value for part in statistics for key, value in part(weights).items()}

    return statistic


def on_table(statistic: Statistic, rows: int) -> dict[Key, float]:
    """The figures of the table itself: every row counts once."""
    return {key: float(value[0]) for key, value in statistic(np.ones((rows, 1))).items()}


def nested(figures: Mapping[Key, Any]) -> dict[str, Any]:
    """("auc", "macro") becomes ["auc"]["macro"]."""
    tree: dict[str, Any] = {}
    for key, value in figures.items():
        branch = tree
        for name in key[:-1]:
            branch = branch.setdefault(name, {})
        branch[key[-1]] = value
    return tree
