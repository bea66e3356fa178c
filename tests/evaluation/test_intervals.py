from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from keras_cwp.evaluation.agreement import agreement_statistic
from keras_cwp.evaluation.intervals import (
    bca,
    clustered_wilson,
    draw_patients,
    figure,
    percentile,
    resample,
    strata,
    wilson,
)
from keras_cwp.evaluation.statistic import Key


def share_of(values: np.ndarray):
    def statistic(weights: np.ndarray) -> dict[Key, np.ndarray]:
        return {("mean",): values @ weights / weights.sum(axis=0)}

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


def test_wilson_by_the_published_example() -> None:
    """Newcombe, Statistics in Medicine 17 (1998) 857-872, table I: 81 of 263, 15 of 148, 0 of 20, 1 of 29."""
    for successes, trials, limits in (
        (81, 263, (0.2553, 0.3662)), (15, 148, (0.0624, 0.1605)), (0, 20, (0.0, 0.1611)), (1, 29, (0.0061, 0.1718)),
    ):  # fmt: skip
        np.testing.assert_allclose(wilson(successes, trials), limits, atol=5e-5)


def test_clustered_wilson_counts_alike_rows_as_fewer() -> None:
    success = np.repeat([True, False, True, True, False, True, True, False], 5)
    alone = clustered_wilson(success, np.arange(40))
    alike = clustered_wilson(success, np.repeat(np.arange(8), 5))
    np.testing.assert_allclose(alone, wilson(25, 40), atol=0.002)
    # Rows of a patient say the same: worth the eight patients (seven, after the variance's correction).
    np.testing.assert_allclose(alike, wilson(7 * 25 / 40, 7), atol=1e-9)


def test_clustered_wilson_with_all_right_counts_patients() -> None:
    assert clustered_wilson(np.ones(30, dtype=bool), np.repeat([0, 1, 2], 10)) == wilson(3, 3)
    assert clustered_wilson(np.ones(0, dtype=bool), np.ones(0)) is None


def test_figures_say_why_they_have_no_interval() -> None:
    labels = np.array([0, 0, 1, 1])
    statistic = agreement_statistic(labels, labels, ("a", "b"))
    several = resample(statistic, np.arange(4), labels, resamples=100, seed=0)
    assert figure(several, ("accuracy",), "percentile", "")["reason"] == "every resample gives the same value"
    alone = resample(statistic, np.zeros(4), labels, resamples=100, seed=0)
    assert "one patient" in figure(alone, ("accuracy",), "percentile", "")["reason"]
    rare = resample(statistic, np.array([0, 1, 1, 1]), np.zeros(4, dtype=int), resamples=100, seed=0)
    assert "too few patients of a class" in figure(rare, ("balanced_accuracy",), "percentile", "")["reason"]
