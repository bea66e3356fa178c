"""How many patients a study needs: for an AUC as precise as wished, or to find a difference between two models.

Studies are drawn, because an interval's width depends on more than the variance of the AUC: on the degrees of freedom
of that variance, and on how few patients make it up. The scores of ROIs with and without the class are normal with one
standard deviation. A patient's ROIs are all of the class or none is, and their scores are correlated.

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
from keras_cwp.evaluation.paired import POWER, detectable_difference
from keras_cwp.evaluation.score_interval import LEVEL, reference_variance, score_limits, t_quantile

MOST_PATIENTS = 1_000_000
_NORMAL = float(stats.norm.ppf((1 + LEVEL) / 2))
_DRAWN = 200_000  # patients of all studies drawn for one number of patients
_MOST_STUDIES = 1000
_ROUNDS = 3  # of better numbers; each starts within a few per cent of the last
_FEWEST = 4  # two of each kind
_LARGE = 40_000  # patients from which a patient's variance is taken


def design_ratio(rois: float, alike: float) -> float:
    """Variance with several ROIs a patient over that with one: what a patient's further ROIs are still worth.

    Args:
        rois: of a patient, on average.
        alike: correlation of the scores of a patient's ROIs, 0 to 1.
    """
    return (1 + (rois - 1) * alike) / rois


def patients_for_half_width(auc: float, share: float, half_width: float, *, rois: float = 1, alike: float = 1) -> int:
    """Patients whose AUC of a class against the rest has an interval of value ± half_width, on average.

    The macro AUC of several classes is a mean of such AUCs, and its interval is narrower than that of the rarest class.

    Args:
        auc: expected, above 0.5 and below 1.
        share: of the patients who have the class.
        half_width: of the 95 % interval that this package gives (`score_interval`).
        rois, alike: see `design_ratio`.

    Raises:
        ScoresError: a number outside its range, or more than a million patients.
    """
    _check(auc=auc, share=share, half_width=half_width)
    design = _Design(share, rois, alike)
    ratio = design_ratio(rois, alike)
    patients = _fewest(
        lambda number: _NORMAL * (ratio * reference_variance(auc, (design.cases(number),))) ** 0.5 <= half_width
    )
    for _ in range(_ROUNDS):  # an interval's width falls about with the root of the number of patients
        found = _mean_half_width(design, auc, patients)
        patients = _within(patients * (found / half_width) ** 2)
    return patients


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
    """Patients with which a paired test at .05 finds a difference of two models' AUCs.

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
    better, worse = design.drawn(np.random.default_rng(0), areas, _LARGE, common)
    of_a_patient = ((better.arms - worse.arms) ** 2).sum(axis=1) * better.sizes  # with the class, without

    def enough(patients: int) -> bool:
        sizes = np.array(design.cases(patients))
        if sizes.min() < 2:
            return False
        arms = of_a_patient / sizes
        degrees = float(arms.sum() ** 2 / (arms**2 / (sizes - 1)).sum())
        return detectable_difference(float(arms.sum()) ** 0.5, degrees, power) <= difference

    patients = _fewest(enough)
    for _ in range(_ROUNDS):  # a test statistic grows about with the root of the number of patients
        reached = float(np.quantile(_statistics(design, areas, common, patients), 1 - power))
        patients = _within(patients / max(reached, 0.5) ** 2)
    return patients


@dataclass(frozen=True)
class _Design:
    """Share of the patients with the class, ROIs of a patient, and how alike these are."""

    share: float
    rois: float
    alike: float

    def __post_init__(self) -> None:
        if not self.rois >= 1:
            raise ScoresError(f"sample size: rois is {self.rois}, a number of 1 or more is wanted")
        if not 0 <= self.alike <= 1:
            raise ScoresError(f"sample size: alike is {self.alike}, a number from 0 to 1 is wanted")

    def cases(self, patients: int) -> tuple[float, float]:
        """Patients with the class and without."""
        return self.share * patients, (1 - self.share) * patients

    def drawn(
        self, rng: np.random.Generator, areas: Sequence[float], patients: int, common: float = 0
    ) -> list[Estimate]:
        """A study's AUC of each model, with two patients of each kind at least.

        Args:
            areas: expected AUCs.
            common: share of the scores' variance that the models have in common.
        """
        with_class = min(max(round(self.share * patients), 2), patients - 2)
        alike = self.alike if self.rois > 1 else 1.0  # of one ROI nothing else would be drawn
        patient = np.repeat(np.arange(patients), int(self.rois) + (rng.random(patients) < self.rois % 1))
        positive, found = patient < with_class, []

        def noise() -> np.ndarray:
            shared, own = rng.normal(size=patients)[patient], rng.normal(size=len(patient))
            return np.asarray(alike**0.5 * shared + (1 - alike) ** 0.5 * own)

        of_all = common**0.5 * noise() if common else 0
        for area in areas:
            apart = 2**0.5 * float(stats.norm.ppf(area))  # of the means, in standard deviations
            score = apart * positive + of_all + (1 - common) ** 0.5 * noise()
            estimate = area_of(positive, score, patient, patients)
            assert estimate is not None
            found.append(estimate)
        return found


def _studies(patients: int) -> range:
    return range(min(max(_DRAWN // patients, 2), _MOST_STUDIES))


def _mean_half_width(design: _Design, auc: float, patients: int) -> float:
    rng, widths = np.random.default_rng(0), []
    for _ in _studies(patients):
        limits = score_limits(design.drawn(rng, (auc,), patients)[0])
        assert limits is not None
        widths.append(limits[1] - limits[0])
    return float(np.mean(widths)) / 2


def _statistics(design: _Design, areas: tuple[float, float], common: float, patients: int) -> np.ndarray:
    """float [studies]: t of the paired test of drawn studies, over the t that it has to reach."""
    rng, found = np.random.default_rng(0), []
    for _ in _studies(patients):
        better, worse = design.drawn(rng, areas, patients, common)
        arms = better.arms - worse.arms
        error = variance(arms, better.sizes, better.means) ** 0.5
        needed = t_quantile(freedom(arms, better.sizes, better.means)) * error
        found.append((better.value - worse.value) / needed if needed > 0 else 0.0)
    return np.array(found)


def _common_noise(design: _Design, areas: tuple[float, float], correlation: float) -> float:
    """The share of the scores' variance that two models have in common where their AUCs correlate as stated."""
    if correlation == 0:
        return 0.0

    def excess(common: float) -> float:
        first, second = design.drawn(np.random.default_rng(0), areas, _LARGE, common)
        both = (first.arms * second.arms).sum()
        return float(both / ((first.arms**2).sum() * (second.arms**2).sum()) ** 0.5) - correlation

    if not 0 < correlation < 1 or excess(1) < 0:
        most = "below 1" if not 0 < correlation < 1 else f"up to {excess(1) + correlation:.2f} with such AUCs"
        raise ScoresError(f"sample size: correlation is {correlation}, 0 or more is wanted, {most}")
    return float(brentq(excess, 0, 1, xtol=1e-3))


def _within(patients: float) -> int:
    return min(max(int(np.ceil(patients)), _FEWEST), MOST_PATIENTS)


def _fewest(enough: Callable[[int], bool]) -> int:
    if not enough(MOST_PATIENTS):
        raise ScoresError(f"sample size: more than {MOST_PATIENTS:,} patients; ask for less")
    low, high = _FEWEST, MOST_PATIENTS
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
