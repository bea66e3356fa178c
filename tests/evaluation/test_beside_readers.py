"""The model beside readers: whose truth, whose threshold, which rows, and a slow second implementation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from keras_cwp.config import EvaluateConfig
from keras_cwp.errors import ScoresError
from keras_cwp.evaluation.beside_readers import beside_readers, called_at
from keras_cwp.evaluation.metrics import evaluate
from keras_cwp.evaluation.readings import Readings
from keras_cwp.scores import Scores

CLASSES = ("normal", "sick")
LOCKED = {"per_class": {name: {"thresholds": {"all": 0.5}} for name in CLASSES}}


def study(rois: int = 60, readers: int = 3, seed: int = 0, **how: object) -> tuple[Scores, Readings]:
    """Labels that readers and model see through noise; one ROI a patient."""
    rng = np.random.default_rng(seed)
    label = rng.integers(2, size=rois)
    disease = 1 / (1 + np.exp(-(3 * label - 1.5 + rng.normal(size=rois))))
    names = np.arange(rois).astype(str)
    scores = Scores(CLASSES, names, names, names, np.zeros(rois, int), label, np.column_stack([1 - disease, disease]))
    rating = 2.0 * label[:, None] - 1 + rng.normal(size=(rois, readers))
    labels = np.where(rng.random((rois, readers)) < 0.1, -1, (rating > 0).astype(int))
    return scores, Readings(tuple("ABCDE"[:readers]), labels, np.where(labels < 0, np.nan, rating), **how)


def test_without_a_reference_a_reader_has_no_voice_in_the_own_truth() -> None:
    labels = np.array([[1, 0, 0], [1, 1, 0], [0, 1, -1], [1, -1, -1]])
    readings = Readings(("A", "B", "C"), labels, np.full((4, 3), np.nan))
    own = np.zeros(4, int)
    assert readings.truth_for(0, own).tolist() == [0, -1, 1, -1]
    assert readings.truth_for(1, own).tolist() == [-1, -1, 0, 1]
    assert Readings(("A",), labels[:, :1], np.full((4, 1), np.nan), "CT").truth_for(0, own).tolist() == [0] * 4


def test_rates_are_those_of_the_rows_that_a_reader_has_read() -> None:
    scores, readings = study(reference="CT")
    found = beside_readers(scores, readings, LOCKED, "normal")
    for number, name in enumerate(readings.names):
        rows = (readings.labels[:, number] >= 0) & (scores.label == 1)
        own = found["per_class"]["sick"]["sensitivity"]["readers"][name]
        assert own["of"] == rows.sum()
        assert own["value"] == pytest.approx((readings.labels[rows, number] == 1).mean())
        assert own["model"]["value"] == pytest.approx((scores.probabilities[rows, 1] >= 0.5).mean())
        assert own["difference"]["value"] == pytest.approx(own["model"]["value"] - own["value"])
        area = found["auc"]["readers"][name]
        rated = ~np.isnan(readings.ratings[:, number])
        assert area["value"] == pytest.approx(roc_auc_score(scores.label[rated], readings.ratings[rated, number]))
        assert area["model"]["value"] == pytest.approx(
            roc_auc_score(scores.label[rated], scores.probabilities[rated, 1])
        )


def test_difference_of_means_is_obuchowski_rockettes() -> None:
    """Every reader read every ROI, one a patient: the covariances are those of the differences of right and wrong.

    The degrees of freedom are those of readers and patients, each by its part of the mean square (Satterthwaite).
    """
    scores, readings = study(reference="CT")
    whole = Readings(readings.names, (np.maximum(readings.labels, 0) > 0).astype(int), readings.ratings, "CT")
    found = beside_readers(scores, whole, LOCKED, None)["accuracy"]["difference"]
    model = scores.probabilities.argmax(axis=1) == scores.label
    gaps = model[:, None].astype(float) - (whole.labels == scores.label[:, None])
    covariance, means = np.cov(gaps.T) / len(gaps), gaps.mean(axis=0)
    between, shared = np.var(means, ddof=1), max(covariance[~np.eye(3, dtype=bool)].mean(), 0)
    square = between + 3 * shared
    freedom = square**2 / (between**2 / 2 + (3 * shared) ** 2 / (len(gaps) - 1))
    half = stats.t.ppf(0.975, freedom) * np.sqrt(square / 3)
    assert found["value"] == pytest.approx(means.mean())
    assert found["freedom"] == pytest.approx(freedom)
    assert found["ci95"] == pytest.approx([means.mean() - half, means.mean() + half])
    assert found["detectable"] == pytest.approx(half + stats.t.ppf(0.8, freedom) * np.sqrt(square / 3))
    one = beside_readers(scores, whole, LOCKED, None)["accuracy"]["readers"]["A"]["difference"]
    error = np.std(gaps[:, 0], ddof=1) / len(gaps) ** 0.5
    assert one["detectable"] == pytest.approx((stats.t.ppf(0.975, 59) + stats.t.ppf(0.8, 59)) * error)


def test_sign_flips_of_patients_have_to_agree_with_obuchowski_and_rockette() -> None:
    """Four patients of ten differ, all in the same sense: an eighth of the sign patterns is as extreme."""
    scores, readings = study(10, reference="CT")
    labels = np.tile(scores.probabilities.argmax(axis=1)[:, None], (1, 3))
    wrong = np.flatnonzero(labels[:, 0] == scores.label)[:4]
    labels[wrong] = 1 - labels[wrong]
    found = beside_readers(scores, Readings(readings.names, labels, readings.ratings, "CT"), LOCKED, None)
    gap = found["accuracy"]["difference"]
    assert gap["value"] == pytest.approx(0.4)
    assert gap["p"] == pytest.approx(2 / 2**4)
    assert gap["ci95"][0] <= 0


def test_a_model_that_says_what_a_reader_says_does_not_differ() -> None:
    scores, readings = study(reference="CT")
    labels = readings.labels.copy()
    labels[:, 0] = (scores.probabilities[:, 1] >= 0.5).astype(int)
    found = beside_readers(scores, Readings(readings.names, labels, readings.ratings, "CT"), LOCKED, None)
    gap = found["per_class"]["sick"]["specificity"]["readers"]["A"]["difference"]
    assert (gap["value"], gap["ci95"], gap["p"]) == (0, None, None)
    assert "decide alike" in gap["reason"]


def test_thresholds_of_folds_locked_and_none() -> None:
    scores, _ = study(8)
    folds = Scores(*(getattr(scores, name) for name in ("classes", "roi_id", "patient_id", "image")), np.arange(8) % 2,
                   scores.label, scores.probabilities)  # fmt: skip
    called = called_at(folds, {"thresholds": {"0": 0.0, "1": None}}, 1)
    assert called is not None
    assert called.tolist() == [True, False] * 4
    assert called_at(folds, {"thresholds": {"locked": 0.0}}, 1).all()
    assert called_at(folds, {"thresholds": {}, "reason": "none"}, 1) is None


def test_two_readers_without_a_reference_are_not_compared() -> None:
    scores, readings = study(readers=2)
    assert "needs 3 readers, or a reference" in beside_readers(scores, readings, LOCKED, None)["reason"]


def test_evaluate_keeps_readers_and_leaves_them_out_where_there_are_none() -> None:
    scores, readings = study()
    config = EvaluateConfig(bootstraps=100)
    found = evaluate(scores, config, 0, readings=readings)["readers"]
    assert found["names"] == ["A", "B", "C"]
    assert len(found["agreement"]["pairs"]) == 3
    assert found["beside"]["per_class"]["sick"] == {"reason": "the model has no threshold of this class"}
    assert found["beside"]["auc"]["difference"]["p"] is not None
    assert evaluate(scores, config, 0)["readers"] is None
    with pytest.raises(ScoresError, match="readings have 59 rows"):
        evaluate(scores, config, 0, readings=readings.take(np.arange(59)))


def test_shapes_that_disagree_are_refused() -> None:
    with pytest.raises(ScoresError, match="expected rows and 2 readers"):
        Readings(("A", "B"), np.zeros((4, 3), int), np.zeros((4, 3)))
