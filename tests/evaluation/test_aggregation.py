from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics

from keras_cwp.config import EvaluateConfig
from keras_cwp.evaluation.aggregation import aggregate, aggregated_figures
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
    ("rule", "score_of_a"), [("max", [0.5, 0.6]), ("mean", [0.45, 0.55]), ("noisy_or", [0.7, 0.8])]
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
    found = aggregated_figures(scores, "patient", EvaluateConfig(bootstraps=100), 0)
    names = np.unique(scores.patient_id)
    truth = [(scores.label[scores.patient_id == name] == 2).any() for name in names]
    highest = [scores.probabilities[scores.patient_id == name, 2].max() for name in names]
    assert found["auc"]["per_class"]["large_opacity"]["value"] == pytest.approx(metrics.roc_auc_score(truth, highest))
    assert found["units"] == len(names)


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
