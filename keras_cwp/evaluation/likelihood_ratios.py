"""What a call is worth elsewhere: likelihood ratios, and predictive values at a stated prevalence.

Predictive values of a study hold for its share of the class only. Likelihood ratios do not depend on that share, and
with them the predictive values follow for any other: the odds before the call times the ratio are the odds after it.

Reference: Pepe, The Statistical Evaluation of Medical Tests (2003), section 2.1.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import special, stats

from keras_cwp.errors import ScoresError
from keras_cwp.evaluation.estimates import Estimate, freedom, proportion_of, variance
from keras_cwp.evaluation.intervals import Figure
from keras_cwp.evaluation.score_interval import FEW_PATIENTS, LEVEL

_ADDED = "nothing was wrong (or right) on one side; half a patient was added there and half taken from the other"


def likelihood_ratios(positive: np.ndarray, called: np.ndarray, patients: np.ndarray) -> dict[str, Figure]:
    """Ratios `positive` (of a call) and `negative` (of none), with 95 % intervals over patients.

    Args:
        positive, called: bool [rows], the truth and the decision.
        patients: str or int [rows].
    """
    names, patient = np.unique(patients, return_inverse=True)
    hits = proportion_of(called[positive], patient[positive], len(names))
    alarms = proportion_of(called[~positive], patient[~positive], len(names))
    return {"positive": _ratio(hits, alarms, called=True), "negative": _ratio(hits, alarms, called=False)}


def at_prevalence(ratios: dict[str, Figure], prevalence: float) -> dict[str, Any]:
    """Predictive values `ppv` and `npv` at a prevalence, with the intervals of the likelihood ratios.

    Args:
        prevalence: share of the class, above 0 and below 1, taken as known.

    Raises:
        ScoresError: a prevalence that is no share.
    """
    if not 0 < prevalence < 1:
        raise ScoresError(f"prevalence: got {prevalence}, a share between 0 and 1 is wanted, 0.05 for 5 %")
    before = float(special.logit(prevalence))
    ppv = _predictive(ratios["positive"], lambda ratio: special.expit(before + np.log(ratio)))
    npv = _predictive(ratios["negative"], lambda ratio: special.expit(-before - np.log(ratio)))
    return {"prevalence": prevalence, "ppv": ppv, "npv": npv}


def _ratio(hits: Estimate | None, alarms: Estimate | None, *, called: bool) -> Figure:
    if hits is None or alarms is None:
        return {"value": None, "ci95": None, "reason": "needs rows of the class and others"}
    shares = np.array([hits.value, alarms.value])
    sizes = np.array([hits.sizes[0], alarms.sizes[0]])
    inner = (shares > 0) & (shares < 1)
    shares = np.where(inner, shares, (shares * sizes + 0.5) / (sizes + 1))
    value = float(shares[0] / shares[1] if called else (1 - shares[0]) / (1 - shares[1]))
    extra: dict[str, str] = {} if inner.all() else {"reason": _ADDED}
    if sizes.min() < 2:
        return {"value": value, "ci95": None, "reason": FEW_PATIENTS}
    of_log = 1 / (shares if called else 1 - shares)
    arms = np.concatenate([of_log[0] * hits.arms, -of_log[1] * alarms.arms])
    ones = np.ones(2, dtype=int)
    # Where a share was 0 or 1 its patients show no scatter; theirs is that of as many independent cases.
    unseen = np.where(inner, 0.0, of_log**2 * shares * (1 - shares) / sizes).sum()
    error = float(np.sqrt(variance(arms, sizes, ones) + unseen))
    left = freedom(arms, sizes, ones) if inner.all() else float(sizes.min() - 1)
    half = float(stats.t.ppf((1 + LEVEL) / 2, left)) * error
    limits = [float(value * np.exp(-half)), float(value * np.exp(half))]
    return {"value": value, "ci95": limits, **extra}  # type: ignore[typeddict-item]


def _predictive(ratio: Figure, of_ratio: Any) -> Figure:
    found: Figure = {"value": None, "ci95": None}
    if ratio["value"] is not None:
        found["value"] = float(of_ratio(ratio["value"]))
    if ratio["ci95"] is not None:
        found["ci95"] = sorted(float(of_ratio(limit)) for limit in ratio["ci95"])
    return {**found, "reason": ratio["reason"]} if "reason" in ratio else found
