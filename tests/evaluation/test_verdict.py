from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from keras_cwp.config import EvaluateConfig
from keras_cwp.evaluation.metrics import evaluate
from keras_cwp.evaluation.verdict import is_evidence
from keras_cwp.scores import Scores

CONFIG = EvaluateConfig()


def blind(scores: Scores, seed: int = 0) -> Scores:
    """Probabilities that know nothing."""
    rng = np.random.default_rng(seed)
    return replace(scores, probabilities=rng.dirichlet(np.ones(3), len(scores)))


def test_a_model_that_knows_something_is_said_to(scores) -> None:
    found = evaluate(scores, CONFIG, 0)
    assert found["verdict"].startswith("The model tells the classes apart better than chance: macro AUC 0.")
    assert is_evidence(found)


def test_a_model_without_evidence_is_called_so_and_one_class_for_all_too(scores) -> None:
    guess = blind(scores)
    found = evaluate(guess, CONFIG, 0)
    assert found["verdict"].startswith("No evidence that the model tells the classes apart: macro AUC 0.")
    assert found["verdict"].endswith("includes 0.5.")
    assert not is_evidence(found)
    tilted = guess.probabilities * [0.1, 0.1, 1] + [0, 0, 0.2]
    one = replace(guess, probabilities=tilted / tilted.sum(axis=1, keepdims=True))
    sure = one.probabilities.copy()
    sure[:, 2] += 2
    one = replace(one, probabilities=sure / sure.sum(axis=1, keepdims=True))
    assert evaluate(one, CONFIG, 0)["verdict"].endswith("Every ROI was called large_opacity.")


def test_exchanged_classes_and_missing_ones_are_named(scores) -> None:
    turned = replace(scores, probabilities=(1 - scores.probabilities) / 2)
    assert "worse than chance" in evaluate(turned, CONFIG, 0)["verdict"]
    single = scores.take(scores.label == 1)
    assert "Nothing shows" in evaluate(single, CONFIG, 0)["verdict"]
    patients = scores.take(scores.patient_id == scores.patient_id[0])
    if len(np.unique(patients.label)) > 1:
        assert "has no interval" in evaluate(patients, CONFIG, 0)["verdict"]


@pytest.mark.parametrize("seed", range(5))
def test_guessing_is_seldom_taken_for_evidence(make_scores, seed: int) -> None:
    several = [
        is_evidence(evaluate(blind(make_scores(patients=25, seed=10 * seed + n), n), CONFIG, 0)) for n in range(10)
    ]
    assert sum(several) <= 2
