"""How many patients a study needs: for an AUC as precise as wished, or to find a difference between two models.

References: Hanley and McNeil, Radiology 143 (1982) 29-36 and 148 (1983) 839-843; Obuchowski, Biometrics 53 (1997)
567-578 (several ROIs a patient).
"""

from __future__ import annotations

from collections.abc import Callable

from scipy import stats

from keras_cwp.errors import ScoresError
from keras_cwp.evaluation.score_interval import LEVEL, reference_variance

MOST_PATIENTS = 1_000_000
_NORMAL = float(stats.norm.ppf((1 + LEVEL) / 2))


def design_ratio(rois: float, alike: float) -> float:
    """Variance with several ROIs a patient over that with one: what a patient's further ROIs are still worth.

    Args:
        rois: of a patient, on average.
        alike: correlation of the scores of a patient's ROIs, 0 to 1.
    """
    return (1 + (rois - 1) * alike) / rois


def patients_for_half_width(auc: float, share: float, half_width: float, *, rois: float = 1, alike: float = 1) -> int:
    """Patients that give the AUC of a class an interval of value ± half_width.

    Args:
        auc: expected, above 0.5 and below 1.
        share: of the patients who have the class.
        half_width: of the 95 % interval.
        rois, alike: see `design_ratio`.

    Raises:
        ScoresError: a number outside its range, or more than a million patients.
    """
    _check(auc=auc, share=share, half_width=half_width)
    ratio = design_ratio(rois, alike)
    return _fewest(lambda patients: _NORMAL * (ratio * _variance(auc, share, patients)) ** 0.5 <= half_width)


def patients_for_difference(
    auc: float,
    share: float,
    difference: float,
    *,
    rois: float = 1,
    alike: float = 1,
    correlation: float = 0.5,
    power: float = 0.8,
) -> int:
    """Patients with which a paired test at .05 finds a difference of two models' AUCs.

    Args:
        auc: of the worse model.
        difference: that is to be found.
        correlation: of the two AUCs over studies; 0.5 is cautious for two networks on the same radiographs.
        power: share of studies that are to find it.

    Raises:
        ScoresError: a number outside its range, or more than a million patients.
    """
    _check(auc=auc, share=share, difference=difference, power=power, better_auc=auc + difference)
    ratio, wanted = design_ratio(rois, alike), difference / (_NORMAL + float(stats.norm.ppf(power)))

    def enough(patients: int) -> bool:
        variances = [ratio * _variance(own, share, patients) for own in (auc, auc + difference)]
        spread = sum(variances) - 2 * correlation * (variances[0] * variances[1]) ** 0.5
        return spread**0.5 <= wanted

    return _fewest(enough)


def _variance(auc: float, share: float, patients: int) -> float:
    return reference_variance(auc, ((share * patients, (1 - share) * patients),))


def _fewest(enough: Callable[[int], bool]) -> int:
    if not enough(MOST_PATIENTS):
        raise ScoresError(f"sample size: more than {MOST_PATIENTS:,} patients; ask for less")
    low, high = 2, MOST_PATIENTS
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle + 1, high)
    return low


def _check(**shares: float) -> None:
    for name, value in shares.items():
        if not 0 < value < 1:
            raise ScoresError(f"sample size: {name} is {value}, a number between 0 and 1 is wanted")
