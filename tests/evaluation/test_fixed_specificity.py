from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics

from keras_cwp.config import EvaluateConfig
from keras_cwp.evaluation.fixed_specificity import fixed_specificity, partial_auc, sensitivity_at
from keras_cwp.evaluation.statistic import on_table
from keras_cwp.scores import Scores


@pytest.mark.parametrize("decimals", [0, 1, 8])
def test_values_are_those_of_scikit_learn_and_of_the_definition(decimals: int) -> None:
    rng = np.random.default_rng(decimals)
    positive = rng.random(150) < 0.4
    score = np.round(rng.normal(size=150) + positive, decimals)
    partial = on_table(partial_auc(positive, score, 0.2), 150)["auc", "partial"]
    assert partial == pytest.approx(metrics.roc_auc_score(positive, score, max_fpr=0.2), abs=1e-12)
    reached = max(
        (score[positive] >= cut).mean() for cut in [*score, np.inf] if (score[~positive] < cut).mean() >= 0.9 - 1e-12
    )
    assert on_table(sensitivity_at(positive, score, 0.9), 150)["auc", "at"] == pytest.approx(reached, abs=1e-12)


def test_a_weight_is_a_repetition_and_a_lost_class_is_undefined() -> None:
    rng = np.random.default_rng(4)
    positive, score = rng.random(50) < 0.5, np.round(rng.normal(size=50), 1)
    weight = rng.integers(0, 4, 50)
    repeated = np.repeat(positive, weight), np.repeat(score, weight)
    for make in (lambda p, s: sensitivity_at(p, s, 0.8), lambda p, s: partial_auc(p, s, 0.3)):
        (weighted,) = make(positive, score)(weight[:, None].astype(float)).values()
        assert weighted[0] == pytest.approx(*on_table(make(*repeated), int(weight.sum())).values(), abs=1e-12)
        (lost,) = make(positive, score)((~positive).astype(float)[:, None]).values()
        assert np.isnan(lost[0])


def test_intervals_hold_the_truth_over_patients() -> None:
    """Sixty patients of three alike rows; the truth of two normal distributions."""
    truth, inside = stats.norm.sf(stats.norm.ppf(0.9) - 1.8), []
    grid = np.linspace(0, 0.2, 4001)
    area = np.trapezoid(stats.norm.sf(stats.norm.isf(grid) - 1.8), grid)
    partial = (1 + (area - 0.02) / (0.2 - 0.02)) / 2
    for seed in range(120):
        rng = np.random.default_rng(seed)
        patient = np.repeat(np.arange(60), 3)
        positive = patient < 30
        share = stats.norm.cdf(0.6 * rng.normal(size=60)[patient] + 0.8 * rng.normal(size=180) + 1.8 * positive)
        names = np.arange(180).astype(str)
        scores = Scores(("no", "yes"), names, patient.astype(str), names, 0 * patient, positive.astype(int),
                        np.stack([1 - share, share], axis=1))  # fmt: skip
        found = fixed_specificity(scores, EvaluateConfig(bootstraps=200), 0)["yes"]
        own = [(found["sensitivity_at"]["0.9"], truth), (found["partial_auc"], partial)]
        inside.append([figure["ci95"][0] <= true <= figure["ci95"][1] for figure, true in own])
    assert (np.mean(inside, axis=0) >= 0.89).all()
    assert (np.mean(inside, axis=0) <= 1.0).all()


def test_few_patients_have_a_reason(scores) -> None:
    one = scores.take(scores.patient_id == scores.patient_id[0])
    for own in fixed_specificity(one, EvaluateConfig(bootstraps=100), 0).values():
        for figure in (*own["sensitivity_at"].values(), own["partial_auc"]):
            assert figure["ci95"] is None
            assert figure["reason"]


def test_few_patients_without_the_class_give_no_interval_of_the_sensitivity(make_scores) -> None:
    """The threshold would be the highest score of a few patients, and no resample has a higher one."""
    scores = make_scores(folds=1, patients=26)
    found = fixed_specificity(scores, EvaluateConfig(bootstraps=100), 0)
    for name, own in found.items():
        without = len(np.unique(scores.patient_id[scores.label != scores.classes.index(name)]))
        for specificity, needed in (("0.9", 20), ("0.95", 40)):
            figure = own["sensitivity_at"][specificity]
            assert (figure["ci95"] is None) == (without < needed)
            if without < needed:
                assert figure["reason"] == f"needs {needed} patients without the class, there are {without}"
                assert 0 <= figure["value"] <= 1
