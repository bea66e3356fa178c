from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from keras_cwp.config import EvaluateConfig
from keras_cwp.evaluation.agreement import agreement_statistic, right_statistic
from keras_cwp.evaluation.intervals import Measured, bca, figure, percentile, with_intervals
from keras_cwp.evaluation.resampling import MOST_LEFT_OUT, draw_patients, leave_out, resample, strata
from keras_cwp.evaluation.statistic import Key, joined


def share_of(values: np.ndarray):
    def statistic(weights: np.ndarray) -> dict[Key, np.ndarray]:
        return {("mean",): values @ weights / weights.sum(axis=0)}

    return statistic


def share_without_class(labels: np.ndarray):
    """A metric that is undefined where a resample lost the first row, and that varies otherwise."""

    def statistic(weights: np.ndarray) -> dict[Key, np.ndarray]:
        mine = weights[labels == 0].sum(axis=0)
        return {("share",): np.where(weights[0] > 0, mine / weights.sum(axis=0) + weights[0], np.nan)}

    return statistic


def test_rows_of_a_patient_are_drawn_together_and_strata_keep_their_size() -> None:
    stratum = np.array([0, 0, 0, 1, 1])
    counts = draw_patients(stratum, 500, np.random.default_rng(0))
    assert (counts[:3].sum(axis=0) == 3).all()
    assert (counts[3:].sum(axis=0) == 2).all()
    assert 0.9 < counts[0].mean() < 1.1
    assert counts[0].std() > 0.5


def test_stratum_is_the_commonest_label_and_a_lone_patient_joins_others() -> None:
    patient = np.array([0, 0, 0, 1, 1, 2, 2, 3, 4])
    labels = np.array([0, 0, 1, 1, 1, 0, 0, 2, 1])
    found = strata(patient, labels)
    assert found[0] == found[2]
    assert found[1] == found[4] != found[0]
    assert found[3] in found[[0, 1]]  # alone with label 2
    assert strata(np.array([0]), np.array([2])).shape == (1,)


def test_bootstrap_matches_resampling_row_by_row(scores) -> None:
    """A slow second implementation with its own draws: the distributions agree."""
    values = (scores.probabilities.argmax(axis=1) == scores.label).astype(float)
    found = resample(share_of(values), scores.patient_id, np.zeros(len(scores), dtype=int), resamples=2000, seed=1)
    rng = np.random.default_rng(2)
    rows_of = [np.flatnonzero(scores.patient_id == name) for name in np.unique(scores.patient_id)]
    slow = [
        values[np.concatenate([rows_of[p] for p in rng.integers(len(rows_of), size=len(rows_of))])].mean()
        for _ in range(2000)
    ]
    fast = found.bootstrap[("mean",)]
    assert fast.mean() == pytest.approx(np.mean(slow), abs=4 * np.std(slow) / np.sqrt(1000))
    assert fast.std() == pytest.approx(np.std(slow), rel=0.08)
    assert len(fast) == 2000


def test_same_seed_same_interval_other_seed_another(scores) -> None:
    values = scores.probabilities[:, 0]
    runs = [
        percentile(
            resample(share_of(values), scores.patient_id, scores.label, resamples=200, seed=s).bootstrap[("mean",)]
        )
        for s in (1, 1, 2)
    ]
    assert runs[0] == runs[1]
    assert runs[0] != runs[2]


def test_patient_intervals_are_wider_than_those_that_take_rois_for_independent(scores) -> None:
    values = scores.probabilities[:, 0]
    spread = [
        resample(share_of(values), unit, np.zeros(len(scores), dtype=int), resamples=1000, seed=0)
        .bootstrap[("mean",)].std()
        for unit in (scores.patient_id, scores.roi_id)
    ]  # fmt: skip
    assert spread[0] > 1.3 * spread[1]


def test_bca_agrees_with_scipy_on_independent_rows() -> None:
    values = np.random.default_rng(0).lognormal(size=60)
    names = np.arange(60)
    found = resample(share_of(values), names, np.zeros(60, dtype=int), resamples=20_000, seed=0, jackknife=True)
    ours = bca(values.mean(), found.bootstrap[("mean",)], found.jackknife[("mean",)])
    theirs = stats.bootstrap(
        (values,), np.mean, method="BCa", n_resamples=20_000, rng=np.random.default_rng(5)
    ).confidence_interval
    np.testing.assert_allclose(ours, theirs, rtol=0.02)
    assert ours[0] > percentile(found.bootstrap[("mean",)])[0]  # skewed to the right: BCa shifts


