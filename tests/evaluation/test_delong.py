from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from keras_cwp.evaluation.delong import clustered_delong, delong, delong_figures, logit_limits, wald
from keras_cwp.evaluation.estimates import placements, variance
from keras_cwp.evaluation.paired import paired_delong
from keras_cwp.evaluation.ranking import macro_estimate
from keras_cwp.evaluation.roc import macro_auc
from keras_cwp.scores import Scores

GOLDEN = Path(__file__).parents[1] / "golden"
REGENERATE = "regenerate: cd tests/golden && Rscript proc.R > proc.json"


@pytest.fixture(scope="module")
def table() -> tuple[np.ndarray, np.ndarray]:
    with open(GOLDEN / "proc_input.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    positive = np.array([row["positive"] == "1" for row in rows])
    return positive, np.array([[float(row["first"]), float(row["second"])] for row in rows])


def test_delong_is_that_of_proc(table) -> None:
    expected = json.loads((GOLDEN / "proc.json").read_text(encoding="utf-8"))
    areas, covariance = delong(*table)
    for column, name in enumerate(("first", "second")):
        assert areas[column] == pytest.approx(expected[name]["auc"], abs=1e-12), REGENERATE
        assert covariance[column, column] == pytest.approx(expected[name]["variance"], abs=1e-12), REGENERATE
        limits = wald(areas[column], covariance[column, column])
        np.testing.assert_allclose(limits, expected[name]["ci95"], atol=1e-9, err_msg=REGENERATE)
    assert covariance[0, 1] == pytest.approx(expected["covariance"], abs=1e-12), REGENERATE
    z = (areas[0] - areas[1]) / np.sqrt(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])
    assert z == pytest.approx(expected["paired"]["z"], abs=1e-9), REGENERATE


def test_paired_statistic_of_independent_rois_is_procs(table) -> None:
    """pROC's z rests on the normal distribution; ours is at least as careful."""
    expected = json.loads((GOLDEN / "proc.json").read_text(encoding="utf-8"))
    positive, values = table
    names = np.array([str(row) for row in range(len(positive))])
    runs = []
    for column in values.T:
        share = 1 / (1 + np.exp(-column))  # rising, so the ranks stay
        scores = np.stack([1 - share, share], axis=1)
        runs.append(Scores(("no", "yes"), names, names, names, np.zeros(len(names), int), positive.astype(int), scores))
    first, second = (clustered_delong(positive, column, names) for column in values.T)
    z = (first.value - second.value) / np.sqrt(variance(first.arms - second.arms, first.sizes, first.means))
    assert z == pytest.approx(expected["paired"]["z"], abs=1e-9), REGENERATE
    found = paired_delong(*runs)["per_class"]["yes"]
    assert expected["paired"]["p"] <= found["p"] < expected["paired"]["p"] + 0.03


def test_placements_pair_by_pair() -> None:
    rng = np.random.default_rng(0)
    positive, score = rng.random(40) < 0.5, np.round(rng.normal(size=40), 1)
    wins = np.array([[(a > b) + (a == b) / 2 for b in score[~positive]] for a in score[positive]])
    of_hits, of_rest = placements(positive, score)
    np.testing.assert_allclose(of_hits, wins.mean(axis=1), atol=1e-12)
    np.testing.assert_allclose(of_rest, wins.mean(axis=0), atol=1e-12)


def slow_obuchowski(positive: np.ndarray, score: np.ndarray, patients: np.ndarray) -> float:
    """The formulas of the paper, patient by patient and pair by pair."""
    wins = lambda a, b: (a > b) + (a == b) / 2  # noqa: E731
    hits, rest = score[positive], score[~positive]
    area = np.mean([[wins(a, b) for b in rest] for a in hits])
    s10 = s01 = s11 = 0.0
    names = np.unique(patients)
    for name in names:
        own = patients == name
        x = sum(np.mean([wins(a, b) for b in rest]) for a in score[own & positive])
        y = sum(np.mean([wins(a, b) for a in hits]) for b in score[own & ~positive])
        m, n = (own & positive).sum(), (own & ~positive).sum()
        s10 += (x - m * area) ** 2
        s01 += (y - n * area) ** 2
        s11 += (x - m * area) * (y - n * area)
    with_hits, with_rest = len(np.unique(patients[positive])), len(np.unique(patients[~positive]))
    s10 *= with_hits / ((with_hits - 1) * len(hits))
    s01 *= with_rest / ((with_rest - 1) * len(rest))
    s11 *= len(names) / (len(names) - 1)
    return s10 / len(hits) + s01 / len(rest) + 2 * s11 / (len(hits) * len(rest))


