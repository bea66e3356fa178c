from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import special

from keras_cwp.evaluation.calibration_line import calibration_line, calibration_lines


def test_coefficients_and_clustered_errors_are_those_of_statsmodels(scores) -> None:
    positive, probability = scores.label == 1, scores.probabilities[:, 1]
    _, patient = np.unique(scores.patient_id, return_inverse=True)
    found = calibration_line(positive, probability, scores.patient_id)
    odds = special.logit(probability)
    clusters = {"cov_type": "cluster", "cov_kwds": {"groups": patient, "use_correction": False}}
    slope = sm.GLM(positive.astype(float), sm.add_constant(odds), family=sm.families.Binomial()).fit(**clusters)
    level = sm.GLM(positive.astype(float), np.ones(len(odds)), offset=odds, family=sm.families.Binomial())
    level = level.fit(**clusters)
    for name, model, place in (("slope", slope, 1), ("intercept", level, 0)):
        assert found[name]["value"] == pytest.approx(model.params[place], abs=1e-7)
        half = (found[name]["ci95"][1] - found[name]["ci95"][0]) / 2
        corrected = model.bse[place] * np.sqrt(60 / 59)
        assert half == pytest.approx(corrected * 2.0, rel=0.01)


def test_an_overconfident_model_has_a_slope_below_one() -> None:
    rng = np.random.default_rng(0)
    odds = rng.normal(size=4000)
    positive = rng.random(4000) < special.expit(odds + 0.3)
    found = calibration_line(positive, special.expit(2 * odds), np.arange(4000))
    assert found["slope"]["value"] == pytest.approx(0.5, abs=0.06)
    honest = calibration_line(positive, special.expit(odds), np.arange(4000))
    assert honest["slope"]["value"] == pytest.approx(1, abs=0.1)
    assert honest["intercept"]["value"] == pytest.approx(0.3, abs=0.1)


def test_slopes_cover_one_for_calibrated_patients() -> None:
    """Alike ROIs of 40 patients: intervals of slope and intercept hold 1 and 0 in about 95 % of studies."""
    inside = []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        patient = np.repeat(np.arange(40), 4)
        odds = rng.normal(size=40)[patient] * 1.2 + rng.normal(size=160) * 0.7
        positive = rng.random(160) < special.expit(odds)
        found = calibration_line(positive, special.expit(odds), patient)
        inside.append(
            [own["ci95"][0] <= true <= own["ci95"][1] for own, true in zip(found.values(), (0, 1), strict=True)]
        )
    shares = np.mean(inside, axis=0)
    assert (shares >= 0.9).all()
    assert (shares <= 0.99).all()


def test_separation_and_absence_have_a_reason(scores) -> None:
    perfect = calibration_line(np.arange(20) < 10, np.where(np.arange(20) < 10, 0.9, 0.1), np.arange(20))
    assert perfect["slope"]["value"] is None
    assert "no fit" in perfect["slope"]["reason"]
    two = scores.take(scores.label != 0)
    assert calibration_lines(two)["normal"]["slope"]["value"] is None
    flat = calibration_line(scores.label == 0, np.full(len(scores), 0.4), scores.patient_id)
    assert flat["slope"]["value"] is None
    share = (scores.label == 0).mean()
    assert flat["intercept"]["value"] == pytest.approx(special.logit(share) - special.logit(0.4))
