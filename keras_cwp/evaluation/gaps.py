"""How much worse a model is within a subgroup than outside it, and whether chance explains the gap."""

from __future__ import annotations

from typing import Any

import numpy as np

from keras_cwp.evaluation.difference_interval import TwoFigures
from keras_cwp.evaluation.estimates import Estimate
from keras_cwp.evaluation.holm import holm
from keras_cwp.evaluation.ranking import macro_estimate
from keras_cwp.scores import Scores

_MISSING = "a class is missing within the subgroup or outside it, or has one patient there"


def subgroup_gaps(scores: Scores, values: np.ndarray) -> dict[str, dict[str, Any]]:
    """value -> macro AUC within it minus outside it, with interval over patients, `p`, `p_holm` over the values, and
    `detectable`, the gap that 80 % of such studies would find.

    Two values have one gap between them, so that its p value is not corrected.

    Patients may stand on both sides (left and right zones); what they share is taken into account.

    Args:
        scores: labelled rows.
        values: str [rows].
    """
    found = {str(value): _gap(scores, values == value) for value in np.unique(values)}
    p = np.array([np.nan if own["p"] is None else own["p"] for own in found.values()])
    corrected = (p if len(p) == 2 else holm(p)).tolist()
    return {
        name: own | {"p_holm": None if np.isnan(value) else value}
        for (name, own), value in zip(found.items(), corrected, strict=True)
    }


def _gap(scores: Scores, inside: np.ndarray) -> dict[str, Any]:
    names, patient = np.unique(scores.patient_id, return_inverse=True)
    parts = [_area(scores, rows, patient, len(names)) for rows in (inside, ~inside)]
    within, beyond = parts
    if within is None or beyond is None or len(within.cases) != len(beyond.cases):
        return {"value": None, "ci95": None, "p": None, "reason": _MISSING}
    gap = TwoFigures(within, beyond)
    limits = gap.limits()
    if limits is None:
        return {"value": gap.value, "ci95": None, "p": None, "reason": _MISSING}
    return {"value": gap.value, "ci95": list(limits), "p": gap.p(), "detectable": gap.detectable()}


def _area(scores: Scores, rows: np.ndarray, patient: np.ndarray, patients: int) -> Estimate | None:
    return (
        macro_estimate(scores.label[rows], scores.probabilities[rows], patient[rows], patients) if rows.any() else None
    )
