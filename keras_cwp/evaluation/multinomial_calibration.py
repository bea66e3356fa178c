"""Calibration of all classes at once: a multinomial logistic model of what came true on the log odds that were given.

With class 0 as the reference, log odds of each other class are recalibrated as intercept + slope × log odds given.
Calibrated: intercepts 0, slopes 1. Intercepts are given at slope 1, slopes together with their intercepts.

The test of all needs no fit: at intercepts 0 and slopes 1 the likelihood's slope is a sum over patients whose mean is
zero. Its size, by the information at that point, is compared with two others, and the larger p value counts. One is its
size under random signs of the patients: right for alike ROIs of a patient, but rejecting too often where few outcomes
are in doubt, because the sum is skewed then. The other is its size with classes drawn from the probabilities: right for
few outcomes in doubt, but not for alike ROIs. The larger of both errs to the safe side.

References: Van Hoorde et al., Statistics in Medicine 33 (2014) 2585-2596 (the model); Hemerik, Goeman and Finos,
Journal of the Royal Statistical Society B 82 (2020) 841-864 (signs of scores).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import special

from keras_cwp.evaluation.flips import FEWEST_PATIENTS, NEEDS_PATIENTS, sign_flip_share
from keras_cwp.evaluation.logistic_fit import Fit, Model, coefficient, fitted, patient_sums
from keras_cwp.scores import Scores

_STEEPEST = 50.0  # a slope beyond this is a separation that has no finite fit
_EDGE = 1e-12
_ILL = 1e12  # condition of an information matrix that shows nothing
_DRAWN, _CELLS = 999, 2_000_000  # studies drawn, and how many of their numbers are held at once
_DOUBT = 100.0  # expected variance of a class's number of ROIs beyond which the sum is hardly skewed
_NO_FIT = "no fit: a class is absent, or every ROI is classified without an error"
_ALIKE = "the probabilities do not differ, or are too near 0 and 1"
_ABSENT = "a class is absent"


def multinomial_calibration(scores: Scores) -> dict[str, Any]:
    """Intercepts, slopes and a test that all are 0 and 1, ready for JSON.

    Args:
        scores: labelled rows.

    Returns:
        `reference`: the class that log odds are against; `intercepts` and `slopes`: other class → figure, with 95 %
        intervals over patients as `logistic_fit` says; `p`: of all of them together (see above), None with a
        `reason` for fewer than 20 patients.
    """
    patient = np.unique(scores.patient_id, return_inverse=True)[1]
    given = np.log(np.clip(scores.probabilities, _EDGE, 1))
    odds, others = given[:, 1:] - given[:, :1], scores.classes[1:]
    holders = [len(np.unique(patient[scores.label == column])) for column in range(len(scores.classes))]
    fits = [_fit(odds, scores.label, patient, holders, sloped) for sloped in (False, True)]
    count, head = len(others), {"reference": scores.classes[0]}
    fewest = [min(holders[0], own) for own in holders[1:]]
    return {
        **head,
        "intercepts": {name: coefficient(fits[0], k, fewest[k], _NO_FIT) for k, name in enumerate(others)},
        "slopes": {name: coefficient(fits[1], count + k, fewest[k], _NO_FIT) for k, name in enumerate(others)},
        **_test(odds, scores.label, patient, holders),
    }


def _fit(odds: np.ndarray, label: np.ndarray, patient: np.ndarray, holders: list[int], sloped: bool) -> Fit | None:
    """Intercepts, then slopes if `sloped`; None without a finite fit."""
    if min(holders) == 0:
        return None
    count = odds.shape[1]
    start = np.concatenate([np.zeros(count), np.ones(count * sloped)])
    found = fitted(_model(odds, label, sloped), start, patient, int(patient.max()) + 1)
    return None if found is None or np.abs(found.beta).max() > _STEEPEST else found


def _model(odds: np.ndarray, label: np.ndarray, sloped: bool) -> Model:
    count = odds.shape[1]
    truth = label[:, None] == np.arange(1, count + 1)
    columns = [np.ones_like(odds), odds] if sloped else [np.ones_like(odds)]
    design = np.stack(columns, axis=1)  # [rows, 1 or 2, classes]
    size = len(columns) * count

    def rows(beta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        line = beta[:count] + odds * (beta[count:] if sloped else 1.0)
        expected = special.softmax(np.column_stack([np.zeros(len(line)), line]), axis=1)[:, 1:]
        pulls = np.concatenate([each * (truth - expected) for each in columns], axis=1)
        spread = expected[:, :, None] * (np.eye(count) - expected[:, None, :])  # covariance of a row's outcome
        information = np.einsum("nac,ncd,nbd->nacbd", design, spread, design)
        return pulls, information.reshape(len(line), size, size)

    return rows


def _test(odds: np.ndarray, label: np.ndarray, patient: np.ndarray, holders: list[int]) -> dict[str, Any]:
    patients, count = int(patient.max()) + 1, odds.shape[1]
    if min(holders) == 0:
        return {"p": None, "reason": _ABSENT}
    if patients < FEWEST_PATIENTS:
        return {"p": None, "reason": NEEDS_PATIENTS}
    pulls, information = _model(odds, label, sloped=True)(np.repeat([0.0, 1.0], count))
    bread = information.sum(axis=0)
    if np.linalg.cond(bread) > _ILL:
        return {"p": None, "reason": _ALIKE}
    # In these units the size of a sum by the information is its squared length.
    root = np.linalg.inv(np.linalg.cholesky(bread))
    scaled = patient_sums(pulls, patient, patients) @ root.T
    p = sign_flip_share(scaled)
    expected = special.softmax(np.column_stack([np.zeros(len(odds)), odds]), axis=1)
    if (expected * (1 - expected)).sum(axis=0).min() < _DOUBT:
        p = max(p, _drawn_share(expected, odds, root, float((scaled.sum(axis=0) ** 2).sum())))
    return {"p": p}


def _drawn_share(expected: np.ndarray, odds: np.ndarray, root: np.ndarray, seen: float) -> float:
    """Share of studies with classes drawn from the probabilities whose sum is at least as large as the one seen."""
    rng, beyond, count = np.random.default_rng(len(odds)), 0, odds.shape[1]
    edges = np.cumsum(expected, axis=1)[:, :-1]
    block = max(_CELLS // odds.size, 1)
    for start in range(0, _DRAWN, block):
        size = min(block, _DRAWN - start)
        drawn = (rng.random((size, len(odds), 1)) > edges).sum(axis=2)
        gap = (drawn[:, :, None] == np.arange(1, count + 1)) - expected[:, 1:]
        totals = np.concatenate([gap.sum(axis=1), (gap * odds).sum(axis=1)], axis=1) @ root.T
        beyond += int(((totals**2).sum(axis=1) >= seen * (1 - 1e-9)).sum())
    return (1 + beyond) / (1 + _DRAWN)
