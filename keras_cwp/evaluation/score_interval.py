"""95 % intervals of proportions and AUCs from their clustered variance: one rule, at 1 and 0 too.

Wilson's interval of a proportion and Newcombe's of an AUC share one idea: a limit is the value whose own variance puts
it a quantile's number of standard errors from the value observed. Both take every case for independent. Here the
variance is multiplied by a design ratio: the clustered variance observed, over that of independent patients. Where few
patients are out of order the ratio is known badly and is drawn towards what is expected; where none is, at a perfect
result, it is that. So a perfect result and a nearly perfect one have nearly the same interval. Expected is 1, each
patient counting as one case. A mean of the AUCs of k classes has more: a pair of ROIs of two classes counts in the AUCs
of both, so two AUCs share 1 / (k - 1) of their pairs, and the variance is 1 + (k - 1) / (k - 1) = 2 times that of
independent AUCs. It has less where a patient has m ROIs: if these are half alike, (m + 1) / 2m. Together 1 + 1 / m is
expected of it. The quantile is of t; where few patients make up the variance of an AUC, it has few degrees of freedom
(`Estimate.settled`).

References: Wilson, Journal of the American Statistical Association 22 (1927) 209-212; Newcombe, Statistics in Medicine
25 (2006) 559-573, method 5; Rao and Scott, Biometrics 48 (1992) 577-585. Coverage: scripts/bench_inference.py.
"""

from __future__ import annotations

import numpy as np
from scipy import special
from scipy.optimize import brentq

from keras_cwp.evaluation.estimates import Estimate, proportion_of

LEVEL = 0.95
SCORE_METHOD = "score interval, variance clustered by patient, t quantile"
FEW_PATIENTS = "needs two patients with ROIs of the class and two with others"
_PRIOR = 0.5  # patients that the expected ratio is worth; 0 covers too rarely at AUC .98, 1 too often (bench_inference)
_EDGE = 1e-13  # limits are sought between here and the value observed


def score_limits(estimate: Estimate, level: float = LEVEL) -> tuple[float, float] | None:
    """The interval of an estimate; None where an arm has one patient only and so shows no variance."""
    if estimate.freedom < 1:
        return None
    informing = _informing(estimate)
    # The variance of a share follows from its value. That of an AUC is estimated, and few patients may make it up.
    freedom = min(estimate.freedom, estimate.settled()) if _of_areas(estimate) else estimate.freedom
    quantile = towards(t_quantile(freedom, level), t_quantile(np.inf, level), informing)
    return _limits(estimate.value, estimate.cases, quantile**2 * design(estimate))


def design(estimate: Estimate) -> float:
    """The design ratio: clustered variance over that of independent patients, as expected where few patients inform."""
    informing = _informing(estimate)
    expected = 1 + 1 / estimate.rows if _of_areas(estimate) and len(estimate.cases) > 1 else 1.0
    observed = estimate.variance() / reference_variance(estimate.value, estimate.cases) if informing else expected
    return towards(observed, expected, informing)


def _of_areas(estimate: Estimate) -> bool:
    return any(len(own) == 2 for own in estimate.cases)


def _informing(estimate: Estimate) -> float:
    """One patient out of order in an arm shows that there are such patients, and nothing of how they scatter."""
    return max(estimate.informing() - 1, 0.0) if 0 < estimate.value < 1 else 0.0


def newcombe_auc(area: float, positives: float, negatives: float) -> tuple[float, float]:
    """Newcombe's interval of an AUC of independent cases, defined at 0 and 1 too.

    Args:
        area: observed, in [0, 1].
        positives, negatives: independent cases, at least one each; may be effective, fractional numbers.
    """
    return _limits(area, ((positives, negatives),), t_quantile(np.inf) ** 2)


def wilson(successes: float, trials: float) -> tuple[float, float]:
    """Wilson's interval of a proportion of independent trials; trials may be an effective, fractional number."""
    z2 = t_quantile(np.inf) ** 2
    share = successes / trials
    middle = (share + z2 / (2 * trials)) / (1 + z2 / trials)
    half = np.sqrt(z2 * (share * (1 - share) / trials + z2 / (4 * trials**2))) / (1 + z2 / trials)
    return float(max(middle - half, 0.0)), float(min(middle + half, 1.0))


def clustered_proportion(success: np.ndarray, patients: np.ndarray) -> tuple[float, float] | None:
    """The interval of a share of rows, given how alike a patient's rows are; one patient counts as one trial.

    Args:
        success: bool [rows], the rows that the proportion is of.
        patients: str or int [rows].

    Returns:
        None for no rows.
    """
    names, patient = np.unique(patients, return_inverse=True)
    estimate = proportion_of(success, patient, len(names))
    if estimate is None:
        return None
    return score_limits(estimate) or wilson(estimate.value, 1)


def _limits(value: float, cases: tuple[tuple[float, ...], ...], squared_quantile: float) -> tuple[float, float]:
    def excess(limit: float) -> float:
        return (limit - value) ** 2 - squared_quantile * reference_variance(limit, cases)

    lower, upper = 0.0, 1.0
    if value > _EDGE and excess(_EDGE) > 0:
        lower = brentq(excess, _EDGE, value * (1 - _EDGE))
    if value < 1 - _EDGE and excess(1 - _EDGE) > 0:
        upper = brentq(excess, value + (1 - value) * _EDGE, 1 - _EDGE)
    return float(lower), float(upper)


def reference_variance(value: float, cases: tuple[tuple[float, ...], ...]) -> float:
    """Variance of a mean of figures at a value, each patient being a case and the figures independent.

    Args:
        cases: of each figure, patients with the class and without (an AUC), or patients (a proportion).
    """
    return sum(_of_auc(value, *own) if len(own) == 2 else _of_share(value, *own) for own in cases) / len(cases) ** 2


def _of_auc(value: float, positives: float, negatives: float) -> float:
    """Hanley and McNeil's variance by the exponential model, sizes averaged as Newcombe does."""
    size = (positives + negatives) / 2 - 1
    shape = 1 + size * ((1 - value) / (2 - value) + value / (1 + value))
    return value * (1 - value) * shape / (positives * negatives)


def _of_share(value: float, trials: float) -> float:
    return value * (1 - value) / trials


def towards(observed: float, prior: float, informing: float) -> float:
    """What was observed, drawn towards what is expected where few patients inform."""
    return (informing * observed + _PRIOR * prior) / (informing + _PRIOR)


def t_quantile(freedom: float, level: float = LEVEL) -> float:
    """Upper two-sided quantile of t; that of the normal distribution for infinite degrees of freedom."""
    return float(special.stdtrit(freedom, (1 + level) / 2) if np.isfinite(freedom) else special.ndtri((1 + level) / 2))
