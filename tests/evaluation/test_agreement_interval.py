"""Intervals of agreement beyond chance: by hand, against the share's interval, and where they must meet."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import special

from keras_cwp.evaluation.agreement_interval import agreement_limits, chance_of
from keras_cwp.evaluation.estimates import proportion_of
from keras_cwp.evaluation.roi_metrics import perfect_kappa
from keras_cwp.evaluation.score_interval import score_limits, wilson

Z = float(special.ndtri(0.975))


def test_chance_is_that_of_cohen():
    first, second = np.array([0, 0, 1, 1]), np.array([0, 1, 1, 1])
    assert chance_of(first, second) == pytest.approx(0.5 * 0.25 + 0.5 * 0.75)
    assert chance_of(np.array([2]), np.array([0])) == 0
    assert chance_of(first, np.array([0, 1, 2, 2, 2])) == pytest.approx(0.5 * 0.2 + 0.5 * 0.2)


@pytest.mark.parametrize("agreed", [30, 34, 38])
def test_independent_patients_have_the_interval_of_wilson_for_their_agreement(agreed):
    """With the variance of independent patients and many degrees of freedom, limits are Wilson's of the share."""
    patients, chance = 40, 0.4
    share = agreed / patients
    value, variance = (share - chance) / (1 - chance), share * (1 - share) / patients / (1 - chance) ** 2
    lower, upper = agreement_limits(value, variance, chance, patients, 30, np.inf)
    expected = [(limit - chance) / (1 - chance) for limit in wilson(agreed, patients)]
    assert (lower, upper) == pytest.approx(tuple(expected), abs=1e-9)


def test_a_larger_variance_widens_and_fewer_degrees_of_freedom_widen():
    plain = agreement_limits(0.6, 0.01, 0.4, 40, 30, np.inf)
    for other in (agreement_limits(0.6, 0.02, 0.4, 40, 30, np.inf), agreement_limits(0.6, 0.01, 0.4, 40, 30, 4)):
        assert other[0] < plain[0] < 0.6 < plain[1] < other[1]


@pytest.mark.parametrize(("value", "chance"), [(0.05, 0.5), (0.4, 0.35), (0.95, 0.6), (-0.3, 0.5), (0.999999, 0.4)])
def test_limits_stand_where_their_own_variance_puts_the_value(value, chance):
    patients = 25
    for limit in agreement_limits(value, 0.0, chance, patients, 0, 1):  # nobody informs: ratio 1, normal quantile
        share = chance + limit * (1 - chance)
        own = np.sqrt(share * (1 - share) / patients) / (1 - chance)
        assert abs(limit - value) == pytest.approx(Z * own, abs=1e-6) or limit in (1, -chance / (1 - chance))


def test_the_interval_meets_that_of_perfect_agreement():
    labels, patients = np.arange(60) % 3, np.repeat(np.arange(30), 2).astype(str)
    perfect = perfect_kappa(labels, patients)(1.0)
    chance = chance_of(labels, labels)
    nearly = agreement_limits(1 - 1e-9, 1e-20, chance, 30, 1.0, 1.0)
    assert nearly == pytest.approx(tuple(perfect), abs=1e-4)
    assert agreement_limits(1.0, 0.0, chance, 30, 0.0, 1.0) == pytest.approx(tuple(perfect), abs=1e-9)


def test_what_no_share_of_agreement_gives_has_none():
    assert agreement_limits(-0.8, 0.01, 0.3, 40, 30, 20) is None
    assert agreement_limits(0.5, 0.01, 1.0, 40, 30, 20) is None


def test_the_quantile_and_ratio_are_those_of_the_score_interval():
    """Where kappa is the share itself (no chance), the rule is that of a clustered proportion."""
    rng = np.random.default_rng(2)
    patient = np.repeat(np.arange(30), 2)
    success = rng.random(60) < 0.8 - 0.3 * (patient % 3 == 0)
    estimate = proportion_of(success, patient, 30)
    informing, freedom = estimate.informing(), float(estimate.freedom)
    found = agreement_limits(estimate.value, estimate.variance(), 0.0, 30, informing, freedom)
    assert found == pytest.approx(score_limits(estimate), abs=1e-9)
