"""Several readers and cases (MRMC): readers' figures of merit, with readers and cases both drawn from a population.

The model of Obuchowski and Rockette: a reader's figure is the mean of all readers, plus the reader's own deviation,
plus an error that the cases cause and that readers share. The mean squares hold the first, the covariances of the
errors the second. What is inferred holds for other readers and other patients.

References: Obuchowski and Rockette, Communications in Statistics B 24 (1995) 285-308; Hillis, Statistics in Medicine 26
(2007) 596-619 (degrees of freedom) and 33 (2014) 330-360 (one modality, single figures); DeLong, DeLong and
Clarke-Pearson, Biometrics 44 (1988) 837-845, clustered as Obuchowski, Biometrics 53 (1997) 567-578.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from keras_cwp.errors import ScoresError
from keras_cwp.evaluation.estimates import Estimate
from keras_cwp.evaluation.score_interval import LEVEL

_NOTHING = 1e-15  # a variance below is none


@dataclass(frozen=True)
class AcrossReaders:
    """What is inferred about the population of readers and cases.

    Args:
        value: mean over the readers, or difference of two means.
        error: standard error; 0 where neither readers nor cases vary it.
        freedom: degrees of freedom of Hillis, fewer where few cases are behind the covariance; infinite where neither
            limits them.
        between: mean square between readers.
        shared: covariance that the cases cause between two readers, as it enters the error.
    """

    value: float
    error: float
    freedom: float
    between: float
    shared: float

    def limits(self) -> tuple[float, float] | None:
        """The 95 % interval; None without an error."""
        half = self._quantile() * self.error
        return (self.value - half, self.value + half) if self.error > 0 else None

    def p(self, expected: float = 0.0) -> float | None:
        """Two-sided p value that the value is as expected; None without an error."""
        if not self.error > 0:
            return None
        return float(2 * stats.t.sf(abs(self.value - expected) / self.error, self.freedom))

    def _quantile(self) -> float:
        return float(stats.t.ppf((1 + LEVEL) / 2, self.freedom))


def covariances(figures: Sequence[Estimate]) -> np.ndarray:
    """Covariances float [figures, figures] of figures of the same patients, ROIs of a patient being alike.

    Args:
        figures: AUCs, or proportions; each with at least two patients in every arm. Patients stand in the same order.

    Raises:
        ScoresError: an arm with one patient.
    """
    if any(own.freedom < 1 for own in figures):
        raise ScoresError("readers: a figure rests on one patient; its variance is not known")
    arms = np.stack([own.arms for own in figures])
    patients = arms.shape[2]
    together = patients / (patients - 1)
    # As estimates.variance; two figures may rest on different numbers of patients.
    own = np.sqrt(np.stack([each.sizes / (each.sizes - each.means) for each in figures]) - together + _NOTHING)
    sums, scaled = arms.sum(axis=1), (arms * own[:, :, None]).reshape(len(figures), -1)
    covariance: np.ndarray = together * sums @ sums.T + scaled @ scaled.T
    return covariance


def across_readers(values: np.ndarray, covariance: np.ndarray, cases: float = np.inf) -> AcrossReaders:
    """The mean of readers' figures, or of each reader's difference from the model, with readers and cases random.

    Args:
        values: float [readers], two or more.
        covariance: float [readers, readers], what the cases cause.
        cases: degrees of freedom of the covariance. Infinite gives the degrees of freedom of Hillis, which take it for
            known; with 25 patients such tests reject too often (scripts/bench_inference_readers.py).

    Raises:
        ScoresError: one reader, who stands for no population.
    """
    readers = _readers(values)
    between = float(np.var(values, ddof=1))
    shared = max(_off_diagonal(covariance), 0.0)
    return _inferred(float(np.mean(values)), between, shared, readers, 1 / readers, cases)


def between_modalities(values: np.ndarray, covariance: np.ndarray, cases: float = np.inf) -> AcrossReaders:
    """The difference of two modalities that the same readers read, first minus second.

    Args:
        values: float [2, readers].
        covariance: float [2, readers, 2, readers].
        cases: see `across_readers`.

    Raises:
        ScoresError: one reader, or not two modalities.
    """
    if values.ndim != 2 or len(values) != 2:
        raise ScoresError(f"readers: figures have shape {values.shape}, expected 2 modalities and the readers")
    readers = _readers(values[0])
    within = np.mean([_off_diagonal(covariance[m, :, m]) for m in (0, 1)])
    across = np.mean([_off_diagonal(covariance[m, :, 1 - m]) for m in (0, 1)])
    between = float(np.var(values[0] - values[1], ddof=1)) / 2  # the mean square of the interaction
    shared = max(float(within - across), 0.0)
    return _inferred(float((values[0] - values[1]).mean()), between, shared, readers, 2 / readers, cases)


def _inferred(value: float, between: float, shared: float, readers: int, share: float, cases: float) -> AcrossReaders:
    mean_square = between + readers * shared
    error = float(np.sqrt(share * mean_square)) if mean_square > _NOTHING else 0.0
    # Satterthwaite: each part of the mean square, by its own degrees of freedom.
    parts = between**2 / (readers - 1) + (readers * shared) ** 2 / cases
    freedom = mean_square**2 / parts if parts > _NOTHING**2 else float("inf")
    return AcrossReaders(value, error, freedom, between, shared)


def _readers(values: np.ndarray) -> int:
    if len(values) < 2:
        raise ScoresError(f"readers: {len(values)} cannot stand for other readers; two are the least")
    return len(values)


def _off_diagonal(matrix: np.ndarray) -> float:
    return float(matrix[~np.eye(len(matrix), dtype=bool)].mean())
