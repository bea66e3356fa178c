"""A logistic regression whose rows stand in patients: its coefficients, and how well they are known.

A coefficient's variance is the larger of two. One comes from leaving out each patient, by one Newton step from the fit;
unlike the usual clustered variance it is not too small where a patient pulls the fit towards itself. The other is that
of independent rows; it counts where few events lie in a region and their scatter shows next to nothing. The quantile is
of t, with the degrees of freedom that the first variance has when a few patients make it up (`estimates.settled`).

References: Bell and McCaffrey, Survey Methodology 28 (2002) 169-181 (leaving out clusters); Pregibon, Annals of
Statistics 9 (1981) 705-724 (one step). Coverage: scripts/bench_inference_calibration.py.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import special

from keras_cwp.evaluation.estimates import settled
from keras_cwp.evaluation.intervals import Figure
from keras_cwp.evaluation.score_interval import FEW_PATIENTS, t_quantile

_STEPS, _SETTLED = 60, 1e-9  # Newton's steps at most, and the change at which they end
_LONGEST = 2.0  # change of a coefficient in one step
_ILL = 1e12  # condition of an information matrix that cannot be solved

# Of coefficients [k]: each row's score [rows, k] and information [rows, k, k].
Model = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True, eq=False)
class Fit:
    """Coefficients and what their variance follows from.

    Args:
        beta: float [k].
        shifts: float [patients, k]; what each patient changes when left out, NaN where there is no fit without it.
        independent: float [k, k]; the covariance if rows were independent.
    """

    beta: np.ndarray
    shifts: np.ndarray
    independent: np.ndarray

    @property
    def left(self) -> int:
        """Patients less coefficients."""
        return len(self.shifts) - len(self.beta)

    def half(self, weights: np.ndarray) -> np.ndarray:
        """Half widths [points] of 95 % intervals of weights [points, k] @ beta; needs `left` of at least 1."""
        patients = len(self.shifts)
        squares = (self.shifts @ weights.T) ** 2
        of_patients = (patients - 1) / patients * squares.sum(axis=0)
        of_rows = np.einsum("pk,kl,pl->p", weights, self.independent, weights)
        quantiles = [t_quantile(min(settled(own, patients), self.left)) for own in squares.T]
        return np.array(quantiles) * np.sqrt(np.maximum(of_patients, of_rows))


def fitted(model: Model, start: np.ndarray, patient: np.ndarray, patients: int) -> Fit | None:
    """The fit of greatest likelihood by Newton's method; None where the steps do not end.

    Args:
        start: float [k].
        patient: int [rows], 0 to patients - 1.
    """
    beta = start
    for _ in range(_STEPS):
        pulls, information = model(beta)
        bread = information.sum(axis=0)
        if np.linalg.cond(bread) > _ILL:
            return None
        step = np.linalg.solve(bread, pulls.sum(axis=0))
        beta = beta + step * min(1.0, _LONGEST / max(float(np.abs(step).max()), 1e-300))
        if np.abs(step).max() < _SETTLED:
            break
    else:
        return None
    pulls, information = model(beta)
    of_patient = patient_sums(information, patient, patients)
    bread = of_patient.sum(axis=0)
    shifts = _shifts(bread - of_patient, patient_sums(pulls, patient, patients))
    return Fit(beta, shifts, np.linalg.inv(bread))


def binary(columns: np.ndarray, offset: np.ndarray, positive: np.ndarray) -> Model:
    """The model of one outcome.

    Args:
        columns: float [rows, k].
        offset: float [rows], added to the log odds.
        positive: bool [rows].
    """
    products = columns[:, :, None] * columns[:, None, :]

    def rows(beta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        mean = special.expit(offset + columns @ beta)
        return columns * (positive - mean)[:, None], products * (mean * (1 - mean))[:, None, None]

    return rows


def patient_sums(rows: np.ndarray, patient: np.ndarray, patients: int) -> np.ndarray:
    """Rows [rows, ...] added up in their patients [patients, ...]."""
    flat = rows.reshape(len(rows), -1)
    sums = [np.bincount(patient, weights=own, minlength=patients) for own in flat.T]
    return np.stack(sums, axis=1).reshape(patients, *rows.shape[1:])


def rarer(positive: np.ndarray, patient: np.ndarray) -> int:
    """Patients with such rows or patients with other rows, whichever are fewer."""
    return min(len(np.unique(patient[rows])) for rows in (positive, ~positive))


def coefficient(fit: Fit | None, place: int, fewest: int, no_fit: str) -> Figure:
    """A coefficient with its 95 % interval.

    Args:
        fewest: patients in the rarer of the two groups that it compares.
        no_fit: reason where there is no fit.
    """
    if fit is None:
        return {"value": None, "ci95": None, "reason": no_fit}
    value = float(fit.beta[place])
    half = float(fit.half(np.eye(len(fit.beta))[[place]])[0]) if fewest > 1 and fit.left > 0 else np.nan
    if np.isnan(half):
        return {"value": value, "ci95": None, "reason": FEW_PATIENTS}
    return {"value": value, "ci95": [value - half, value + half]}


def _shifts(remaining: np.ndarray, pulls: np.ndarray) -> np.ndarray:
    try:
        return np.asarray(np.linalg.solve(remaining, pulls[:, :, None])[:, :, 0])
    except np.linalg.LinAlgError:
        return np.full_like(pulls, np.nan)
