"""Multinomial recalibration, the smooth curve and the interaction test: against other ways, and by simulation."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import optimize, special

from keras_cwp.config import EvaluateConfig
from keras_cwp.evaluation.gaps import subgroup_gaps
from keras_cwp.evaluation.interaction import interaction
from keras_cwp.evaluation.metrics import evaluate
from keras_cwp.evaluation.multinomial_calibration import multinomial_calibration
from keras_cwp.evaluation.smooth_calibration import smooth_calibration
from keras_cwp.scores import Scores

CLASSES = ("a", "b", "c")
FACTOR, ADDED = 0.6, np.array([0.0, 0.5, -0.4])  # of log odds: what came true, given what was said


def said(rng: np.random.Generator, patients: int) -> Scores:
    """Probabilities that ROIs of a patient share in part, and outcomes that follow FACTOR and ADDED."""
    patient = np.repeat(np.arange(patients), rng.integers(1, 5, patients))
    logits = rng.normal(size=(patients, 3))[patient] + rng.normal(size=(len(patient), 3))
    truth = special.softmax(FACTOR * logits + ADDED, axis=1)
    label = (rng.random(len(patient))[:, None] > np.cumsum(truth, axis=1)).sum(axis=1).clip(0, 2)
    names = np.arange(len(patient)).astype(str)
    return Scores(CLASSES, names, patient.astype(str), names, 0 * patient, label, special.softmax(logits, axis=1))


def test_coefficients_are_those_of_the_greatest_likelihood() -> None:
    scores = said(np.random.default_rng(0), 150)
    odds = np.log(scores.probabilities[:, 1:] / scores.probabilities[:, :1])

    def loss(beta: np.ndarray) -> float:
        line = np.column_stack([np.zeros(len(odds)), beta[:2] + beta[2:] * odds])
        return -float(special.log_softmax(line, axis=1)[np.arange(len(odds)), scores.label].sum())

    best = optimize.minimize(loss, np.array([0.0, 0, 1, 1]), tol=1e-10).x
    flat = optimize.minimize(lambda own: loss(np.append(own, [1, 1])), np.zeros(2), tol=1e-10).x
    found = multinomial_calibration(scores)
    assert found["reference"] == "a"
    np.testing.assert_allclose([found["slopes"][name]["value"] for name in "bc"], best[2:], atol=1e-4)
    np.testing.assert_allclose([found["intercepts"][name]["value"] for name in "bc"], flat, atol=1e-4)


def test_intervals_of_slopes_hold_and_the_test_keeps_its_level() -> None:
    held, rejected = [], []
    for number in range(200):
        scores = said(np.random.default_rng([1, number]), 60)
        slope = multinomial_calibration(scores)["slopes"]["b"]
        held.append(slope["ci95"][0] <= FACTOR <= slope["ci95"][1])
        truth = special.softmax(FACTOR * np.log(scores.probabilities) + ADDED, axis=1)
        rejected.append(multinomial_calibration(replace(scores, probabilities=truth))["p"] < 0.05)
    assert np.mean(held) >= 0.91
    assert np.mean(rejected) <= 0.085
    assert multinomial_calibration(said(np.random.default_rng(2), 200))["p"] < 0.01


def test_no_fit_has_a_reason() -> None:
    scores = said(np.random.default_rng(0), 40)
    without = multinomial_calibration(scores.take(scores.label != 2))
    assert without["p"] is None
    assert without["slopes"]["b"]["value"] is None
    perfect = multinomial_calibration(replace(scores, probabilities=np.eye(3)[scores.label]))
    assert "reason" in perfect["slopes"]["b"]
    assert perfect["p"] > 0.5  # nothing speaks against it
    assert multinomial_calibration(said(np.random.default_rng(0), 19))["reason"] == "needs 20 patients"
    same = multinomial_calibration(replace(scores, probabilities=np.full((len(scores), 3), 1 / 3)))
    assert same["p"] is None
    assert "do not differ" in same["reason"]


def test_the_smooth_curve_holds_what_came_true() -> None:
    held = []
    for number in range(150):
        rng = np.random.default_rng([3, number])
        patient = np.repeat(np.arange(80), 3)
        odds = rng.normal(size=80)[patient] + rng.normal(size=240)
        positive = rng.random(240) < special.expit(0.7 * odds - 0.3)
        curve = smooth_calibration(positive, special.expit(odds), patient)
        assert curve is not None
        truth = special.expit(0.7 * special.logit(curve.given) - 0.3)
        held.append(np.mean((curve.lower <= truth) & (truth <= curve.upper)))
        assert np.all(np.diff(curve.given) > 0)
        assert np.all(curve.upper - curve.lower <= 0.5)
    assert np.mean(held) >= 0.92


def test_the_smooth_curve_ends_where_no_event_shows_how_it_runs() -> None:
    rng = np.random.default_rng(8)
    odds = np.append(rng.normal(-5, 1, 100), rng.normal(0, 1, 60))
    positive = (rng.random(160) < special.expit(odds)) & (odds > -1)
    curve = smooth_calibration(positive, special.expit(odds), np.arange(160))
    assert curve is not None
    assert np.quantile(special.expit(odds), 0.01) < 0.002
    assert 0.002 < curve.given[0] < 0.5
    assert curve.given[-1] > 0.7


def test_too_few_patients_have_no_smooth_curve() -> None:
    positive = np.arange(30) < 9
    assert smooth_calibration(positive, np.linspace(0.1, 0.9, 30), np.arange(30)) is None
    assert smooth_calibration(np.arange(30) < 15, np.full(30, 0.5), np.arange(30)) is None


def test_equal_subgroups_are_rarely_called_different_and_unequal_ones_often() -> None:
    equal, unequal = [], []
    for number in range(200):
        rng = np.random.default_rng([4, number])
        scores = said(rng, 90)
        site = np.array(["x", "y", "z"])[scores.patient_id.astype(int) % 3]
        equal.append(interaction(scores, site)["p"])
        sharper = special.softmax(np.log(scores.probabilities) + 2.5 * np.eye(3)[scores.label], axis=1)
        told = np.where((site == "x")[:, None], sharper, scores.probabilities)
        unequal.append(interaction(replace(scores, probabilities=told), site)["p"])
    assert np.mean(np.array(equal) < 0.05) <= 0.085
    assert np.mean(np.array(unequal, dtype=float) < 0.05) >= 0.9


def test_a_perfect_subgroup_is_compared_too() -> None:
    scores = said(np.random.default_rng(7), 90)
    site = np.array(["x", "y", "z"])[scores.patient_id.astype(int) % 3]
    told = np.where((site == "x")[:, None], np.eye(3)[scores.label], scores.probabilities)
    found = interaction(replace(scores, probabilities=told), site)
    assert found["left_out"] == []
    assert found["p"] < 0.01


def test_two_subgroups_are_tested_as_their_gap_is() -> None:
    scores = said(np.random.default_rng(5), 120)
    site = np.array(["x", "y"])[scores.patient_id.astype(int) % 2]
    assert interaction(scores, site)["p"] == pytest.approx(subgroup_gaps(scores, site)["x"]["p"], abs=0.03)


def test_a_subgroup_without_a_class_is_left_out_by_name() -> None:
    scores = said(np.random.default_rng(6), 60)
    site = np.where(scores.label == 0, np.where(scores.patient_id.astype(int) % 2, "x", "y"), "y")
    found = interaction(scores, site)
    assert found["p"] is None
    assert found["left_out"] == ["x"]


def test_metrics_hold_the_smooth_curve_that_the_report_draws(scores) -> None:
    found = evaluate(scores, EvaluateConfig(bootstraps=100), 0)["calibration"]["as_is"]["smooth"]
    assert list(found) == list(scores.classes)
    for column, own in enumerate(found.values()):
        curve = smooth_calibration(scores.label == column, scores.probabilities[:, column], scores.patient_id)
        assert own == {part: getattr(curve, part).tolist() for part in ("given", "came_true", "lower", "upper")}
    few = evaluate(scores.take(scores.patient_id < "patient2"), EvaluateConfig(bootstraps=100), 0)
    assert None in few["calibration"]["as_is"]["smooth"].values()
