from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from keras_cwp.config import EvaluateConfig
from keras_cwp.errors import ScoresError
from keras_cwp.evaluation.alignment import align
from keras_cwp.evaluation.comparison import compare, holm, mcnemar
from keras_cwp.evaluation.paired import paired_delong
from keras_cwp.evaluation.roc import macro_auc
from keras_cwp.scores import Scores

QUICK = EvaluateConfig(bootstraps=400)


def blurred(scores: Scores, seed: int = 0, strength: float = 2.0) -> Scores:
    """A worse model: noise on the logits."""
    noise = np.random.default_rng(seed).normal(size=scores.probabilities.shape) * strength
    power = scores.probabilities * np.exp(noise)
    return replace(scores, probabilities=power / power.sum(axis=1, keepdims=True))


def test_a_worse_model_is_found_worse_by_every_test(make_scores) -> None:
    scores = make_scores(patients=120)
    worse = blurred(scores, strength=5.0)
    (pair,) = compare({"good": scores, "blurred": worse}, QUICK, 0)["pairs"]
    difference = macro_auc(scores.label, scores.probabilities) - macro_auc(worse.label, worse.probabilities)
    for test in ("delong", "bootstrap"):
        assert pair[test]["macro"]["value"] == pytest.approx(difference, abs=1e-12)
        assert pair[test]["macro"]["ci95"][0] > 0
        assert pair[test]["macro"]["p"] < 0.01
    assert pair["mcnemar"]["p"] < 0.01
    assert pair["delong"]["macro"]["ci95"][0] == pytest.approx(pair["bootstrap"]["macro"]["ci95"][0], abs=0.03)


def test_equal_models_have_no_p_value_and_valid_json(scores) -> None:
    found = compare({"a": scores, "b": scores}, QUICK, 0)
    (pair,) = found["pairs"]
    assert pair["delong"]["macro"]["p"] is None
    assert pair["mcnemar"]["p"] == 1
    assert pair["bootstrap"]["macro"]["p"] == 1
    json.dumps(found, allow_nan=False)


def test_under_no_difference_p_values_are_uniform(make_scores) -> None:
    """Two models equally blurred, again and again: one in ten p values under 0.1, give or take."""
    p = []
    for seed in range(60):
        scores = make_scores(patients=40, seed=seed)
        pair = compare(
            {"a": blurred(scores, 2 * seed), "b": blurred(scores, 2 * seed + 1)}, EvaluateConfig(bootstraps=100), 0
        )
        p.append([pair["pairs"][0]["delong"]["macro"]["p"], pair["pairs"][0]["mcnemar"]["p"]])
    for column in np.array(p).T:
        assert stats.kstest(column, "uniform").pvalue > 0.01


def test_rows_may_stand_in_any_order(scores) -> None:
    shuffled = scores.take(np.random.default_rng(0).permutation(len(scores)))
    aligned = align({"a": scores, "b": shuffled})
    assert aligned["b"].roi_id.tolist() == scores.roi_id.tolist()
    np.testing.assert_array_equal(aligned["b"].probabilities, scores.probabilities)


def test_classes_may_stand_in_any_order(scores) -> None:
    other = scores.in_order((scores.classes[2], scores.classes[0], scores.classes[1]))
    aligned = align({"a": scores, "b": other})["b"]
    assert aligned.classes == scores.classes
    np.testing.assert_array_equal(aligned.label, scores.label)
    np.testing.assert_array_equal(aligned.probabilities, scores.probabilities)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"fold": lambda s: (s.fold + 1) % 3}, "differ in fold"),
        ({"label": lambda s: (s.label + 1) % 3}, "differ in label"),
        ({"roi_id": lambda s: np.char.add("x", s.roi_id)}, "differ in roi_id"),
        ({"classes": lambda _: ("a", "b", "c")}, "has classes"),
    ],
)
def test_runs_of_other_rois_or_folds_are_refused(scores, change: dict, message: str) -> None:
    ((field, new),) = change.items()
    with pytest.raises(ScoresError, match=message):
        compare({"a": scores, "b": replace(scores, **{field: new(scores)})}, QUICK, 0)