def test_clustered_variance_is_obuchowskis(make_scores) -> None:
    scores = make_scores(patients=25, ties=True)
    positive = scores.label == 1
    found = clustered_delong(positive, scores.probabilities[:, 1], scores.patient_id).variance()
    expected = slow_obuchowski(positive, scores.probabilities[:, 1], scores.patient_id)
    assert found == pytest.approx(expected, rel=1e-12)


def test_one_roi_a_patient_gives_plain_delong(table) -> None:
    positive, values = table
    _, plain = delong(positive, values)
    for column in (0, 1):
        found = clustered_delong(positive, values[:, column], np.arange(len(positive))).variance()
        assert found == pytest.approx(plain[column, column], abs=1e-15)


def test_doubling_every_roi_leaves_the_clustered_variance(table) -> None:
    """Two copies of a ROI say nothing new; plain DeLong would halve the variance."""
    positive, values = (np.repeat(column, 2, axis=0) for column in table)
    _, once = delong(*table)
    doubled = clustered_delong(positive, values[:, 0], np.repeat(np.arange(len(table[0])), 2)).variance()
    _, naive = delong(positive, values)
    assert doubled == pytest.approx(once[0, 0], rel=1e-9)
    assert naive[0, 0] < 0.55 * once[0, 0]


def test_macro_variance_agrees_with_the_jackknife_over_patients(make_scores) -> None:
    scores = make_scores(patients=120)
    names, patient = np.unique(scores.patient_id, return_inverse=True)
    found = macro_estimate(scores.label, scores.probabilities, patient, len(names))
    assert found.value == pytest.approx(macro_auc(scores.label, scores.probabilities), abs=1e-12)
    left_out = []
    for name in names:
        kept = scores.take(scores.patient_id != name)
        left_out.append(macro_auc(kept.label, kept.probabilities))
    jackknife = (len(names) - 1) / len(names) * ((np.array(left_out) - np.mean(left_out)) ** 2).sum()
    assert found.variance() == pytest.approx(jackknife, rel=0.08)


def test_a_rare_class_is_not_helped_by_many_other_patients(make_scores) -> None:
    """Two patients of a class: their own scatter is doubled (2 / (2 - 1)), however many patients there are."""
    scores = make_scores(patients=80)
    kept = (scores.label != 2) | np.isin(scores.patient_id, ["patient3", "patient4"])
    label = np.where(np.isin(scores.patient_id, ["patient3", "patient4"]), 2, scores.label)[kept]
    _, patient = np.unique(scores.patient_id[kept], return_inverse=True)
    found = macro_estimate(label, scores.probabilities[kept], patient, patient.max() + 1)
    assert found.sizes.min() == 2
    arm = int(np.argmin(found.sizes))
    alone = variance(found.arms[[arm]], found.sizes[[arm]], found.means[[arm]])
    assert alone == pytest.approx(2 * (found.arms[arm] ** 2).sum(), rel=1e-12)
    assert found.freedom == 1


def test_logit_limits_by_hand(table) -> None:
    positive, values = table
    found = clustered_delong(positive, values[:, 0], np.arange(len(positive)))
    freedom = min(positive.sum(), (~positive).sum()) - 1
    half = stats.t.ppf(0.975, freedom) * np.sqrt(found.variance()) / (found.value * (1 - found.value))
    odds = np.log(found.value / (1 - found.value)) + np.array([-half, half])
    np.testing.assert_allclose(logit_limits(found), 1 / (1 + np.exp(-odds)), rtol=1e-12)


def test_too_few_patients_give_a_reason_not_a_number(scores) -> None:
    one = scores.take(scores.patient_id == scores.patient_id[0])
    found = delong_figures(one)
    assert found["macro"]["ci95"] is None
    assert all("reason" in figure for figure in found["per_class"].values())
