from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import special

from keras_cwp.evaluation.calibration_line import calibration_line, calibration_lines


def test_coefficients_are_those_of_statsmodels_and_errors_those_of_leaving_out_patients(scores) -> None:
    positive, probability = scores.label == 1, scores.probabilities[:, 1]
    names, patient = np.unique(scores.patient_id, return_inverse=True)
    found = calibration_line(positive, probability, scores.patient_id)
    odds = special.logit(probability)

    def fit(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        outcome, binomial = positive[rows].astype(float), sm.families.Binomial()
        slope = sm.GLM(outcome, sm.add_constant(odds[rows]), family=binomial).fit()
        level = sm.GLM(outcome, np.ones(rows.sum()), offset=odds[rows], family=binomial).fit()
        return np.array([level.params[0], slope.params[1]]), np.array([level.bse[0], slope.bse[1]])

    values, plain = fit(np.full(len(odds), True))
    without = np.array([fit(patient != left)[0] for left in range(len(names))])
    left_out = np.sqrt(((without - values) ** 2).sum(axis=0) * (len(names) - 1) / len(names))
    for place, figure in enumerate(found.values()):
        assert figure["value"] == pytest.approx(values[place], abs=1e-7)
        half = (figure["ci95"][1] - figure["ci95"][0]) / 2
        error = max(left_out[place], plain[place])
        assert 1.97 * error <= half * 1.05
        assert half <= 2.25 * error * 1.05


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
    assert 0 < perfect["slope"]["at_least"] < 1
    inverted = calibration_line(np.arange(20) < 10, np.where(np.arange(20) < 10, 0.1, 0.9), np.arange(20))
    assert "at_least" not in inverted["slope"]
    two = scores.take(scores.label != 0)
    assert calibration_lines(two)["normal"]["slope"]["value"] is None
    flat = calibration_line(scores.label == 0, np.full(len(scores), 0.4), scores.patient_id)
    assert flat["slope"]["value"] is None
    share = (scores.label == 0).mean()
    assert flat["intercept"]["value"] == pytest.approx(special.logit(share) - special.logit(0.4))


def test_rows_of_a_patient_count_once_where_classes_are_separated() -> None:
    """Ten times the same ROIs of the same patients say no more of the least slope; ten times the patients do."""
    positive, patients = np.arange(20) < 10, np.arange(20)
    probability = np.where(positive, 0.7, 0.3)
    once = calibration_line(positive, probability, patients)["slope"]["at_least"]
    again = calibration_line(np.repeat(positive, 10), np.repeat(probability, 10), np.repeat(patients, 10))
    assert again["slope"]["at_least"] == pytest.approx(once)
    more = calibration_line(np.repeat(positive, 10), np.repeat(probability, 10), np.arange(200))
    assert more["slope"]["at_least"] > once


def test_a_class_of_one_patient_has_no_interval() -> None:
    rng = np.random.default_rng(0)
    probability = rng.uniform(0.05, 0.6, 60)
    found = calibration_line(np.isin(np.arange(60), [1, 2]), probability, np.arange(60) // 3)
    assert found["intercept"]["value"] is not None
    assert found["intercept"]["ci95"] is None
    assert "two patients" in found["intercept"]["reason"]


# A class of two ROIs, above all others: at a steep slope the score equation is nearly a step, and 100 steps to its root
# were too few. The order of the ROIs matters, for it decides the last digits of a sum.
STEEP = np.array([
    0.08639599900890815, 0.1715381635462058, 0.28621725551405464, 0.0009408806739239896, 0.041670730243066584,
    0.045715870700142006, 0.01063154079407731, 0.01909476773606303, 0.02128160907950075, 0.02666443607901891,
    0.027005375983504915, 0.02509625823845223, 0.010353702333206037, 0.04882771368422792, 0.040030784010051376,
    0.01109147749949529, 0.04429427874555863, 0.0005175639449293989, 0.0014039250185451705, 0.04145871264458122,
    0.049004028503990826, 0.030070431464262873, 0.027700778288103137, 0.038905246852697674, 0.060290171482523774,
    0.027214113368689858, 0.9886252941081801, 0.027555142178688742, 0.1868753528809316, 0.0063506838980742645,
    0.09154999233878097, 0.008758817159300939, 0.009359944100245534, 7.409123165647886e-05, 0.0503526304917522,
    0.015120397086923157, 0.002613322099071449, 0.12520756142216458, 0.0965245178860259, 0.010989632899344919,
    0.02896114149623416, 0.03170957620579106, 0.76888764920358, 0.014033949494028497,
])  # fmt: skip


def test_a_steep_separated_class_has_a_lower_limit_of_its_slope() -> None:
    found = calibration_line(STEEP > 0.5, STEEP, np.arange(len(STEEP)).astype(str))["slope"]
    assert found["value"] is None
    assert -10 < found["at_least"] < 1
