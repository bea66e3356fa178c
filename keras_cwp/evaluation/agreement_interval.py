"""95 % intervals of agreement beyond chance: one rule, without exceptions to the agreement and with a few.

As `score_interval` does for shares: a limit is the value whose own variance puts it a quantile's number of standard
errors from the value observed. The variance of a kappa of independent patients is that of the share of agreement,
divided by the square of what chance leaves. It is multiplied by a design ratio, the jackknife's variance over patients
over that of independent ones. Where few patients disagree, ratio and quantile are known badly and are drawn towards 1
and the normal one; where none does, that is what they are. An interval around Fisher's z from the same variance had a
lower limit of .27 for one exception in 40 ROIs, and none without an exception.

Weighted kappas and Krippendorff's alphas use chance agreement without weights, as if disagreements were as far apart
as chance makes them. Coverage: scripts/bench_inference_readers.py.

References: Donner and Eliasziw, Statistics in Medicine 11 (1992) 1511-1519 (limits from the variance at the limit);
Rao and Scott, Biometrics 48 (1992) 577-585 (design ratio).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.optimize import brentq

from keras_cwp.evaluation.score_interval import t_quantile, towards

_EDGE = 1e-12


def chance_of(first: np.ndarray, second: np.ndarray) -> float:
    """Share of agreement that chance gives, by how often each side names each class.

    Args:
        first, second: int [labels], index of a class; at least one each. The two may have different lengths.
    """
    classes = int(max(first.max(), second.max())) + 1
    shares = (np.bincount(side, minlength=classes) / len(side) for side in (first, second))
    return float(np.prod(list(shares), axis=0).sum())


def agreement_limits(
    value: float, variance: float, chance: float, patients: int, informing: float, freedom: float
) -> tuple[float, float] | None:
    """The interval of a kappa or an alpha.

    Args:
        value: up to 1.
        variance: over patients, from leaving each out.
        chance: agreement that chance gives, below 1.
        patients: how many there are.
        informing: how many patients the variance rests on.
        freedom: degrees of freedom of the variance.

    Returns:
        None where chance leaves nothing, or for a value below that of readers who agree on no ROI at all.
    """
    if chance >= 1 - _EDGE:
        return None
    lowest = -chance / (1 - chance)  # where no ROI is agreed on
    if not lowest + _EDGE < value:
        return None
    more = max(informing - 1, 0.0)
    design = 1.0
    if value < 1 - _EDGE:
        design = towards(variance / _independent(value, chance, patients), 1.0, more)
    quantile = towards(t_quantile(freedom), t_quantile(np.inf), more)

    def excess(limit: float) -> float:
        return (limit - value) ** 2 - quantile**2 * design * _independent(limit, chance, patients)

    return _root(excess, lowest, value), _root(excess, 1.0, value)


def _independent(value: float, chance: float, patients: int) -> float:
    """Variance of a kappa of patients with one ROI each, chance being known."""
    share = chance + value * (1 - chance)
    return share * (1 - share) / patients / (1 - chance) ** 2


def _root(excess: Callable[[float], float], end: float, value: float) -> float:
    """Where the excess changes its sign between a value, where it is below 0, and an end; the end where it does not."""
    if abs(end - value) < _EDGE:
        return float(end)
    inside = value + (end - value) * 1e-9
    return float(brentq(excess, *sorted((inside, end)))) if excess(end) > 0 > excess(inside) else float(end)
