"""How the macro AUC grows with the number of patients, and what it is expected to be with more of them.

References: Cortes et al., Learning curves, NIPS 1993 (error falls to a limit by a power of the sample size); Figueroa
et al., BMC Med Inform Decis Mak 12:8 (2012), predicting the sample size from such a curve.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from keras_cwp.evaluation.roc import macro_auc

# AUC(n) = limit − fall / √n: the exponent of a linear model's error, since a few points do not tell exponents apart.
_EXPONENT = 0.5
_HIGHEST = 0.9995  # no curve promises a perfect AUC
_LEVEL = 0.95


@dataclass(frozen=True, eq=False)
class Tried:
    """Scores from trainings on parts of the patients.

    Args:
        patients: int [sizes]; patients that a training had.
        probabilities: float32 [sizes, repeats, rows, classes]; each row's by a training without its patient.
        labels: int [rows].
        groups: int [rows]; patients from 0 on.
    """

    patients: np.ndarray
    probabilities: np.ndarray
    labels: np.ndarray
    groups: np.ndarray


@dataclass(frozen=True)
class Expected:
    """The macro AUC expected with a number of patients.

    The interval is over patients and draws. It held the truth in 94 of 100 subsamples of 200 patients, and in 74 of 85
    simulated ones of 40 to 80. NaN where all of it lies at the highest AUC that a curve promises.
    """

    patients: int
    auc: float
    low: float
    high: float


@dataclass(frozen=True, eq=False)
class LearningCurve:
    """A curve through the trainings.

    Args:
        patients: int [sizes].
        auc: float [sizes]; mean of the repeats.
        limit, fall: AUC(n) = limit − fall / √n.
        resampled: float [resamples, 2]; limit and fall of resampled patients and repeats.
    """

    patients: np.ndarray
    auc: np.ndarray
    limit: float
    fall: float
    resampled: np.ndarray

    def at(self, patients: int) -> Expected:
        """What is expected of a training on so many patients."""
        found = _value(self.resampled[:, 0], self.resampled[:, 1], patients)
        low, high = np.quantile(found, [(1 - _LEVEL) / 2, (1 + _LEVEL) / 2])
        if low >= _HIGHEST:
            low = high = np.nan
        return Expected(patients, float(_value(self.limit, self.fall, patients)), float(low), float(high))


def learning_curve(tried: Tried, resamples: int = 300, seed: int = 0) -> LearningCurve:
    """Fit the curve, and fit it again to resampled patients and repeats.

    Args:
        resamples: bootstrap resamples behind the interval.
        seed: of them.
    """
    rows = np.arange(len(tried.labels))
    areas = _areas(tried, rows)
    limit, fall = _fit(tried.patients, areas.mean(axis=1))
    random = np.random.default_rng(seed)
    members = [np.flatnonzero(tried.groups == group) for group in range(tried.groups.max() + 1)]
    repeats = tried.probabilities.shape[1]
    found = []
    for _ in range(resamples):
        drawn = np.concatenate([members[g] for g in random.integers(0, len(members), len(members))])
        own = _areas(tried, drawn)
        if np.isfinite(own).all():
            found.append(_fit(tried.patients, own[:, random.integers(0, repeats, repeats)].mean(axis=1)))
    return LearningCurve(tried.patients, areas.mean(axis=1), limit, fall, np.array(found))


def _areas(tried: Tried, rows: np.ndarray) -> np.ndarray:
    """Macro AUC float [sizes, repeats] of some rows, with repetition."""
    labels = tried.labels[rows]
    return np.array([[macro_auc(labels, scores[rows]) for scores in size] for size in tried.probabilities])


def _fit(patients: np.ndarray, auc: np.ndarray) -> tuple[float, float]:
    """Limit and fall by least squares; larger trainings weigh more, and more patients never hurt."""
    share = patients**-_EXPONENT
    weight = np.sqrt(patients / patients.max())
    design = np.column_stack([np.ones_like(share), -share]) * weight[:, None]
    limit, fall = np.linalg.lstsq(design, auc * weight, rcond=None)[0]
    if fall < 0:
        return float(np.average(auc, weights=weight**2)), 0.0
    return float(limit), float(fall)


def _value(limit: np.ndarray | float, fall: np.ndarray | float, patients: int) -> np.ndarray:
    return np.minimum(limit - np.asarray(fall) * patients**-_EXPONENT, _HIGHEST)
