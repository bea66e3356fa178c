from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics

from keras_cwp.config import EvaluateConfig
from keras_cwp.errors import ScoresError
from keras_cwp.evaluation.calibration import apply_temperature, by_temperature
from keras_cwp.evaluation.decision_curve import THRESHOLDS, decision_curve, net_benefit_figures
from keras_cwp.evaluation.lock import lock
from keras_cwp.evaluation.metrics import evaluate
from keras_cwp.evaluation.score_interval import wilson
from keras_cwp.evaluation.threshold_choice import choose_threshold, lower_bound
from keras_cwp.evaluation.thresholds import operating_points, rates
from keras_cwp.evaluation.validation import paired_folds
from keras_cwp.scores import Scores

POSITIVE = np.array([True, True, False, True, False, False])
SCORE = np.array([0.9, 0.8, 0.7, 0.6, 0.3, 0.1])


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({"threshold": "youden"}, (0.6, 0.3)),  # 2/3 + 1 - 1 from 0.8 on, 1 + 2/3 - 1 from 0.6 on; the wider gap
        ({"threshold": "sensitivity", "threshold_target": 0.9}, (0.6, 0.3)),
        ({"threshold": "specificity", "threshold_target": 0.9}, (0.8, 0.7)),
        ({"threshold": "specificity", "threshold_target": 0.6}, (0.6, 0.3)),
        ({"threshold": "cost", "false_negative_cost": 0.5}, (0.8, 0.7)),  # a miss 0.5 against an alarm 1
        ({"threshold": "cost", "false_negative_cost": 5}, (0.6, 0.3)),
    ],
)
def test_rules_by_hand_in_the_middle_of_the_gap(rule: dict, expected: tuple[float, float]) -> None:
    odds = np.sqrt(np.prod([score / (1 - score) for score in expected]))  # half-way on the logit scale
    assert choose_threshold(POSITIVE, SCORE, EvaluateConfig(**rule)) == pytest.approx(odds / (1 + odds))


def test_a_lower_confidence_bound_is_stricter_and_falls_back_to_all_positives() -> None:
    rng = np.random.default_rng(0)
    positive, score = np.arange(400) < 200, np.where(np.arange(400) < 200, rng.beta(4, 2, 400), rng.beta(2, 4, 400))
    plain = EvaluateConfig(threshold="sensitivity", threshold_target=0.9)
    sure = EvaluateConfig(threshold="sensitivity", threshold_target=0.9, threshold_confidence=0.95)
    thresholds = [choose_threshold(positive, score, config) for config in (plain, sure)]
    assert thresholds[1] < thresholds[0]
    called = score[positive] >= thresholds[1]
    assert wilson(called.sum(), 200)[0] < 0.9 + 0.02  # no stricter than needed
    assert lower_bound(called, np.arange(200), 200, 0.95) >= 0.9
    few = choose_threshold(POSITIVE, SCORE, sure)
    assert 0.3 < few < 0.6  # three patients cannot show it: below all of them


def test_the_confidence_bound_keeps_its_promise() -> None:
    """Sensitivity of at least .9 with 90 % confidence: kept in about 90 % of trials; by validation's value in half."""
    kept = {None: 0, 0.9: 0}
    for seed in range(150):
        rng = np.random.default_rng(seed)
        positive = np.arange(90) < 45
        score = stats.norm.cdf(rng.normal(size=90) + 1.5 * positive)
        for confidence in kept:
            config = EvaluateConfig(threshold="sensitivity", threshold_target=0.9, threshold_confidence=confidence)
            threshold = choose_threshold(positive, score, config)
            kept[confidence] += stats.norm.sf(stats.norm.ppf(threshold) - 1.5) >= 0.9
    assert kept[None] / 150 < 0.7
    assert 0.82 < kept[0.9] / 150 < 0.99


def test_no_threshold_without_both_kinds() -> None:
    assert choose_threshold(np.array([True]), np.array([0.5]), EvaluateConfig()) is None


def test_rates_by_hand() -> None:
    found = rates(POSITIVE, SCORE >= 0.7, np.arange(6))
    assert [found[name]["value"] for name in ("sensitivity", "specificity", "ppv", "npv")] == pytest.approx(
        [2 / 3, 2 / 3, 2 / 3, 2 / 3]
    )
    nothing = rates(POSITIVE, SCORE > 2, np.arange(6))
    assert nothing["ppv"] == {"value": None, "ci95": None, "of": 0, "reason": "none reached the threshold"}


def test_each_fold_uses_the_threshold_of_its_own_validation(make_scores) -> None:
    scores = make_scores(folds=3)
    validation = replace(scores, fold=(scores.fold + 1) % 3)
    found = operating_points(scores, validation, EvaluateConfig())["per_class"]["normal"]
    called = np.zeros(len(scores), dtype=bool)
    for fold in range(3):
        own = validation.fold == fold
        threshold = choose_threshold(
            validation.label[own] == 0, validation.probabilities[own, 0], EvaluateConfig(), validation.patient_id[own]
        )
        assert found["thresholds"][str(fold)] == threshold
        rows = scores.fold == fold
        called[rows] = scores.probabilities[rows, 0] >= threshold
    assert found["sensitivity"]["value"] == pytest.approx(metrics.recall_score(scores.label == 0, called))
    assert found["ppv"]["value"] == pytest.approx(metrics.precision_score(scores.label == 0, called))


