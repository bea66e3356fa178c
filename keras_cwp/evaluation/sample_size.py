"""How many patients a study needs: for an AUC as precise as wished, or to find a difference between two models.

Studies are drawn, because an interval's width depends on more than the variance of the AUC: on the degrees of freedom
of that variance, and on how few patients make it up. The scores of ROIs with and without the class are normal with one
standard deviation. A patient's ROIs are all of the class or none is, and their scores are correlated. All patients have
about the same number of ROIs. The number of patients with the class is as planned, not left to chance.

References: DeLong, DeLong and Clarke-Pearson, Biometrics 44 (1988) 837-845 (variance); Hanley and McNeil, Radiology 143
(1982) 29-36 (first guess) and 148 (1983) 839-843 (difference of two correlated AUCs); Obuchowski, Biometrics 53 (1997)
567-578 (several ROIs a patient); Satterthwaite, Biometrics Bulletin 2 (1946) 110-114 (degrees of freedom).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats
from scipy.optimize import brentq

from keras_cwp.errors import ScoresError
from keras_cwp.evaluation.estimates import Estimate, area_of, freedom, variance
from keras_cwp.evaluation.fewest_patients import MOST_PATIENTS, TOO_MANY, fewest_patients
from keras_cwp.evaluation.flips import auc_amounts, sign_flip_p
from keras_cwp.evaluation.paired import POWER, detectable_difference
from keras_cwp.evaluation.score_interval import LEVEL, reference_variance, score_limits, t_quantile

MOST_ROIS = 100  # of a patient
_NORMAL = float(stats.norm.ppf((1 + LEVEL) / 2))
_DRAWN = 200_000  # ROIs of all studies drawn for the width of an interval
_DRAWN_FOR_POWER = 1_000_000
_FEWEST_STUDIES, _MOST_STUDIES = 100, 500  # for a width, 2 at least
_LARGE = 40_000  # patients from which a patient's variance is taken
_LARGEST = 400_000  # ROIs of such a study
_MANY = 50  # patients of each kind


def design_ratio(rois: float, alike: float) -> float:
    """Variance with several ROIs a patient over that with one: what a patient's further ROIs are still worth.

    Args:
        rois: of a patient, on average.
        alike: correlation of the scores of a patient's ROIs, 0 to 1.
    """
    return (1 + (rois - 1) * alike) / rois


def patients_for_half_width(auc: float, share: float, half_width: float, *, rois: float = 1, alike: float = 1) -> int:
    """Patients whose AUC of a class against the rest has an interval of value ± half_width, on average.

    The macro AUC of several classes is a mean of such AUCs. Where all classes are equally hard, its interval is on
    average narrower than that of the rarest class.

    Args:
        auc: expected, above 0.5 and below 1.
        share: of the patients who have the class; two patients have it at least, and two do not.
        half_width: of the 95 % interval that this package gives (`score_interval`).
        rois, alike: see `design_ratio`. Patients with unequal numbers of ROIs widen the interval: 1.2 times where the
            numbers are geometrically distributed.

    Raises:
        ScoresError: a number outside its range, or more than a million patients.
    """
    _check(auc=auc, share=share, half_width=half_width)
    design = _Design(share, rois, alike)
    ratio = design_ratio(rois, alike)
    guess = _by_formula(
        lambda number: _NORMAL * (ratio * reference_variance(auc, (design.cases(number),))) ** 0.5 <= half_width
    )
    return fewest_patients(
        lambda number: np.log(_mean_half_width(design, auc, number) / half_width), guess, design.least
    )


def patients_for_difference(
    auc: float,
    share: float,
    difference: float,
    *,
    rois: float = 1,
    alike: float = 1,
    correlation: float = 0.5,
    power: float = POWER,
) -> int:
    """Patients with which the paired test of `compare` at .05 finds a difference of two models' AUCs.

    A study that leaves the number of patients with the class to chance finds it less often where the class is rare:
    with a power of .60 instead of .75 where 7 patients are expected to have the class, .71 instead of .79 with 12.

    Args:
        auc: of the worse model, above 0.5 and below 1.
        share: of the patients who have the class.
        difference: that is to be found.
        rois, alike: see `design_ratio`.
        correlation: of the two AUCs over studies, from 0 to below 1; 0.5 is cautious for two networks on the same
            radiographs.
        power: share of studies that are to find it.

    Raises:
        ScoresError: a number outside its range, or more than a million patients.
    """
    _check(auc=auc, share=share, difference=difference, power=power, **{"auc + difference": auc + difference})
    design, areas = _Design(share, rois, alike), (auc + difference, auc)
    common = _common_noise(design, areas, correlation)
    better, worse = design.drawn(np.random.default_rng(0), areas, design.large, common)
    of_a_patient = ((better.arms - worse.arms) ** 2).sum(axis=1) * better.sizes  # with the class, without

    def enough(patients: int) -> bool:
        sizes = np.array(design.cases(patients))
        if sizes.min() < 2:
            return False
        arms = of_a_patient / sizes
        degrees = float(arms.sum() ** 2 / (arms**2 / (sizes - 1)).sum())
        return detectable_difference(float(arms.sum()) ** 0.5, degrees, power) <= difference

    guess = _by_formula(enough)
    if guess * rois * _FEWEST_STUDIES > 2 * _DRAWN_FOR_POWER:
        return guess  # so many patients that the normal distribution says it
    return fewest_patients(
        lambda number: _probit(power) - _probit(*_power(design, areas, common, number)), guess, design.least
    )


@dataclass(frozen=True)
class _Design:
    """Share of the patients with the class, ROIs of a patient, and how alike these are."""

    share: float
    rois: float
    alike: float

    def __post_init__(self) -> None:
        if not 1 <= self.rois <= MOST_ROIS:
            raise ScoresError(f"sample size: rois is {self.rois}, a number from 1 to {MOST_ROIS} is wanted")
        if not 0 <= self.alike <= 1:
            raise ScoresError(f"sample size: alike is {self.alike}, a number from 0 to 1 is wanted")

    @property
    def least(self) -> int:
        """The smallest study: two patients have the class, and two do not."""
        number = max(int(1.5 / max(min(self.share, 1 - self.share), 1e-9)) - 2, 4)
        while min(round(self.share * number), number - round(self.share * number)) < 2:
            number += 1
        return number

    @property
    def large(self) -> int:
        """Patients of a study that shows the variance of one."""
        return min(_LARGE, int(_LARGEST / self.rois))

    def cases(self, patients: int) -> tuple[float, float]:
        """Patients with the class and without."""
        return self.share * patients, (1 - self.share) * patients

    def drawn(
        self, rng: np.random.Generator, areas: Sequence[float], patients: int, common: float = 0
    ) -> list[Estimate]:
        """A study's AUC of each model; see `drawn_scores`."""
        positive, scores, patient = self.drawn_scores(rng, areas, patients, common)
        found = [area_of(positive, score, patient, patients) for score in scores]
        return [estimate for estimate in found if estimate is not None]  # all: both kinds are there

    def drawn_scores(
        self, rng: np.random.Generator, areas: Sequence[float], patients: int, common: float = 0
    ) -> tuple[np.ndarray, list[np.ndarray], np.ndarray]:
        """A study's ROIs: which are of the class, their scores by each model, and their patients.

        Args:
            areas: expected AUCs.
            patients: `least` or more.
            common: share of the scores' variance that the models have in common.
        """
        with_class = round(self.share * patients)
        alike = self.alike if self.rois > 1 else 1.0  # of one ROI nothing else would be drawn
        patient = np.repeat(np.arange(patients), int(self.rois) + (rng.random(patients) < self.rois % 1))
        positive, found = patient < with_class, []

        def noise() -> np.ndarray:
            shared, own = rng.normal(size=patients)[patient], rng.normal(size=len(patient))
            return np.asarray(alike**0.5 * shared + (1 - alike) ** 0.5 * own)

        of_all = common**0.5 * noise() if common else 0
        for area in areas:
            apart = 2**0.5 * float(stats.norm.ppf(area))  # of the means, in standard deviations
            found.append(apart * positive + of_all + (1 - common) ** 0.5 * noise())
        return positive, found, patient


