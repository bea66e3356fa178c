"""How many patients have to be judged for an interval of the macro AUC as narrow as wished, from a run's own scores.

The interval of a study of another size is calculated as `score_interval` does, with the run's variance divided by how
many times as many patients are judged. Its degrees of freedom grow with the patients, so an interval of few patients
shrinks by more than the root of their number.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from keras_cwp.evaluation.estimates import Estimate
from keras_cwp.evaluation.fewest_patients import fewest_patients
from keras_cwp.evaluation.ranking import macro_estimate
from keras_cwp.evaluation.score_interval import score_limits
from keras_cwp.scores import Scores

_RANGE = 0.9


@dataclass(frozen=True)
class Judged:
    """Patients to be judged.

    Args:
        patients: the number; in each class there are two at least.
        low, high: 90 % interval of the number, because the run's variance is known from few patients (chi-squared).
        at_least: the run's macro AUC is 1. Where the true one is lower, more patients are needed.
    """

    patients: int
    low: int
    high: int
    at_least: bool


def patients_to_judge(scores: Scores, half_width: float) -> Judged | None:
    """The fewest patients like the run's whose interval is ± half_width; None where the run's scores show no variance.

    Raises:
        ScoresError: more than a million patients.
    """
    names, patient = np.unique(scores.patient_id, return_inverse=True)
    estimate = macro_estimate(scores.label, scores.probabilities, patient, len(names))
    if estimate is None or score_limits(estimate) is None:
        return None
    least = int(np.ceil(2 * len(names) / min(map(min, estimate.cases))))

    def missing(patients: int) -> float:
        return np.log(_half_width(estimate, patients / len(names)) / half_width)

    found = fewest_patients(missing, len(names), least)
    freedom = min(estimate.freedom, estimate.settled())
    ends = freedom / stats.chi2.ppf([(1 + _RANGE) / 2, (1 - _RANGE) / 2], freedom)
    low, high = (max(int(np.ceil(found * end)), least) for end in ends)
    return Judged(found, low, high, estimate.value == 1)


def _half_width(estimate: Estimate, times: float) -> float:
    limits = score_limits(_Times(**vars(estimate), times=times))
    return np.inf if limits is None else (limits[1] - limits[0]) / 2


@dataclass(frozen=True, eq=False)
class _Times(Estimate):
    """An estimate as of `times` as many patients who are like those of another."""

    times: float = 1.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "cases", tuple(tuple(self.times * n for n in own) for own in self.cases))

    @property
    def freedom(self) -> int:
        return int((self.times * self.sizes - self.means).min())

    def variance(self) -> float:
        return super().variance() / self.times

    def settled(self) -> float:
        return max(super().settled() * self.times, 1.0)

    def informing(self) -> float:
        return super().informing() * self.times