def test_thresholds_never_come_from_the_rois_they_are_judged_on(scores) -> None:
    with pytest.raises(ScoresError, match=r"patient\d+ stands in the held-out and in the validation scores"):
        operating_points(scores, scores, EvaluateConfig())
    assert "must not come from" in operating_points(scores, None, EvaluateConfig())["reason"]


def test_validation_of_other_folds_is_taken_whole(make_scores) -> None:
    outside = make_scores(folds=1)
    validation = replace(make_scores(folds=3, seed=1), fold=make_scores(folds=3, seed=1).fold + 5)
    validation = replace(validation, patient_id=np.char.add("other", validation.patient_id))
    pairs = list(paired_folds(outside, validation))
    assert [fold for fold, _, _ in pairs] == [None]
    assert pairs[0][1].all()


def test_validation_of_other_classes_is_refused(scores) -> None:
    with pytest.raises(ScoresError, match="validation scores have classes"):
        list(paired_folds(scores, replace(scores, classes=("a", "b", "c"))))


def test_decision_curve_by_its_definition(scores) -> None:
    positive, probability = scores.label == 2, scores.probabilities[:, 2]
    curve = decision_curve(positive, probability)
    for index in (0, 30, 98):
        odds = THRESHOLDS[index] / (1 - THRESHOLDS[index])
        called = probability >= THRESHOLDS[index]
        benefit = ((called & positive).sum() - (called & ~positive).sum() * odds) / len(positive)
        assert curve.model[index] == pytest.approx(benefit, abs=1e-12)
        assert curve.all_called[index] == pytest.approx(positive.mean() - (~positive).mean() * odds)


def test_patients_have_thresholds_of_their_own(make_scores) -> None:
    scores = make_scores(folds=2)
    validation = replace(scores, fold=1 - scores.fold)
    config = EvaluateConfig(threshold="sensitivity", threshold_target=0.8, patient_rule="max")
    found = operating_points(scores, validation, config, "patient")["per_class"]["large_opacity"]
    hits = cases = 0
    for fold in (0, 1):
        truth, highest = {}, {}
        for part, own in (
            ("chosen", validation.take(validation.fold == fold)),
            ("judged", scores.take(scores.fold == fold)),
        ):
            names = np.unique(own.patient_id)
            truth[part] = np.array([(own.label[own.patient_id == name] == 2).any() for name in names])
            highest[part] = np.array([own.probabilities[own.patient_id == name, 2].max() for name in names])
        threshold = choose_threshold(truth["chosen"], highest["chosen"], config)
        hits += (truth["judged"] & (highest["judged"] >= threshold)).sum()
        cases += truth["judged"].sum()
    assert found["sensitivity"]["value"] == pytest.approx(hits / cases)
    assert found["sensitivity"]["of"] == cases


def test_limits_of_net_benefit_hold_the_truth_over_few_patients_of_a_rare_class() -> None:
    """25 patients of three alike rows, a tenth with the class: symmetric limits held it in 87 %."""
    place, inside = 19, []
    odds = THRESHOLDS[place] / (1 - THRESHOLDS[place])

    def draw(patients: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        rng = np.random.default_rng(seed)
        patient = np.repeat(np.arange(patients), 3)
        positive = rng.random(patients)[patient] < 0.1
        noise = 0.85 * rng.normal(size=patients)[patient] + 0.5 * rng.normal(size=3 * patients)
        return positive, stats.norm.cdf(noise + 1.5 * positive - 1.5), patient

    positive, score, _ = draw(100_000, 1)
    truth = ((score >= 0.2) & positive).mean() - odds * ((score >= 0.2) & ~positive).mean()
    for seed in range(150):
        curve = decision_curve(*draw(25, 10 + seed))
        inside.append(curve.lower[place] <= truth <= curve.upper[place])
    assert 0.93 <= np.mean(inside) <= 0.985
    assert decision_curve(positive[:9], score[:9]).lower is None


def test_net_benefit_is_that_of_recalibrated_probabilities_where_there_are_such(scores: Scores) -> None:
    cold = replace(scores, probabilities=apply_temperature(scores.probabilities, 0.3))
    found = evaluate(scores, EvaluateConfig(bootstraps=100), 0, locked=lock(cold, EvaluateConfig()))["net_benefit"]
    assert found["probabilities"] == "temperature"
    expected = net_benefit_figures(scores, by_temperature(scores, None, lock(cold, EvaluateConfig()))[0])
    assert found["per_class"] == expected["per_class"]
    plain = evaluate(scores, EvaluateConfig(bootstraps=100), 0)["net_benefit"]
    assert plain["probabilities"] == "as_is"
    assert plain["per_class"] == net_benefit_figures(scores, None)["per_class"]
    assert plain["per_class"] != found["per_class"]
    for own in found["per_class"].values():
        assert all(
            low <= value <= high for low, value, high in zip(own["lower"], own["model"], own["upper"], strict=True)
        )
