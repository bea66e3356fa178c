from __future__ import annotations

import numpy as np
import pytest
from statsmodels.stats import inter_rater

from keras_cwp.config import EvaluateConfig
from keras_cwp.errors import ScoresError
from keras_cwp.evaluation.readers import reader_agreement

CONFIG = EvaluateConfig()


def read(rois: int, readers: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    truth = rng.integers(3, size=rois)[:, None]
    return np.where(rng.random((rois, readers)) < 0.7, truth, rng.integers(3, size=(rois, readers)))


def test_fleiss_is_that_of_statsmodels() -> None:
    labels = read(80, 4, 0)
    found = reader_agreement(labels, np.arange(80).astype(str), ("a", "b", "c"), CONFIG)
    expected = inter_rater.fleiss_kappa(inter_rater.aggregate_raters(labels)[0])
    assert found["fleiss"]["value"] == pytest.approx(expected, abs=1e-12)
    assert found["fleiss"]["ci95"][0] < expected < found["fleiss"]["ci95"][1]


def test_alpha_is_krippendorffs_published_example() -> None:
    """Krippendorff, Computing Krippendorff's Alpha-Reliability (2011), example C: nominal .743, interval .849."""
    table = [
        "1 2 3 3 2 1 4 1 2 - - -",
        "1 2 3 3 2 2 4 1 2 5 - 3",
        "- 3 3 3 2 3 4 2 2 5 1 -",
        "1 2 3 3 2 4 4 1 2 5 1 -",
    ]
    labels = np.array([[-1 if cell == "-" else int(cell) - 1 for cell in row.split()] for row in table]).T
    found = reader_agreement(labels, np.arange(12).astype(str), tuple("12345"), CONFIG, ordered=True)
    assert found["alpha"]["value"] == pytest.approx(0.743, abs=0.0005)
    assert found["alpha_interval"]["value"] == pytest.approx(0.849, abs=0.0005)


def test_alpha_covers_the_truth_over_patients() -> None:
    """Readers of 40 patients with three alike ROIs; the truth from many patients."""

    def draw(patients: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
        rng = np.random.default_rng(seed)
        patient = np.repeat(np.arange(patients), 3)
        hard = rng.random(patients)[patient] * 0.8
        truth = rng.integers(3, size=len(patient))[:, None]
        wrong = rng.random((len(patient), 3)) < hard[:, None]
        return np.where(wrong, rng.integers(3, size=wrong.shape), truth), patient.astype(str)

    truth = reader_agreement(*draw(300, 1), ("a", "b", "c"), CONFIG)["alpha"]["value"]
    truth = np.mean(
        [truth, *(reader_agreement(*draw(300, s), ("a", "b", "c"), CONFIG)["alpha"]["value"] for s in range(9))]
    )
    inside = []
    for seed in range(100, 220):
        limits = reader_agreement(*draw(40, seed), ("a", "b", "c"), CONFIG)["alpha"]["ci95"]
        inside.append(limits[0] <= truth <= limits[1])
    assert 0.88 <= np.mean(inside) <= 0.99


def test_one_reader_and_strange_labels_are_refused() -> None:
    with pytest.raises(ScoresError, match="at least 2 readers"):
        reader_agreement(np.zeros((4, 1), dtype=int), np.arange(4).astype(str), ("a", "b"), CONFIG)
    with pytest.raises(ScoresError, match="label 2 is outside the 2 classes"):
        reader_agreement(np.full((4, 2), 2), np.arange(4).astype(str), ("a", "b"), CONFIG)
    alone = reader_agreement(np.zeros((4, 2), dtype=int), np.arange(4).astype(str), ("a", "b"), CONFIG)
    assert alone["alpha"] == {
        "value": None,
        "ci95": None,
        "reason": "all labels are of one class, or no ROI was read twice",
    }
