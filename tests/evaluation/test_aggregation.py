from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics

from keras_cwp.config import EvaluateConfig
from keras_cwp.evaluation.aggregation import aggregate
from keras_cwp.evaluation.unit_metrics import unit_figures
from keras_cwp.scores import Scores


@pytest.fixture
def three_rois() -> Scores:
    """Patient a: two ROIs of different classes on two images; patient b: one."""
    probabilities = np.array([[0.8, 0.2], [0.4, 0.6], [0.5, 0.5]])
    column = lambda *names: np.array(names)  # noqa: E731
    return Scores(
        ("no", "yes"), column("1", "2", "3"), column("b", "a", "a"), column("x", "y", "z"),
        np.zeros(3, dtype=int), np.array([0, 0, 1]), probabilities,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("rule", "score_of_a"),
    [
        ("max", [0.5, 0.6]),
        ("mean", [0.45, 0.55]),
        ("noisy_or", [0.7, 0.8]),
        ("mean_logit", [np.sqrt(2 / 3) / (1 + np.sqrt(2 / 3)), np.sqrt(1.5) / (1 + np.sqrt(1.5))]),
    ],
)
def test_rules_by_hand(three_rois: Scores, rule: str, score_of_a: list[float]) -> None:
    found = aggregate(three_rois, "patient", rule)
    assert found.unit.tolist() == ["a", "b"]
    np.testing.assert_allclose(found.score, [score_of_a, [0.8, 0.2]])
    assert found.positive.tolist() == [[True, True], [True, False]]


def test_images_keep_their_patient(three_rois: Scores) -> None:
    found = aggregate(three_rois, "image", "max")
    assert found.unit.tolist() == ["x", "y", "z"]
    assert found.patient_id.tolist() == ["b", "a", "a"]


def test_patient_auc_is_that_of_a_slow_grouping(scores) -> None:
    found = unit_figures(scores, "patient", EvaluateConfig(patient_rule="max"), 0)
    names = np.unique(scores.patient_id)
    truth = [(scores.label[scores.patient_id == name] == 2).any() for name in names]
    highest = [scores.probabilities[scores.patient_id == name, 2].max() for name in names]
    assert found["auc"]["per_class"]["large_opacity"]["value"] == pytest.approx(metrics.roc_auc_score(truth, highest))
    assert found["units"] == len(names)
    rois = [(scores.patient_id == name).sum() for name in names]
    assert found["roi_count"]["per_class"]["large_opacity"]["value"] == pytest.approx(
        metrics.roc_auc_score(truth, rois)
    )
    diseased = [(scores.label[scores.patient_id == name] > 0).any() for name in names]
    sick = [(1 - scores.probabilities[scores.patient_id == name, 0]).max() for name in names]
    assert found["questions"]["any_disease"]["auc"]["value"] == pytest.approx(metrics.roc_auc_score(diseased, sick))


def test_at_least_a_class_is_asked_where_classes_have_an_order(scores) -> None:
    order = ("large_opacity", "small_opacities", "normal")
    found = unit_figures(scores, "patient", EvaluateConfig(normal="normal"), 0, order)["questions"]
    assert set(found) == {"any_disease", "at_least normal"}
    names = np.unique(scores.patient_id)
    truth = [(scores.label[scores.patient_id == name] == 0).any() for name in names]
    logit = np.log(scores.probabilities[:, 0] / (1 - scores.probabilities[:, 0]))
    mean = [logit[scores.patient_id == name].mean() for name in names]
    assert found["at_least normal"]["auc"]["value"] == pytest.approx(metrics.roc_auc_score(truth, mean))


def test_the_default_rule_does_not_reward_the_number_of_rois() -> None:
    """Scores that say nothing: patients with more ROIs have more classes, and only some rules rise with the number."""
    rng = np.random.default_rng(0)
    patient = np.repeat(np.arange(3000), rng.integers(1, 7, 3000))
    names, owners = np.arange(len(patient)).astype(str), patient.astype(str)
    label = rng.choice(3, size=len(patient), p=[0.55, 0.3, 0.15])
    blind = Scores(("normal", "a", "b"), names, owners, owners, 0 * patient, label,
                   rng.dirichlet([2, 1, 0.5], len(patient)))  # fmt: skip
    by_rule = {
        rule: unit_figures(blind, "patient", EvaluateConfig(patient_rule=rule), 0) for rule in ("mean_logit", "max")
    }
    assert by_rule["mean_logit"]["auc"]["macro"]["value"] == pytest.approx(0.5, abs=0.02)
    assert by_rule["max"]["auc"]["macro"]["value"] > 0.55
    assert by_rule["max"]["roi_count"]["macro"]["value"] > 0.7
    assert len(by_rule["max"]["cautions"]) == 2
    assert len(by_rule["mean_logit"]["cautions"]) == 1


def test_a_repeat_of_cross_validation_is_a_row_of_its_own(make_scores) -> None:
    once = make_scores(folds=1)
    twice = Scores(
        once.classes,
        *(np.concatenate([getattr(once, name)] * 2) for name in ("roi_id", "patient_id", "image")),
        np.repeat([0, 1], len(once)),
        np.concatenate([once.label] * 2),
        np.concatenate([once.probabilities, np.roll(once.probabilities, 1, axis=0)]),
    )
    patients = len(np.unique(once.patient_id))
    assert len(aggregate(twice, "patient", "max").unit) == 2 * patients