def test_figures_say_why_they_have_no_interval() -> None:
    labels = np.array([0, 0, 1, 1])
    statistic = joined(right_statistic(labels, labels), agreement_statistic(labels, labels, ("a", "b")))
    several = resample(statistic, np.arange(4), labels, resamples=100, seed=0)
    assert figure(several, ("accuracy",), "percentile", "")["reason"] == "every resample gives the same value"
    alone = resample(statistic, np.zeros(4), labels, resamples=100, seed=0)
    assert "one patient" in figure(alone, ("accuracy",), "percentile", "")["reason"]
    rare = resample(share_without_class(labels), np.array([0, 1, 1, 1]), resamples=100, seed=0)
    assert "too few patients of a class" in figure(rare, ("share",), "percentile", "")["reason"]


def test_few_patients_give_more_extreme_percentiles() -> None:
    drawn = np.random.default_rng(0).normal(size=20_000)
    plain, few, many = percentile(drawn), percentile(drawn, 5), percentile(drawn, 100_000)
    np.testing.assert_allclose(many, plain, atol=0.01)
    assert few[0] == pytest.approx(-stats.t.ppf(0.975, 4) * np.sqrt(5 / 4), abs=0.25)


def test_leaving_out_is_the_jackknife_patient_by_patient(scores) -> None:
    values = scores.probabilities[:, 0]
    names = np.unique(scores.patient_id)
    slow = np.array([values[scores.patient_id != name].mean() for name in names])
    found = leave_out(share_of(values), scores.patient_id)
    np.testing.assert_allclose(found.values[("mean",)], slow, atol=1e-12)
    expected = (len(names) - 1) / len(names) * ((slow - slow.mean()) ** 2).sum()
    assert found.variance(("mean",)) == pytest.approx(expected, rel=1e-12)


def test_many_patients_are_left_out_in_groups_with_the_same_variance() -> None:
    rng = np.random.default_rng(0)
    patient = np.repeat(np.arange(4000), 2)
    values = rng.normal(size=8000) + rng.normal(size=4000)[patient]
    found = leave_out(share_of(values), patient)
    assert len(found.layer) == MOST_LEFT_OUT
    of_patient = values.reshape(4000, 2).mean(axis=1)
    assert found.variance(("mean",)) == pytest.approx(of_patient.var(ddof=1) / 4000, rel=0.2)


def test_a_loss_has_an_interval_on_the_log_scale(scores) -> None:
    """exp(log v ± t s / v), s from the jackknife over patients, t with as many degrees of freedom as s² has."""
    values = scores.probabilities[:, 0]

    def loss(weights: np.ndarray) -> dict[Key, np.ndarray]:
        return {("log_loss",): values @ weights / weights.sum(axis=0)}

    found = with_intervals(Measured(scores.patient_id, loss), EvaluateConfig(), 0)[("log_loss",)]
    left_out = leave_out(loss, scores.patient_id)
    squares = (left_out.values[("log_loss",)] - left_out.values[("log_loss",)].mean()) ** 2
    freedom = 2 / (np.var(squares) / (60 * squares.mean() ** 2))  # of a sum of 60 squares, by their variance
    assert freedom < 59
    variance = left_out.variance(("log_loss",)) * (1 + 2 / 60)  # METRICS: what the 60 patients do not show
    half = stats.t.ppf(0.975, freedom) * np.sqrt(variance) / values.mean()
    np.testing.assert_allclose(found["ci95"], values.mean() * np.exp([-half, half]), rtol=1e-12)


def test_the_variance_of_few_patients_log_loss_is_raised() -> None:
    """By 1 + 2 / patients: the limits are as far apart, on the log scale, as a t interval with that variance."""
    patients = np.arange(20).astype(str)
    losses = np.random.default_rng(3).gamma(0.5, 1.0, 20)

    def statistic(weights: np.ndarray) -> dict:
        mean = losses @ weights / weights.sum(axis=0)
        return {("log_loss",): mean, ("brier",): mean}

    found = with_intervals(Measured(patients, statistic), EvaluateConfig(), 0)
    wide, plain = (np.ptp(np.log(found[name,]["ci95"])) for name in ("log_loss", "brier"))
    assert wide / plain == pytest.approx(np.sqrt(1 + 2 / 20))
