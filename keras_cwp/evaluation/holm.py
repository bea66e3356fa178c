"""Correction of p values for their number."""

from __future__ import annotations

import numpy as np


def holm(p: np.ndarray) -> np.ndarray:
    """p values corrected for their number by Holm's step-down rule; NaN stays and does not count.

    Reference: Holm, Scandinavian Journal of Statistics 6 (1979) 65-70.
    """
    corrected = np.full(len(p), np.nan)
    known = np.flatnonzero(~np.isnan(p))
    order = known[np.argsort(p[known], kind="stable")]
    factors = len(known) - np.arange(len(known))
    corrected[order] = np.minimum(np.maximum.accumulate(p[order] * factors), 1.0)
    return corrected
