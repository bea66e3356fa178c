from __future__ import annotations

import numpy as np
import pytest

from keras_cwp.evaluation.difference_interval import TwoFigures
from keras_cwp.evaluation.estimates import Estimate, area_of, proportion_of


def of_shares(first: tuple[int, int], second: tuple[int, int]) -> TwoFigures:
    """Successes and patients of two groups without a patient in common, one row each."""
    start, groups = 0, []
    for successes, patients in (first, second):
        success = np.arange(patients) < successes
        groups.append(proportion_of(success, start + np.arange(patients), first[1] + second[1]))
        start += patients
    return TwoFigures(*groups)


@pytest.mark.parametrize(
    ("first", "second", "lower", "upper"),
    [((56, 70), (48, 80), 0.0524, 0.3339), ((9, 10), (3, 10), 0.1705, 0.8090), ((10, 10), (0, 20), 0.6791, 1.0)],
)
def test_independent_shares_have_newcombes_interval(first, second, lower: float, upper: float) -> None:
    """Newcombe, Statistics in Medicine 17 (1998) 873-890, table II, method 10; here with quantiles of t."""
    found = of_shares(first, second).limits()
    assert found == pytest.approx((lower, upper), abs=0.04 if min(first[1], second[1]) < 30 else 0.005)


def test_p_is_below_five_percent_where_the_interval_leaves_zero_out() -> None:
    for hits in range(21):
        two = of_shares((hits, 20), (9, 24))
        lower, upper = two.limits()
        assert (two.p() < 0.05) == (not lower <= 0 <= upper)
        assert two.p() == pytest.approx(of_shares((9, 24), (hits, 20)).p(), rel=1e-6)
    assert of_shares((10, 20), (12, 24)).p() == 1
    assert of_shares((200, 200), (0, 200)).p() < 1e-10


def test_the_detectable_difference_is_found_in_four_of_five_studies() -> None:
    rng = np.random.default_rng(3)
    expected = of_shares((45, 90), (45, 90)).detectable()
    found = []
    for _ in range(300):
        hits = rng.binomial(90, [0.5 + expected / 2, 0.5 - expected / 2])
        found.append(of_shares((int(hits[0]), 90), (int(hits[1]), 90)).p() < 0.05)
    assert np.mean(found) == pytest.approx(0.8, abs=0.07)
    assert of_shares((1, 1), (3, 9)).detectable() is None


def test_a_perfect_figure_makes_no_difference_certain() -> None:
    """Four patients of four right against 30 of 34: that shows nothing, though the four do not scatter."""
    two = of_shares((4, 4), (30, 34))
    assert two.p() > 0.3
    assert two.limits()[0] < -0.2


def test_what_two_figures_share_in_a_patient_makes_their_difference_surer() -> None:
    rng = np.random.default_rng(1)
    patient, positive = np.arange(80), np.arange(80) < 30
    score = rng.normal(size=80) + positive
    first = area_of(positive, score, patient, 80)
    second = area_of(positive, score + 0.05 * rng.normal(size=80), patient, 80)
    alike, apart = TwoFigures(first, second), TwoFigures(first, _shuffled(second, rng))
    assert alike.correlation() > 0.9 > abs(apart.correlation())
    assert np.ptp(alike.limits()) < 0.5 * np.ptp(apart.limits())


def test_a_figure_of_one_patient_has_no_interval() -> None:
    two = of_shares((1, 1), (3, 9))
    assert two.limits() is None
    assert two.p() is None


def _shuffled(estimate: Estimate, rng: np.random.Generator) -> Estimate:
    """With the same contributions of other patients."""
    arms = estimate.arms[:, rng.permutation(estimate.arms.shape[1])]
    return Estimate(estimate.value, arms, estimate.sizes, estimate.means, estimate.cases)