def test_fewer_rois_or_a_single_run_are_refused(scores) -> None:
    with pytest.raises(ScoresError, match=r"holds out \d+ ROIs, run b"):
        compare({"a": scores, "b": scores.take(np.arange(10))}, QUICK, 0)
    with pytest.raises(ScoresError, match="at least two"):
        compare({"a": scores}, QUICK, 0)


def test_mcnemar_by_hand() -> None:
    """Ten ROIs that the first alone gets right, two that the second does; each a patient of its own."""
    first = np.array([True] * 10 + [False] * 2 + [True] * 8)
    second = np.array([False] * 10 + [True] * 2 + [True] * 8)
    found = mcnemar(first, second, np.arange(20))
    assert (found["first_only"], found["second_only"]) == (10, 2)
    assert found["p_rois"] == pytest.approx(2 * stats.binom.cdf(2, 12, 0.5))
    assert found["p"] == pytest.approx(found["p_rois"])  # with one ROI a patient the flips are McNemar's exact test


def test_holm_by_hand() -> None:
    np.testing.assert_allclose(holm(np.array([0.01, 0.04, 0.03, np.nan])), [0.03, 0.06, 0.06, np.nan])
    np.testing.assert_allclose(holm(np.array([0.9, 0.8])), [1, 1])


def eight_patients(rare: int = 2) -> tuple[Scores, Scores]:
    """Eight patients, two of them with the rare class; the first model is right throughout, the second guesses."""
    rng = np.random.default_rng(3)
    patient = np.repeat(np.arange(8), 4)
    label = np.where(patient < rare, 2, patient % 2)
    names, owners = np.arange(32).astype(str), patient.astype(str)
    good = Scores(("a", "b", "c"), names, owners, owners, 0 * patient, label, 0.7 * np.eye(3)[label] + 0.1)
    noisy = good.probabilities + rng.random((32, 3)) * 1e-3
    return (
        replace(good, probabilities=noisy / noisy.sum(axis=1, keepdims=True)),
        replace(good, probabilities=rng.dirichlet(np.ones(3), 32)),
    )


def test_eight_patients_never_give_a_p_value_that_sign_flips_forbid() -> None:
    found = compare(dict(zip("ab", eight_patients(), strict=True)), QUICK, 0)
    (pair,) = found["pairs"]
    for test in (pair["delong"]["macro"], pair["bootstrap"]["macro"], pair["bootstrap"]["accuracy"], pair["mcnemar"]):
        assert test["p"] is None or test["p"] >= 2 / 2**8
    assert "2 patients stand on one side" in pair["delong"]["macro"]["caution"]
    assert any("2 with c" in sentence for sentence in found["cautions"])
    assert any("0.0078" in sentence for sentence in found["cautions"])


def test_one_patient_of_a_class_is_refused() -> None:
    (pair,) = compare(dict(zip("ab", eight_patients(1), strict=True)), QUICK, 0)["pairs"]
    assert pair["delong"]["macro"]["p"] is None
    assert pair["delong"]["macro"]["ci95"] is None
    assert pair["delong"]["per_class"]["c"]["reason"] == "needs two patients with the class and two without"
    assert pair["delong"]["per_class"]["a"]["p"] is not None


def test_p_and_interval_say_the_same(make_scores) -> None:
    for seed in range(25):
        scores = make_scores(patients=12, seed=seed)
        runs = {"a": blurred(scores, seed, 1.0), "b": blurred(scores, seed + 100, 2.0)}
        (pair,) = compare(runs, EvaluateConfig(bootstraps=100), 0)["pairs"]
        for test in (pair["delong"]["macro"], pair["bootstrap"]["macro"], pair["bootstrap"]["accuracy"]):
            assert (test["p"] is None) == (test["ci95"] is None) or test["value"] == 0
            if test["ci95"] is not None:
                assert (test["p"] < 0.05) == (not test["ci95"][0] <= 0 <= test["ci95"][1])


