"""The difference between two models on the same ROIs: interval, p value and what these patients could have shown.

Two tests have to agree before a difference is shown: DeLong's, with the variance of patients and a t quantile, and the
sign-flip test, which is exact where few patients decide. The p value is the larger of the two, and the interval holds 0
where that p value is not below .05.
"""

from __future__ import annotations

from typing import Any, TypedDict

import numpy as np
from scipy import stats
from typing_extensions import NotRequired

from keras_cwp.errors import ScoresError
from keras_cwp.evaluation.estimates import Estimate, area_of, freedom, mean_estimate, variance
from keras_cwp.evaluation.flips import auc_amounts, sign_flip_p
from keras_cwp.evaluation.roc import one_vs_rest
from keras_cwp.evaluation.score_interval import LEVEL, design, reference_variance
from keras_cwp.scores import Scores

FEW_FOR_TEST = 5  # patients of an arm below which a comparison deserves a caution
POWER = 0.8  # with which the detectable difference would be found
METHOD = "the larger p value of DeLong's test (clustered by patient, t quantile) and of sign flips of patients"
_TOO_FEW = "needs two patients with the class and two without"
_ALIKE = "the two models rank these ROIs alike"


class Difference(TypedDict):
    """First model minus second, ready for JSON.

    Keys:
        value, ci95: the difference and its 95 % interval; None with a `reason`.
        p: two-sided; the interval excludes 0 where it is below .05. p_holm: after correction, set by `compare`.
        p_flips: of the sign-flip test alone.
        patients: in the arm with the fewest.
        detectable: difference that would be found in 80 % of such studies.
        caution: what a reader has to know, in a sentence.
        non_inferior: with a margin: one-sided p values that the first (second) is not worse by more than it.
    """

    value: float | None
    ci95: list[float] | None
    p: float | None
    p_holm: NotRequired[float | None]
    p_flips: NotRequired[float]
    patients: NotRequired[int]
    detectable: NotRequired[float]
    caution: NotRequired[str]
    reason: NotRequired[str]
    non_inferior: NotRequired[dict[str, float]]


def paired_delong(first: Scores, second: Scores, margin: float | None = None) -> dict[str, Any]:
    """Differences of AUCs, `macro` and `per_class`; patients are the units.

    Args:
        first, second: labelled rows of two models in the same order.
        margin: of non-inferiority, in AUC; None: not asked.
    """
    names, patient = np.unique(first.patient_id, return_inverse=True)
    positive = one_vs_rest(first.label, len(first.classes))
    own = [_of_column(first, second, positive[:, c], c, patient, len(names)) for c in range(len(first.classes))]
    known = [pair for pair in own if pair is not None]
    macro = None
    if known:
        areas = mean_estimate([a for a, _, _ in known]), mean_estimate([b for _, b, _ in known])
        macro = (*areas, np.mean([amounts for _, _, amounts in known], axis=0))
    return {
        "method": METHOD,
        "macro": _difference(macro, margin),
        "per_class": {name: _difference(pair, margin) for name, pair in zip(first.classes, own, strict=True)},
    }


_Pair = tuple[Estimate, Estimate, np.ndarray]


def _of_column(
    first: Scores, second: Scores, positive: np.ndarray, column: int, patient: np.ndarray, patients: int
) -> _Pair | None:
    a, b = first.probabilities[:, column], second.probabilities[:, column]
    areas = [area_of(positive, score, patient, patients) for score in (a, b)]
    if areas[0] is None or areas[1] is None:
        return None
    return areas[0], areas[1], auc_amounts(positive, a, b, patient, patients)


def _difference(pair: _Pair | None, margin: float | None) -> Difference:
    if pair is None:
        return {"value": None, "ci95": None, "p": None, "reason": "needs ROIs of the class and ROIs of others"}
    first, second, amounts = pair
    value, fewest = first.value - second.value, int(first.sizes.min())
    if first.freedom < 1:
        return {"value": value, "ci95": None, "p": None, "patients": fewest, "reason": _TOO_FEW}
    arms = first.arms - second.arms
    spread = variance(arms, first.sizes, first.means)
    if not spread > 0 or not np.abs(amounts).max() > 0:
        return {"value": value, "ci95": None, "p": None, "patients": fewest, "reason": _ALIKE}
    error, left = float(np.sqrt(spread)), freedom(arms, first.sizes, first.means)
    by_flips = sign_flip_p(amounts)
    half = float(stats.t.ppf((1 + LEVEL) / 2, left)) * error
    p = max(float(2 * stats.t.sf(abs(value) / error, left)), by_flips)
    found: Difference = {
        "value": value,
        "ci95": agreeing((value - half, value + half), p),
        "p": p,
        "p_flips": by_flips,
        "patients": fewest,
        "detectable": detectable_difference(error, left),
    }
    if fewest < FEW_FOR_TEST:
        found["caution"] = (
            f"{fewest} patients stand on one side: such a study finds only very large differences, and its interval is "
            "rough"
        )
    if margin is not None:
        found["non_inferior"] = _non_inferior(first, second, spread, margin)
    return found


def agreeing(limits: tuple[float, float] | list[float], p: float) -> list[float]:
    """An interval of a difference that holds 0 where the p value is not below .05, because an exact test says so."""
    lower, upper = limits
    return [lower, upper] if p < 1 - LEVEL else [min(lower, 0.0), max(upper, 0.0)]


def detectable_difference(error: float, freedom: float, power: float = POWER) -> float:
    """The difference that a test at .05 would find in four of five studies like this one.

    Args:
        error: standard error of the difference.
        freedom: degrees of freedom of the error; infinite where it is known.
        power: share of the studies.

    Reference: Hanley and McNeil, Radiology 148 (1983) 839-843, with t quantiles.
    """
    return float((stats.t.ppf((1 + LEVEL) / 2, freedom) + stats.t.ppf(power, freedom)) * error)


def _non_inferior(first: Estimate, second: Estimate, spread: float, margin: float) -> dict[str, float]:
    if margin <= 0:
        raise ScoresError(f"margin of non-inferiority: got {margin}, it is a difference of AUCs above 0")
    pairs = {"first_p": (first, second), "second_p": (second, first)}
    return {"margin": margin} | {name: _not_worse(*own, spread, margin) for name, own in pairs.items()}


def _not_worse(own: Estimate, other: Estimate, spread: float, margin: float) -> float:
    """One-sided p value that a model is worse than another by at least the margin.

    A model that happens to be nearly perfect shows little scatter. The variance asked for is that of a model at the
    margin, so what a lower AUC would add to it is added. Without this .13 instead of .05 are called not inferior with
    30 patients and AUC .97 (scripts/bench_inference_skewed.py).
    """
    at_margin = min(max(other.value - margin, 0.5), own.value)
    added = reference_variance(at_margin, own.cases) - reference_variance(own.value, own.cases)
    error = np.sqrt(spread + max(added, 0.0) * design(own))
    return float(stats.t.sf((own.value - other.value + margin) / error, own.freedom))
