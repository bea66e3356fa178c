from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from keras_cwp.errors import ScoresError
from keras_cwp.evaluation.delong import clustered_delong
from keras_cwp.evaluation.paired import paired_delong
from keras_cwp.evaluation.sample_size import design_ratio, patients_for_difference, patients_for_half_width
from keras_cwp.evaluation.score_interval import score_limits
from keras_cwp.scores import Scores


def draw(patients: int, gains: tuple[float, ...], seed: int) -> tuple[np.ndarray, list[np.ndarray], np.ndarray]:
    """Three ROIs a patient, correlation .4; a third of the patients have the class; models share half their noise."""
    rng = np.random.default_rng(seed)
    patient = np.repeat(np.arange(patients), 3)
    positive = patient < patients / 3

    def noise() -> np.ndarray:
        return np.sqrt(0.4) * rng.normal(size=patients)[patient] + np.sqrt(0.6) * rng.normal(size=3 * patients)

    shared = noise()
    return positive, [np.sqrt(0.5) * (shared + noise()) + gain * positive for gain in gains], patient


def gain_of(auc: float) -> float:
    return float(np.sqrt(2) * stats.norm.ppf(auc))


def test_studies_of_that_size_have_intervals_of_that_width() -> None:
    patients = patients_for_half_width(0.85, 1 / 3, 0.06, rois=3, alike=0.4)
    widths = []
    for seed in range(60):
        positive, (score,), patient = draw(patients, (gain_of(0.85),), seed)
        widths.append(np.ptp(score_limits(clustered_delong(positive, score, patient))) / 2)
    assert np.mean(widths) == pytest.approx(0.06, rel=0.15)


def test_studies_of_that_size_find_the_difference_in_four_of_five() -> None:
    patients = patients_for_difference(0.80, 1 / 3, 0.08, rois=3, alike=0.4, correlation=0.5)
    found = []
    for seed in range(120):
        positive, scores, patient = draw(patients, (gain_of(0.88), gain_of(0.80)), seed)
        names, runs = np.arange(len(patient)).astype(str), []
        for score in scores:
            share = stats.norm.cdf(score)
            both = np.stack([1 - share, share], axis=1)
            runs.append(
                Scores(("no", "yes"), names, patient.astype(str), names, 0 * patient, positive.astype(int), both)
            )
        found.append(paired_delong(*runs)["per_class"]["yes"]["p"] < 0.05)
    assert 0.68 <= np.mean(found) <= 0.95


def test_more_rois_help_less_the_more_alike_they_are() -> None:
    assert design_ratio(1, 0.3) == 1
    assert design_ratio(4, 1) == 1
    assert design_ratio(4, 0) == 0.25
    few, many = (patients_for_half_width(0.8, 0.5, 0.05, rois=4, alike=alike) for alike in (0.2, 0.8))
    assert few < many


def test_impossible_wishes_are_refused() -> None:
    with pytest.raises(ScoresError, match=r"half_width is 5, a number between 0 and 1"):
        patients_for_half_width(0.8, 0.5, 5)
    with pytest.raises(ScoresError, match=r"more than 1,000,000 patients"):
        patients_for_half_width(0.8, 0.001, 0.0001)
    with pytest.raises(ScoresError, match=r"better_auc is 1.1"):
        patients_for_difference(0.9, 0.5, 0.2)