def _mean_half_width(design: _Design, auc: float, patients: int) -> float:
    drawn = min(patients, max(int(_LARGEST / design.rois), design.least))
    rng, widths = np.random.default_rng(0), []
    for _ in range(min(max(int(_DRAWN / (drawn * design.rois)), 2), _MOST_STUDIES)):
        limits = score_limits(design.drawn(rng, (auc,), drawn)[0])
        assert limits is not None
        widths.append(limits[1] - limits[0])
    # of more patients than are drawn: the width falls with the root of their number
    return float(np.mean(widths)) / 2 * (drawn / patients) ** 0.5


def _power(design: _Design, areas: tuple[float, float], common: float, patients: int) -> tuple[float, int]:
    """Share of drawn studies whose paired test finds the difference, and how many were drawn."""
    rng, found = np.random.default_rng(0), []
    for _ in range(min(max(int(_DRAWN_FOR_POWER / (patients * design.rois)), _FEWEST_STUDIES), _MOST_STUDIES)):
        positive, scores, patient = design.drawn_scores(rng, areas, patients, common)
        found.append(_finds(positive, scores, patient, patients))
    return float(np.mean(found)), len(found)


def _finds(positive: np.ndarray, scores: Sequence[np.ndarray], patient: np.ndarray, patients: int) -> bool:
    """Whether the first model is better by both tests of `paired`."""
    better, worse = (area_of(positive, score, patient, patients) for score in scores)
    assert better is not None
    assert worse is not None
    arms = better.arms - worse.arms
    error = variance(arms, better.sizes, better.means) ** 0.5
    if not better.value - worse.value > t_quantile(freedom(arms, better.sizes, better.means)) * error:
        return False
    if better.sizes.min() >= _MANY:  # the second test agrees then
        return True
    return sign_flip_p(auc_amounts(positive, scores[0], scores[1], patient, patients)) < 1 - LEVEL


