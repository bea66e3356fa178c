from __future__ import annotations

import numpy as np
import pytest

from keras_cwp.errors import ScoresError
from keras_cwp.evaluation.likelihood_ratios import at_prevalence, likelihood_ratios


def table(hits: int, misses: int, alarms: int, rest: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    positive = np.repeat([True, True, False, False], [hits, misses, alarms, rest])
    called = np.repeat([True, False, True, False], [hits, misses, alarms, rest])
    return positive, called, np.arange(len(positive))


def test_ratios_by_hand_with_the_log_methods_error() -> None:
    """90 of 100 and 20 of 100: LR+ 4.5, LR- .125; Simel's standard errors, each row a patient."""
    found = likelihood_ratios(*table(90, 10, 20, 80))
    assert found["positive"]["value"] == pytest.approx(4.5)
    assert found["negative"]["value"] == pytest.approx(0.125)
    for name, error in (("positive", np.sqrt(0.1 / 90 + 0.8 / 20)), ("negative", np.sqrt(0.9 / 10 + 0.2 / 80))):
        half = np.log(found[name]["ci95"][1] / found[name]["value"])
        assert half == pytest.approx(1.98 * error, rel=0.02)


def test_predictive_values_are_bayes_rule() -> None:
    found = at_prevalence(likelihood_ratios(*table(90, 10, 20, 80)), 0.05)
    assert found["ppv"]["value"] == pytest.approx(0.9 * 0.05 / (0.9 * 0.05 + 0.2 * 0.95))
    assert found["npv"]["value"] == pytest.approx(0.8 * 0.95 / (0.8 * 0.95 + 0.1 * 0.05))
    for name in ("ppv", "npv"):
        lower, upper = found[name]["ci95"]
        assert 0 < lower < found[name]["value"] < upper < 1
    with pytest.raises(ScoresError, match="prevalence: got 5"):
        at_prevalence(likelihood_ratios(*table(9, 1, 2, 8)), 5)


def test_without_an_error_half_a_patient_is_added() -> None:
    found = likelihood_ratios(*table(20, 0, 0, 20))
    assert found["positive"]["value"] == pytest.approx((20.5 / 21) / (0.5 / 21))
    assert found["positive"]["ci95"][0] > 1
    assert "half a patient" in found["positive"]["reason"]
    nothing = likelihood_ratios(*table(5, 5, 0, 0))
    assert nothing["positive"]["value"] is None


def test_ppv_at_a_prevalence_covers_it() -> None:
    """Patients of three alike rows: intervals hold the population's PPV at 10 % in about 95 % of studies."""
    inside = []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        patient = np.repeat(np.arange(60), 3)
        positive = patient < 30
        score = 0.7 * rng.normal(size=60)[patient] + 0.714 * rng.normal(size=180) + 1.5 * positive
        found = at_prevalence(likelihood_ratios(positive, score >= 0.75, patient), 0.1)["ppv"]["ci95"]
        right = 0.7734  # both shares at ±.75
        truth = right * 0.1 / (right * 0.1 + (1 - right) * 0.9)
        inside.append(found[0] <= truth <= found[1])
    assert 0.9 <= np.mean(inside) <= 0.99
