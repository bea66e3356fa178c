from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from scipy import stats

from keras_cwp.evaluation.flips import auc_amounts, sign_flip_p
from keras_cwp.evaluation.roc import auc


def slow_p(amounts: np.ndarray) -> float:
    """Every sign pattern, one by one."""
    sums = [abs(np.dot(signs, amounts)) for signs in product((-1, 1), repeat=len(amounts))]
    return float(np.mean(np.array(sums) >= abs(amounts.sum()) - 1e-9))


@pytest.mark.parametrize("patients", [1, 4, 9])
def test_every_pattern_counts(patients: int) -> None:
    amounts = np.random.default_rng(patients).normal(size=patients) + 0.5
    assert sign_flip_p(amounts) == pytest.approx(slow_p(amounts))


def test_four_patients_of_one_mind_reach_one_eighth() -> None:
    assert sign_flip_p(np.ones(4)) == pytest.approx(0.125)
    assert sign_flip_p(np.append(np.ones(4), np.zeros(50))) == pytest.approx(0.125)
    assert sign_flip_p(np.zeros(5)) == 1


def test_more_patients_than_are_tried_agree_with_drawn_patterns() -> None:
    """Few large amounts among many small ones: no normal sum."""
    rng = np.random.default_rng(0)
    amounts = np.concatenate([[2.0, 1.5, 1.0], rng.normal(size=60) * 0.05])
    signs = rng.choice([-1, 1], size=(50_000, 63))
    drawn = (np.abs(signs @ amounts) >= abs(amounts.sum())).mean()
    normal = 2 * stats.norm.sf(abs(amounts.sum()) / np.sqrt((amounts**2).sum()))
    assert sign_flip_p(amounts) == pytest.approx(drawn, abs=0.004)
    assert abs(normal - drawn) > 0.01


def test_amounts_are_the_effect_of_exchanging_a_patients_scores() -> None:
    """Exchange any patients' scores of two models, on ranks, and recompute both AUCs: the difference is linear."""
    rng = np.random.default_rng(1)
    patient = np.repeat(np.arange(8), 3)
    positive = np.arange(24) % 4 == 0
    first, second = np.round(rng.normal(size=(2, 24)), 1)
    amounts = auc_amounts(positive, first, second, patient, 8)
    assert amounts.sum() == pytest.approx(auc(positive, first) - auc(positive, second), abs=1e-12)
    ranks = stats.rankdata(first), stats.rankdata(second)
    for exchanged in rng.choice([-1, 1], size=(20, 8)):
        other = exchanged[patient] < 0
        a, b = np.where(other, ranks[1], ranks[0]), np.where(other, ranks[0], ranks[1])
        assert exchanged @ amounts == pytest.approx(auc(positive, a) - auc(positive, b), abs=1e-12)