def _probit(share: float, of: int = 0) -> float:
    """Quantile of a share; of one that was counted in so many, neither 0 nor 1."""
    return float(stats.norm.ppf(np.clip(share, 0.5 / of, 1 - 0.5 / of) if of else share))


def _common_noise(design: _Design, areas: tuple[float, float], correlation: float) -> float:
    """The share of the scores' variance that two models have in common where their AUCs correlate as stated."""
    if correlation == 0:
        return 0.0

    def excess(common: float) -> float:
        first, second = design.drawn(np.random.default_rng(0), areas, design.large, common)
        both = (first.arms * second.arms).sum()
        return float(both / ((first.arms**2).sum() * (second.arms**2).sum()) ** 0.5) - correlation

    if not 0 < correlation < 1 or excess(1) < 0:
        most = "below 1" if not 0 < correlation < 1 else f"up to {excess(1) + correlation:.2f} with such AUCs"
        raise ScoresError(f"sample size: correlation is {correlation}, 0 or more is wanted, {most}")
    return float(brentq(excess, 0, 1, xtol=1e-3))


def _by_formula(enough: Callable[[int], bool]) -> int:
    """The first guess: the fewest patients who are enough by a formula."""
    if not enough(MOST_PATIENTS):
        raise ScoresError(TOO_MANY)
    low, high = 4, MOST_PATIENTS
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle + 1, high)
    return low


def _check(*, auc: float, **shares: float) -> None:
    if not 0.5 < auc < 1:
        raise ScoresError(f"sample size: auc is {auc}, a number above 0.5 and below 1 is wanted")
    for name, value in shares.items():
        if not 0 < value < 1:
            raise ScoresError(f"sample size: {name} is {value}, a number between 0 and 1 is wanted")
