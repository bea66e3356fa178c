"""Sign-flip tests: the exact answer to "could these patients have favoured either model alike?".

Each patient favours one of two models by an amount. Where the models are equally good, each amount could as well have
had the other sign. The p value is the share of sign patterns whose sum is at least as far from zero as the one seen: it
never falls below what so few patients allow, 2 / 2 ** patients.

References: Fisher, The Design of Experiments (1935), chapter 3; Bandos, Rockette and Gur, Statistics in Medicine 24
(2005) 2873-2893 (AUCs of paired readings).
"""

from __future__ import annotations

import numpy as np
from scipy import special, stats

from keras_cwp.evaluation.estimates import placements

MOST_EXACT = 16  # patients whose sign patterns are all tried: 65,536
_LARGEST = 12  # of more patients, those with the largest amounts whose patterns are all tried
_ROUNDING = 1e-12  # sums that differ by less are equal
# With 15 patients calibrated models of AUC .98 are rejected in .09 to .12 (scripts/bench_inference.py).
FEWEST_PATIENTS = 20
NEEDS_PATIENTS = f"needs {FEWEST_PATIENTS} patients"
_DRAWN, _BLOCK = 2000, 200  # sign patterns of several sums at once: how many, and how many together


def sign_flip_p(amounts: np.ndarray) -> float:
    """Two-sided p value of a sum of patients' amounts; 1 where no patient favours either model.

    Up to 16 patients it is exact. Of more, all patterns of the 12 largest amounts are tried, and the sum of the others
    is normal: each of them is small beside the rest.

    Args:
        amounts: float [patients]; what each patient adds to the difference.
    """
    moved = amounts[np.abs(amounts) > _ROUNDING]
    if not len(moved):
        return 1.0
    seen = abs(float(moved.sum())) - _ROUNDING * len(moved)
    if len(moved) <= MOST_EXACT:
        return float((np.abs(sign_patterns(len(moved)) @ moved) >= seen).mean())
    order = np.argsort(-np.abs(moved))
    sums = sign_patterns(_LARGEST) @ moved[order[:_LARGEST]]
    spread = float(np.sqrt((moved[order[_LARGEST:]] ** 2).sum()))
    beyond = special.ndtr((sums - seen) / spread) + special.ndtr((-sums - seen) / spread)
    return float(max(min(beyond.mean(), 1.0), 2.0 ** (1 - min(len(moved), 1000))))


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


def sign_patterns(patients: int) -> np.ndarray:
    """float [2 ** patients, patients] of 1 and -1, each pattern once."""
    return 1.0 - 2 * (np.arange(2**patients)[:, None] >> np.arange(patients) & 1)


def auc_amounts(
    positive: np.ndarray, first: np.ndarray, second: np.ndarray, patient: np.ndarray, patients: int
) -> np.ndarray:
    """What each patient adds to the difference of two AUCs; the sum is the difference of the AUCs.

    Exchanging a patient's scores of both models turns the sign of the amount. Both models' scores are ranked first, so
    that the exchange does not depend on how sure of itself a model is.

    Args:
        positive: bool [rows], with at least one True and one False.
        first, second: float [rows], the scores of the two models.
        patient: int [rows], 0 to patients - 1.

    Returns:
        float [patients].
    """
    ranks = [stats.rankdata(score) for score in (first, second)]
    amounts = np.zeros(patients)
    for other in ranks:  # against the other arm's scores by either model
        parts = [_against(positive, own, other) for own in ranks]
        for rows, a, b in zip((positive, ~positive), *parts, strict=True):
            amounts += np.bincount(patient[rows], weights=(a - b) / (2 * rows.sum()), minlength=patients)
    return amounts


def _against(positive: np.ndarray, own: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Placements of each row by `own` score, the opposite arm being scored by `other`."""
    of_hits, _ = placements(positive, np.where(positive, own, other))
    _, of_rest = placements(positive, np.where(positive, other, own))
    return of_hits, of_rest
