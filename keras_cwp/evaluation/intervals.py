"""95 % intervals over patients of the metrics of a table, each as metrics.json keeps it.

A metric whose variance is known (AUCs, accuracy, recalls) has the interval of score_interval.py; the others have a t
interval from leaving out each patient, on a scale without bounds. Resamples of patients are there as an alternative; in
simulation (scripts/bench_inference.py) their intervals of few patients hold the truth less often.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypedDict

import numpy as np
from scipy import special, stats
from typing_extensions import NotRequired

from keras_cwp.config import EvaluateConfig
from keras_cwp.evaluation.agreement_interval import agreement_limits
from keras_cwp.evaluation.estimates import Estimate
from keras_cwp.evaluation.metric_table import METRICS
from keras_cwp.evaluation.resampling import LeftOut, Resampled, leave_out, resample
from keras_cwp.evaluation.score_interval import FEW_PATIENTS, LEVEL, score_limits
from keras_cwp.evaluation.statistic import Key, Statistic, joined, on_table

MOST_UNDEFINED = 0.05  # share of resamples in which a metric may be undefined before its interval is withheld
ONE_PATIENT = "one patient only: nothing to compare with"
_UNVARIED = 1e-12
Limits = tuple[float, float]


class Figure(TypedDict):
    """A metric as metrics.json keeps it.

    Keys:
        value: None where the metric is undefined.
        ci95: lower and upper limit of the 95 % interval over patients; None where there is none.
        reason: why value or ci95 is None, or what is unusual about the interval.
        at_least: the lower limit of a 95 % interval that has no upper one; value and ci95 are None then.
    """

    value: float | None
    ci95: list[float] | None
    reason: NotRequired[str]
    at_least: NotRequired[float]


@dataclass(frozen=True, eq=False)
class Measured:
    """Metrics of a table, with all that their intervals need.

    A new metric is a line in its family's statistic; the rest is needed where resamples of all patients do not do.

    Args:
        patients: str [rows].
        statistic: metrics whose interval comes from resamples.
        exact: metrics whose interval comes from `estimates`, as a function of weights too.
        estimates: those of `exact` that are defined.
        behind: patients that a metric rests on, where they are fewer than all.
        perfect: interval of a metric that no resample varies, by its value.
        why_undefined: metric -> reason.
        few: shares whose variance few patients may make up, as those of losses and agreement always may.
        chance: agreement by chance, without weights, of each metric that is agreement beyond it.
    """

    patients: np.ndarray
    statistic: Statistic
    exact: Statistic | None = None
    estimates: Mapping[Key, Estimate] = field(default_factory=dict)
    behind: Mapping[Key, int] = field(default_factory=dict)
    perfect: Mapping[Key, Callable[[float], Limits | None]] = field(default_factory=dict)
    why_undefined: Callable[[Key], str] = lambda _: "undefined on this table"
    few: Container[Key] = ()
    chance: Mapping[Key, float] = field(default_factory=dict)


def with_intervals(
    table: Measured, config: EvaluateConfig, seed: int, layers: np.ndarray | None = None
) -> dict[Key, Figure]:
    """Every metric of a table with its interval.

    Args:
        config: `interval`: the rule; `bootstraps`: the resamples of the rules that need them.
        seed: of the resamples.
        layers: int [rows]; patients are drawn within these (folds). None: from all.
    """
    if config.interval == "score":
        exact = {} if table.exact is None else on_table(table.exact, len(table.patients))
        found = {
            key: estimated(table.estimates.get(key), value, table.why_undefined(key)) for key, value in exact.items()
        }
        left_out = leave_out(table.statistic, table.patients, layers)
        return found | {key: _of_left_out(table, left_out, key) for key in left_out.table}
    every = table.statistic if table.exact is None else joined(table.exact, table.statistic)
    bca = config.interval == "bca"
    resampled = resample(every, table.patients, layers, resamples=config.bootstraps, seed=seed, jackknife=bca)
    method = config.interval
    return {
        key: figure(resampled, key, method, table.why_undefined(key), table.behind.get(key), table.perfect.get(key))
        for key in resampled.table
    }


def estimated(estimate: Estimate | None, value: float, why_undefined: str) -> Figure:
    """A metric with the interval of its own variance."""
    if np.isnan(value):
        return {"value": None, "ci95": None, "reason": why_undefined}
    if estimate is not None and estimate.arms.shape[1] < 2:
        return {"value": value, "ci95": None, "reason": ONE_PATIENT}
    limits = None if estimate is None else score_limits(estimate)
    if limits is None:
        return {"value": value, "ci95": None, "reason": FEW_PATIENTS}
    return {"value": value, "ci95": list(limits)}


def figure(
    resampled: Resampled,
    key: Key,
    method: Literal["percentile", "bca"],
    why_undefined: str,
    behind: int | None = None,
    perfect: Callable[[float], Limits | None] | None = None,
) -> Figure:
    """A metric with the interval of its resamples.

    Args:
        behind: patients that the metric rests on; None: all.
        perfect: interval of a value that no resample varies.
    """
    value = resampled.table[key]
    if np.isnan(value):
        return {"value": None, "ci95": None, "reason": why_undefined}
    if resampled.patients < 2:
        return {"value": value, "ci95": None, "reason": ONE_PATIENT}
    drawn = resampled.bootstrap[key]
    known = drawn[~np.isnan(drawn)]
    if not len(known) or np.ptp(known) < _UNVARIED:
        limits = perfect(value) if perfect else None
        if limits is None:
            return {"value": value, "ci95": None, "reason": "every resample gives the same value"}
        return {"value": value, "ci95": list(limits)}
    lost = len(drawn) - len(known)
    if lost > MOST_UNDEFINED * len(drawn) or (behind is not None and behind < 2):
        reason = f"undefined in {lost} of {len(drawn)} resamples: too few patients of a class"
        return {"value": value, "ci95": None, "reason": reason}
    if method == "bca":
        return {"value": value, "ci95": list(bca(value, known, resampled.jackknife[key]))}
    return {"value": value, "ci95": list(percentile(known, resampled.patients if behind is None else behind))}


def percentile(bootstrap: np.ndarray, patients: int | None = None) -> Limits:
    """The central 95 % of defined resamples, or somewhat more where few patients were resampled.

    Resamples of n patients spread by the factor sqrt((n - 1) / n) too little, and a normal quantile stands where one of
    t should. Both are made good by taking more extreme percentiles.

    Args:
        patients: how many the metric rests on, at least 2; None: so many that it does not matter.

    Reference: Hesterberg, The American Statistician 69 (2015) 371-386 (expanded percentile interval).
    """
    tail = (1 - LEVEL) / 2
    if patients is not None:
        quantile = stats.t.ppf(1 - tail, patients - 1) * np.sqrt(patients / (patients - 1))
        tail = float(stats.norm.sf(quantile))
    lower, upper = np.quantile(bootstrap[~np.isnan(bootstrap)], [tail, 1 - tail])
    return float(lower), float(upper)


def bca(value: float, bootstrap: np.ndarray, jackknife: np.ndarray) -> Limits:
    """Bias-corrected and accelerated interval; the percentile one where the correction is not finite.

    Args:
        value: on the table.
        bootstrap: float [resamples]; NaN where undefined.
        jackknife: float [patients], each patient left out; NaN where undefined.

    Reference: Efron, Journal of the American Statistical Association 82 (1987) 171-185.
    """
    drawn = bootstrap[~np.isnan(bootstrap)]
    below = (np.count_nonzero(drawn < value) + np.count_nonzero(drawn == value) / 2) / len(drawn)
    pull = np.nanmean(jackknife) - jackknife[~np.isnan(jackknife)] if np.isfinite(jackknife).any() else np.zeros(1)
    spread = (pull**2).sum()
    if not 0 < below < 1 or spread == 0:
        return percentile(bootstrap)
    bias, acceleration = stats.norm.ppf(below), (pull**3).sum() / (6 * spread**1.5)
    shifted = bias + stats.norm.ppf([(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    lower, upper = np.quantile(drawn, stats.norm.cdf(bias + shifted / (1 - acceleration * shifted)))
    return float(lower), float(upper)


def _of_left_out(table: Measured, left_out: LeftOut, key: Key) -> Figure:
    """A metric with a t interval from the jackknife over patients, on a scale without bounds."""
    value, behind = left_out.table[key], table.behind.get(key, left_out.patients)
    if np.isnan(value):
        return {"value": None, "ci95": None, "reason": table.why_undefined(key)}
    if left_out.patients < 2:
        return {"value": value, "ci95": None, "reason": ONE_PATIENT}
    perfect = table.perfect.get(key)
    limits = perfect(value) if perfect else None
    if limits is not None:
        return {"value": value, "ci95": list(limits)}
    variance = left_out.variance(key)
    if behind < 2 or np.isnan(variance):
        return {"value": value, "ci95": None, "reason": "too few patients of a class"}
    if variance < _UNVARIED**2:
        return {"value": value, "ci95": None, "reason": "no patient changes the value"}
    if key in table.chance:
        known = (left_out.patients, left_out.informing(key), min(float(behind - 1), left_out.freedom(key)))
        if limits := agreement_limits(value, variance, table.chance[key], *known):
            return {"value": value, "ci95": list(limits)}
    scale, freedom = METRICS[key[0]].scale, float(behind - 1)
    if scale != "share" or key in table.few:
        # losses have no upper end: a single patient may make up most of the variance
        freedom = min(freedom, left_out.freedom(key))
    variance *= 1 + METRICS[key[0]].unseen / behind
    half = float(stats.t.ppf((1 + LEVEL) / 2, freedom)) * float(np.sqrt(variance))
    return {"value": value, "ci95": list(_around(value, half, scale))}


def _around(value: float, half: float, scale: str) -> Limits:
    """Value ± half on a scale without bounds: logit of shares, atanh of agreement, log of losses (delta method)."""
    if scale == "share" and 0 < value < 1:
        middle, half = special.logit(value), half / (value * (1 - value))
        return float(special.expit(middle - half)), float(special.expit(middle + half))
    if scale == "agreement" and -1 < value < 1:
        middle, half = np.arctanh(value), half / (1 - value**2)
        return float(np.tanh(middle - half)), float(np.tanh(middle + half))
    if scale == "loss" and value > 0:
        return float(value * np.exp(-half / value)), float(value * np.exp(half / value))
    return value - half, value + half