def test_classes_are_corrected_over_classes_and_pairs(make_scores) -> None:
    scores = make_scores(patients=60)
    runs = {"a": scores, "b": blurred(scores, 1), "c": blurred(scores, 2)}
    pairs = compare(runs, EvaluateConfig(bootstraps=100), 0)["pairs"]
    tests = [test for pair in pairs for test in pair["delong"]["per_class"].values()]
    np.testing.assert_allclose([test["p_holm"] for test in tests], holm(np.array([test["p"] for test in tests])))


def test_detectable_difference_is_found_in_four_of_five_studies() -> None:
    """The mean detectable difference of studies, against the share of studies that find the true one."""
    found, detectable = [], []
    for seed in range(120):
        rng = np.random.default_rng(seed)
        positive = np.arange(200) < 100
        common = rng.normal(size=200)
        names = np.arange(200).astype(str)
        runs = {}
        for name, gain in (("a", 1.35), ("b", 0.9)):
            share = stats.norm.cdf(0.7 * common + 0.7 * rng.normal(size=200) + gain * positive)
            both = np.stack([1 - share, share], axis=1)
            runs[name] = Scores(("no", "yes"), names, names, names, 0 * names.astype(int), positive.astype(int), both)
        test = paired_delong(runs["a"], runs["b"])["per_class"]["yes"]
        found.append(test["p"] < 0.05)
        detectable.append(test["detectable"])
    true = stats.norm.cdf(1.35 / np.sqrt(2 * 0.98)) - stats.norm.cdf(0.9 / np.sqrt(2 * 0.98))
    needed = np.mean(detectable) / true  # 1: the study is of just the size that finds it in 80 %
    expected = stats.norm.cdf((1.96 + 0.84) / needed - 1.96)
    assert np.mean(found) == pytest.approx(expected, abs=0.12)


def test_non_inferiority_by_hand(make_scores) -> None:
    scores = make_scores(patients=60)
    test = paired_delong(scores, blurred(scores), margin=0.05)["macro"]
    plain = paired_delong(scores, blurred(scores))["macro"]
    assert "non_inferior" not in plain
    assert test["non_inferior"]["first_p"] < 0.001
    assert test["non_inferior"]["second_p"] > 0.5
    assert test["value"] == plain["value"]


def test_mcnemar_finds_its_detectable_difference_in_four_of_five_studies() -> None:
    """Twenty patients of 100 decide differently, with the share of the detectable difference on one side."""
    right, patients = np.arange(100) < 14, np.arange(100)
    found = mcnemar(right, (patients >= 14) & (patients < 20), patients)
    share = (1 + found["detectable"] * 100 / 20) / 2
    rng, hits = np.random.default_rng(0), []
    for _ in range(1500):
        first = np.zeros(100, dtype=bool)
        first[:20] = rng.random(20) < share
        hits.append(mcnemar(first, (patients < 20) & ~first, patients)["p"] < 0.05)
    assert np.mean(hits) == pytest.approx(0.8, abs=0.04)
    few = mcnemar(patients < 3, (patients >= 3) & (patients < 5), patients)
    assert (few["detectable"], few["why_not_detectable"]) == (None, "5 patients who differ allow no p value below .05")
    unequal = mcnemar(right, ~right & (patients < 90), np.minimum(patients, 60))
    assert "unequal numbers of ROIs" in unequal["why_not_detectable"]
    json.dumps([found, few, unequal, mcnemar(right, right, patients)], allow_nan=False)


def test_the_bootstrap_detects_what_delong_does(make_scores) -> None:
    scores = make_scores(patients=120)
    (pair,) = compare({"a": scores, "b": blurred(scores, strength=1.0)}, QUICK, 0)["pairs"]
    assert pair["bootstrap"]["macro"]["detectable"] == pytest.approx(pair["delong"]["macro"]["detectable"], rel=0.1)
    assert 0 < pair["bootstrap"]["accuracy"]["detectable"] < 0.5
