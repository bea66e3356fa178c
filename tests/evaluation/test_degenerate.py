from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from keras_cwp.config import EvaluateConfig
from keras_cwp.evaluation.degenerate import newcombe_auc
from keras_cwp.evaluation.metrics import evaluate


def hanley_mcneil_variance(area: float, positives: int, negatives: int) -> float:
    """Radiology 143 (1982) 29-36: Q1 = A / (2 - A), Q2 = 2 A^2 / (1 + A)."""
    q1, q2 = area / (2 - area), 2 * area**2 / (1 + area)
    spread = area * (1 - area) + (positives - 1) * (q1 - area**2) + (negatives - 1) * (q2 - area**2)
    return spread / (positives * negatives)


@pytest.mark.parametrize("area", [0.5, 0.73, 0.95, 1.0])
def test_limits_are_1_96_of_their_own_standard_errors_away(area: float) -> None:
    """With equal sizes the averaged variance is Hanley and McNeil's."""
    for limit in newcombe_auc(area, 40, 40):
        if 0 < limit < 1:
            assert abs(area - limit) == pytest.approx(
                1.959964 * np.sqrt(hanley_mcneil_variance(limit, 40, 40)), rel=1e-5
            )


def test_more_patients_narrower_and_mirrored() -> None:
    few, many = newcombe_auc(1.0, 5, 5), newcombe_auc(1.0, 100, 100)
    assert few[0] < 0.75 < 0.95 < many[0] < 1
    assert few[1] == 1
    np.testing.assert_allclose(newcombe_auc(0.0, 5, 5), [0, 1 - few[0]])


def test_a_perfect_model_has_intervals_that_count_patients(scores) -> None:
    perfect = replace(scores, probabilities=np.eye(3)[scores.label] * 0.8 + 0.2 / 3)
    auc = evaluate(perfect, EvaluateConfig(bootstraps=100), 0)["auc"]
    assert auc["macro"]["value"] == 1
    patients = [len(np.unique(perfect.patient_id[rows])) for rows in (perfect.label == 0, perfect.label != 0)]
    assert auc["per_class"]["normal"]["ci95"] == list(newcombe_auc(1.0, *patients))
    assert 0.8 < auc["macro"]["ci95"][0] < 1
    assert "Newcombe" in auc["macro"]["reason"]
