"""Probabilities at a stated prevalence: by hand, and whether more calls are right where classes have other shares."""

from __future__ import annotations

import numpy as np
import pytest

from keras_cwp.config import EvaluateConfig
from keras_cwp.errors import ScoresError
from keras_cwp.evaluation.lock import lock
from keras_cwp.evaluation.metrics import evaluate
from keras_cwp.evaluation.prior_shift import shift_figures, shifted
from keras_cwp.scores import Scores

CONFIG = EvaluateConfig(bootstraps=100)


def scores_of(labels: np.ndarray, own: np.ndarray, rng: np.random.Generator) -> Scores:
    """Calibrated probabilities of a model that was trained at the shares `own`."""
    x = rng.normal(labels * 1.5, 1.0)
    density = np.exp(-0.5 * (x[:, None] - np.array([0.0, 1.5])) ** 2) * own
    names = np.array([f"r{n}" for n in range(len(labels))])
    zeros = np.zeros(len(labels), dtype=np.int64)
    return Scores(("a", "b"), names, names, names, zeros, labels, density / density.sum(axis=1, keepdims=True))


def test_by_hand() -> None:
    found = shifted(np.array([[0.5, 0.5]]), np.array([0.5, 0.5]), np.array([0.2, 0.8]))
    np.testing.assert_allclose(found, [[0.2, 0.8]])
    same = shifted(np.array([[0.3, 0.7]]), np.array([0.4, 0.6]), np.array([0.4, 0.6]))
    np.testing.assert_allclose(same, [[0.3, 0.7]])


def test_more_calls_are_right_where_the_stated_shares_hold(rng: np.random.Generator) -> None:
    own = np.array([0.8, 0.2])
    validation = scores_of((rng.random(2000) < own[1]).astype(int), own, rng)
    elsewhere = scores_of((rng.random(2000) < 0.8).astype(int), own, rng)
    config = CONFIG.model_copy(update={"prevalence": {"a": 0.2, "b": 0.8}})
    metrics = evaluate(elsewhere, config, 0, locked=lock(validation, CONFIG))
    moved = metrics["prior_shift"]
    assert moved is not None
    assert moved["own"]["a"] == pytest.approx(0.8, abs=0.03)
    assert moved["accuracy"]["value"] > metrics["accuracy"]["value"] + 0.05
    assert moved["log_loss"]["value"] < metrics["log_loss"]["value"] - 0.05
    assert moved["accuracy"]["ci95"][0] < moved["accuracy"]["value"] < moved["accuracy"]["ci95"][1]


def test_classes_count_by_their_stated_shares_whatever_their_shares_here(rng: np.random.Generator) -> None:
    own = np.array([0.5, 0.5])
    scores = scores_of(np.arange(3000) % 2, own, rng)
    stated = {"a": 0.9, "b": 0.1}
    found = shift_figures(scores, CONFIG.model_copy(update={"prevalence": stated}), 0, {"a": 0.5, "b": 0.5})
    assert found is not None
    moved = shifted(scores.probabilities, own, np.array([0.9, 0.1]))
    recalls = [(moved[scores.label == c].argmax(axis=1) == c).mean() for c in (0, 1)]
    assert found["accuracy"]["value"] == pytest.approx(0.9 * recalls[0] + 0.1 * recalls[1])
    losses = [-np.log(moved[scores.label == c, c]).mean() for c in (0, 1)]
    assert found["log_loss"]["value"] == pytest.approx(0.9 * losses[0] + 0.1 * losses[1])
    there = scores_of((rng.random(3000) < 0.1).astype(int), np.array([0.9, 0.1]), rng)  # a study with these shares
    right = (there.probabilities.argmax(axis=1) == there.label).mean()
    assert found["accuracy"]["ci95"][0] - 0.01 < right < found["accuracy"]["ci95"][1] + 0.01


def test_a_perfect_accuracy_at_a_prevalence_has_an_interval_and_a_missing_class_a_reason() -> None:
    names = np.array([f"r{n}" for n in range(40)])
    labels = np.arange(40) % 2
    scores = Scores(("a", "b"), names, names, names, 0 * labels, labels, np.eye(2)[labels] * 0.98 + 0.01)
    config = CONFIG.model_copy(update={"prevalence": {"a": 0.6, "b": 0.4}})
    perfect = shift_figures(scores, config, 0, {"a": 0.5, "b": 0.5})["accuracy"]
    assert perfect["value"] == 1
    assert 0.75 < perfect["ci95"][0] < perfect["ci95"][1] == 1
    alone = shift_figures(scores.take(labels == 0), config, 0, {"a": 0.5, "b": 0.5})["accuracy"]
    assert alone["value"] is None
    assert "has no ROI here" in alone["reason"]


@pytest.mark.parametrize("prevalence", [{}, {"a": 0.2}])
def test_it_is_not_asked_for_without_all_classes(prevalence: dict[str, float], rng: np.random.Generator) -> None:
    scores = scores_of(np.arange(40) % 2, np.array([0.5, 0.5]), rng)
    config = CONFIG.model_copy(update={"prevalence": prevalence})
    assert shift_figures(scores, config, 0, {"a": 0.5, "b": 0.5}) is None
    assert evaluate(scores, config, 0)["prior_shift"] is None


@pytest.mark.parametrize(
    ("prevalence", "message"),
    [({"a": 0.5, "c": 0.5}, "class 'c' is not of the model"), ({"a": 0.5, "b": 0.9}, "sum to 1.4, expected 1")],
)
def test_shares_that_cannot_be(prevalence: dict[str, float], message: str, rng: np.random.Generator) -> None:
    scores = scores_of(np.arange(40) % 2, np.array([0.5, 0.5]), rng)
    with pytest.raises(ScoresError, match=message.replace(".", r"\.")):
        shift_figures(scores, CONFIG.model_copy(update={"prevalence": prevalence}), 0, {"a": 0.5, "b": 0.5})
