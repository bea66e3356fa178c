"""Seeded Scores: patients with several alike ROIs, overlapping classes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from keras_cwp.scores import Scores

CLASSES = ("normal", "small_opacities", "large_opacity")


def draw_scores(patients: int = 60, seed: int = 0, folds: int = 3, ties: bool = False, skill: float = 1.5) -> Scores:
    """One to six ROIs a patient, mostly of the patient's own class; fold = patient modulo folds."""
    rng = np.random.default_rng(seed)
    patient = np.repeat(np.arange(patients), rng.integers(1, 7, patients))
    own = rng.integers(3, size=patients)
    label = np.where(rng.random(len(patient)) < 0.7, own[patient], rng.integers(3, size=len(patient)))
    logits = rng.normal(size=(len(patient), 3)) + rng.normal(size=(patients, 3))[patient] + skill * np.eye(3)[label]
    if ties:
        logits = np.round(logits)
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    names = [f"roi{row}" for row in range(len(patient))]
    images = [f"image{owner}-{row % 2}" for row, owner in enumerate(patient)]
    owners = [f"patient{owner}" for owner in patient]
    return Scores(CLASSES, np.array(names), np.array(owners), np.array(images), patient % folds, label, probabilities)


@pytest.fixture
def scores() -> Scores:
    return draw_scores()


@pytest.fixture
def make_scores() -> Callable[..., Scores]:
    return draw_scores
