"""DeLong's variance of AUCs as published, and the AUCs with its logit interval beside the score interval, as a check.

References: DeLong, DeLong and Clarke-Pearson, Biometrics 44 (1988) 837-845; Obuchowski, Biometrics 53 (1997) 567-578.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import special, stats

from keras_cwp.evaluation.estimates import Estimate, area_of, placements
from keras_cwp.evaluation.ranking import auc_estimates
from keras_cwp.evaluation.roc import one_vs_rest
from keras_cwp.evaluation.score_interval import FEW_PATIENTS, LEVEL
from keras_cwp.scores import Scores


def delong(positive: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """AUCs [k] and their covariance [k, k] of k scores of the same rows, each row independent.

    Args:
        positive: bool [n], at least two True and two False.
        scores: float [n, k].
    """
    parts = [placements(positive, column) for column in scores.T]
    of_hits, of_rest = np.array([own for own, _ in parts]), np.array([own for _, own in parts])
    covariance = np.cov(of_hits) / of_hits.shape[1] + np.cov(of_rest) / of_rest.shape[1]
    return of_hits.mean(axis=1), np.atleast_2d(covariance)


def clustered_delong(positive: np.ndarray, score: np.ndarray, patients: np.ndarray) -> Estimate:
    """The AUC of rows of which some are of the same patient, with Obuchowski's variance.

    Args:
        positive: bool [n], with at least one True and one False.
        score: float [n].
        patients: str or int [n].
    """
    names, patient = np.unique(patients, return_inverse=True)
    found = area_of(positive, score, patient, len(names))
    assert found is not None
    return found


def delong_figures(scores: Scores) -> dict[str, Any]:
    """Clustered DeLong AUCs of labelled rows with standard errors and logit intervals, ready for JSON."""
    names, patient = np.unique(scores.patient_id, return_inverse=True)
    positive = one_vs_rest(scores.label, len(scores.classes))
    found = auc_estimates(positive, scores.probabilities, scores.classes, patient, len(names))
    return {
        "method": "DeLong, clustered by patient (Obuchowski 1997), on the logit scale with a t quantile",
        "macro": _figure(found.get(("auc", "macro"))),
        "per_class": {name: _figure(found.get(("auc", "per_class", name))) for name in scores.classes},
    }


def logit_limits(estimate: Estimate) -> tuple[float, float] | None:
    """95 % limits on the logit scale, degrees of freedom from the rarer arm; None at 0 and 1 and without a variance.

    Reference: Pepe, The Statistical Evaluation of Medical Tests (2003), section 5.2.
    """
    variance, value = estimate.variance(), estimate.value
    if np.isnan(variance) or variance <= 0 or not 0 < value < 1:
        return None
    half = stats.t.ppf((1 + LEVEL) / 2, estimate.freedom) * np.sqrt(variance) / (value * (1 - value))
    return float(special.expit(special.logit(value) - half)), float(special.expit(special.logit(value) + half))


def wald(value: float, variance: float) -> tuple[float, float]:
    """Value ± 1.96 standard errors, cut at 0 and 1: too narrow for few patients and high AUCs, for comparison only."""
    half = stats.norm.ppf((1 + LEVEL) / 2) * np.sqrt(variance)
    return float(max(value - half, 0.0)), float(min(value + half, 1.0))


def _figure(estimate: Estimate | None) -> dict[str, Any]:
    if estimate is None or estimate.freedom < 1:
        value = None if estimate is None else estimate.value
        return {"value": value, "se": None, "ci95": None, "reason": FEW_PATIENTS}
    limits = logit_limits(estimate)
    if limits is None:
        reason = "its variance cannot be estimated from these ROIs"
        return {"value": estimate.value, "se": None, "ci95": None, "reason": reason}
    return {"value": estimate.value, "se": float(np.sqrt(estimate.variance())), "ci95": list(limits)}
