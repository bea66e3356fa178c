"""Does the macro AUC differ between the values of a column at all? One test for any number of subgroups.

Reference: Hotelling's T² of contrasts; the covariance of the AUCs is DeLong's, clustered by patient.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import stats

from keras_cwp.evaluation.estimates import Estimate, freedom
from keras_cwp.evaluation.ranking import macro_estimate
from keras_cwp.evaluation.score_interval import design, reference_variance
from keras_cwp.scores import Scores

_FEW = "fewer than two subgroups have two patients with each class and two without"


def interaction(scores: Scores, values: np.ndarray) -> dict[str, Any]:
    """`p` that all subgroups have the same macro AUC, ready for JSON.

    Patients may stand in several subgroups (left and right zones); what they share is taken into account.

    Args:
        scores: labelled rows.
        values: str [rows].

    Returns:
        `p`, None with a `reason`; `compared`: values that could be; `left_out`: those that lack a class, or patients of
        one.
    """
    names, patient = np.unique(scores.patient_id, return_inverse=True)
    classes = len(np.unique(scores.label))
    own: dict[str, Estimate] = {}
    for value in np.unique(values):
        rows = values == value
        part = macro_estimate(scores.label[rows], scores.probabilities[rows], patient[rows], len(names))
        if part is not None and len(part.cases) == classes and part.freedom >= 1:
            own[str(value)] = part
    left_out = [str(value) for value in np.unique(values) if str(value) not in own]
    head = {"compared": list(own), "left_out": left_out}
    if len(own) < 2:
        return {"p": None, **head, "reason": _FEW}
    return {"p": _p(list(own.values()), len(names)), **head}


def _p(parts: list[Estimate], patients: int) -> float:
    areas = np.array([part.value for part in parts])
    pulls = np.stack([part.arms.sum(axis=0) for part in parts])
    covariance = patients / (patients - 1) * pulls @ pulls.T
    # At what all have in common, as the test supposes: a small subgroup that happens to be perfect shows no scatter.
    common = float(np.average(areas, weights=[min(part.sizes) for part in parts]))
    own = np.array([design(part) * reference_variance(common, part.cases) for part in parts])
    seen = np.diag(covariance)
    scale = np.sqrt(np.divide(own, seen, out=np.zeros_like(own), where=seen > 0))
    covariance = covariance * np.outer(scale, scale)
    np.fill_diagonal(covariance, own)
    contrasts = np.column_stack([-np.ones(len(parts) - 1), np.eye(len(parts) - 1)])
    gap, spread = contrasts @ areas, contrasts @ covariance @ contrasts.T
    squared = float(gap @ np.linalg.pinv(spread, hermitian=True) @ gap)
    left = min((freedom(part.arms, part.sizes, part.means) for part in parts if part.variance() > 0), default=np.inf)
    if not np.isfinite(left):
        return float(stats.chi2.sf(squared, len(gap)))
    return float(stats.f.sf(squared / len(gap), len(gap), max(left, 1.0)))
