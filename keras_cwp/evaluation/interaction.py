"""Does the macro AUC differ between the values of a column at all? One test for any number of subgroups.

Each subgroup is tested against the others (gaps.py), and Cauchy's combination makes one p value of theirs, which may
depend on each other. Two subgroups have the p value of their gap. The others are pooled: where a model's scores are
shifted from site to site, their pooled AUC is lower than that of each, and the shift counts as a difference.

Reference: Liu and Xie, Journal of the American Statistical Association 115 (2020) 393-402 (Cauchy combination).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from keras_cwp.evaluation.gaps import subgroup_gaps
from keras_cwp.evaluation.ranking import macro_estimate
from keras_cwp.scores import Scores

_FEW = "fewer than two subgroups have two patients with each class and two without"
_MOST_P = 0.999  # a p value of 1 would count as infinitely sure that there is nothing


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
    every = [str(value) for value in np.unique(values)]
    compared = [value for value in every if _has_all_classes(scores, values == value)]
    head = {"compared": compared, "left_out": [value for value in every if value not in compared]}
    if len(compared) < 2:
        return {"p": None, **head, "reason": _FEW}
    rows = np.isin(values, compared)
    gaps = subgroup_gaps(scores.take(rows), values[rows])
    return {"p": _combined(np.array([own["p"] for own in gaps.values()])), **head}


def _has_all_classes(scores: Scores, rows: np.ndarray) -> bool:
    """Whether the macro AUC within these rows is over all classes and has an interval."""
    names, patient = np.unique(scores.patient_id, return_inverse=True)
    part = macro_estimate(scores.label[rows], scores.probabilities[rows], patient[rows], len(names))
    return part is not None and len(part.cases) == len(np.unique(scores.label)) and part.freedom >= 1


def _combined(p: np.ndarray) -> float:
    """One p value of several."""
    return float(0.5 - np.arctan(np.tan((0.5 - np.minimum(p, _MOST_P)) * np.pi).mean()) / np.pi)
