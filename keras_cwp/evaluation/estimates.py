"""Proportions and AUCs, means of them and differences between them, with the variance that their patients give them.

A figure is a sum over patients. Its rows stand in arms: an AUC has two, the rows of the class and the other rows; a
proportion has one. Rows of a patient are added up, because they are alike. Each arm is corrected for its own number of
patients: a class of three patients is known no better when there are a hundred patients without it.

References: DeLong, DeLong and Clarke-Pearson, Biometrics 44 (1988) 837-845; Sun and Xu, IEEE Signal Processing Letters
21 (2014) 1389-1393 (fast form); Obuchowski, Biometrics 53 (1997) 567-578 (clustered form); Rao and Scott, Biometrics
48 (1992) 577-585 (clustered proportions).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Estimate:
    """A proportion, an AUC, or a mean of either.

    Args:
        value: in [0, 1].
        arms: float [arms, patients]; what each patient's rows in each arm add to the figure. An arm sums to 0.
        sizes: int [arms]; patients with rows in the arm.
        means: int [arms]; means that were subtracted from the arm, one a fold. sizes - means: degrees of freedom.
        cases: of each figure that this one is the mean of, the number of patients in each of its arms.
        rows: of a patient, on average.
    """

    value: float
    arms: np.ndarray
    sizes: np.ndarray
    means: np.ndarray
    cases: tuple[tuple[int, ...], ...]
    rows: float = 1.0

    @property
    def freedom(self) -> int:
        """Degrees of freedom of the arm that has the fewest."""
        return int((self.sizes - self.means).min())

    def variance(self) -> float:
        """Variance over patients; NaN where an arm has no degree of freedom."""
        return variance(self.arms, self.sizes, self.means)

    def settled(self) -> float:
        """Degrees of freedom of the variance of the arm whose variance is known worst; see `settled`."""
        return float(min(settled(arm**2, size) for arm, size in zip(self.arms, self.sizes, strict=True)))

    def informing(self) -> float:
        """How many patients the variance rests on, in the arm with the fewest; 0 where no patient is out of order.

        Kish's effective number of squared contributions: one swapped pair gives 1 however many patients there are.
        """
        squares = self.arms**2
        sums, fourth = squares.sum(axis=1), (squares**2).sum(axis=1)
        effective = np.divide(sums**2, fourth, out=np.zeros_like(sums), where=fourth > 0)
        return float(np.min(effective * ((self.sizes - 1) / self.sizes) ** 2))  # less what the mean took away


def placements(positive: np.ndarray, score: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of each positive the share of negatives below it, of each negative the share of positives above it.

    Both come from sorted searches in O(n log n), not from all pairs.

    Args:
        positive: bool [n], with at least one True and one False.
        score: float [n]; a tie counts one half.

    Returns:
        float [positives], float [negatives], in row order. The mean of either is the AUC.
    """
    hits, rest = score[positive], score[~positive]
    below = _share_below(hits, np.sort(rest))
    above = 1 - _share_below(rest, np.sort(hits))
    return below, above


def area_of(positive: np.ndarray, score: np.ndarray, patient: np.ndarray, patients: int) -> Estimate | None:
    """The AUC of a binary question; None where there is no positive or no negative.

    Args:
        positive: bool [n].
        score: float [n].
        patient: int [n], 0 to patients - 1.
    """
    if not 0 < np.count_nonzero(positive) < len(positive):
        return None
    parts = placements(positive, score)
    arms = [_arm(own, patient[rows], patients) for rows, own in zip((positive, ~positive), parts, strict=True)]
    sizes = [len(np.unique(patient[rows])) for rows in (positive, ~positive)]
    means, rows = np.ones(2, dtype=int), len(patient) / len(np.unique(patient))
    return Estimate(float(parts[0].mean()), np.stack(arms), np.array(sizes), means, (tuple(sizes),), rows)


