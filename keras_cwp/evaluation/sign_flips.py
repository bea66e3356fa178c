"""Is a sum over patients larger than with random signs of the patients? For sums whose mean is zero if all is well."""

from __future__ import annotations

import numpy as np

# With 15 patients calibrated models of AUC .98 are rejected in .09 to .12 (scripts/bench_inference.py).
FEWEST_PATIENTS = 20
NEEDS_PATIENTS = f"needs {FEWEST_PATIENTS} patients"
_DRAWN, _BLOCK = 2000, 200  # sign patterns, and how many at once


def sign_flip_share(sums: np.ndarray) -> float:
    """Share of sign patterns whose total is at least as long as the total observed, which counts as one of them.

    Args:
        sums: float [patients, parts], in units in which the parts of a total are comparable.
    """
    seen = float((sums.sum(axis=0) ** 2).sum()) * (1 - 1e-9)  # totals that differ by rounding are equal
    rng, beyond = np.random.default_rng(len(sums)), 0
    for _ in range(_DRAWN // _BLOCK):
        signs = rng.integers(0, 2, size=(_BLOCK, len(sums))) * 2.0 - 1
        beyond += int((((signs @ sums) ** 2).sum(axis=1) >= seen).sum())
    return (1 + beyond) / (1 + _DRAWN)