def proportion_of(success: np.ndarray, patient: np.ndarray, patients: int) -> Estimate | None:
    """The share of rows that succeeded; None for no rows.

    Args:
        success: bool [n].
        patient: int [n], 0 to patients - 1.
    """
    if not len(success):
        return None
    size = len(np.unique(patient))
    arm = _arm(success.astype(float), patient, patients)
    return Estimate(float(success.mean()), arm[None], np.array([size]), np.ones(1, dtype=int), ((size,),))


def mean_estimate(parts: Sequence[Estimate]) -> Estimate:
    """The mean of estimates of the same patients (classes against the rest, pairs of classes)."""
    share = 1 / len(parts)
    return Estimate(
        share * sum(part.value for part in parts),
        share * np.concatenate([part.arms for part in parts]),
        np.concatenate([part.sizes for part in parts]),
        np.concatenate([part.means for part in parts]),
        tuple(case for part in parts for case in part.cases),
        share * sum(part.rows for part in parts),
    )


def mean_over_folds(parts: Sequence[Estimate], repeats: int = 1) -> Estimate:
    """The mean of the same figure in several folds; an arm's patients count together.

    Args:
        parts: estimates with the same arms in the same order, a fold each.
        repeats: how often cross-validation was repeated, so that a patient counts once.
    """
    share = 1 / len(parts)
    cases = [np.sum([part.cases[k] for part in parts], axis=0) for k in range(len(parts[0].cases))]
    return Estimate(
        share * sum(part.value for part in parts),
        share * np.sum([part.arms for part in parts], axis=0),
        np.sum([part.sizes for part in parts], axis=0) // repeats,
        np.maximum(np.sum([part.means for part in parts], axis=0) // repeats, 1),
        tuple(tuple((own // repeats).tolist()) for own in cases),
        share * sum(part.rows for part in parts),
    )


def variance(arms: np.ndarray, sizes: np.ndarray, means: np.ndarray) -> float:
    """Variance of a sum of contributions, patients being independent.

    An arm's own part is multiplied by patients / (patients - means), what two arms share in a patient by the same of
    all patients. For one AUC this is Obuchowski's formula.

    Args:
        arms: float [arms, patients].
        sizes, means: int [arms].

    Returns:
        NaN where there is one patient, or an arm has no more patients than means.
    """
    patients = arms.shape[1]
    if patients < 2 or (sizes <= means).any():
        return float("nan")
    together = patients / (patients - 1)
    own = sizes / (sizes - means) - together
    return float(together * (arms.sum(axis=0) ** 2).sum() + (own * (arms**2).sum(axis=1)).sum())


def freedom(arms: np.ndarray, sizes: np.ndarray, means: np.ndarray) -> float:
    """Degrees of freedom of `variance` by Satterthwaite: each arm's, weighted by its share; at least 1."""
    left = sizes - means
    own = (arms**2).sum(axis=1) * sizes / left
    total = own.sum()
    return max(float(total**2 / (own**2 / left).sum()), 1.0) if total > 0 else 1.0


def settled(squares: np.ndarray, patients: int) -> float:
    """Degrees of freedom of a variance that is a sum of squares, by their scatter; at least 1.

    Normal contributions of n patients give about n. Where a few patients make up the sum, their squares scatter more,
    and the variance is known as badly as from a few normal ones: a t quantile with these degrees of freedom is wider.

    Args:
        squares: float [patients]; 0 where a patient contributes nothing.
        patients: how many could contribute.

    Reference: Satterthwaite, Biometrics Bulletin 2 (1946) 110-114, with the variance of squares from fourth moments.
    """
    total = float(squares.sum())
    scatter = float((squares**2).sum()) / total**2 - 1 / patients if total > 0 else 0.0
    return max(2 / scatter, 1.0) if scatter > 0 else float("inf")


def _arm(values: np.ndarray, patient: np.ndarray, patients: int) -> np.ndarray:
    return np.bincount(patient, weights=values - values.mean(), minlength=patients) / len(values)


def _share_below(score: np.ndarray, others: np.ndarray) -> np.ndarray:
    below = np.searchsorted(others, score, side="left")
    below_or_tied = np.searchsorted(others, score, side="right")
    return (below + below_or_tied) / (2 * len(others))
