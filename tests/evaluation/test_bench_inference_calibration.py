"""Intervals and the test of calibration figures on small studies: a small form of the benchmark with wide bounds."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest
from support.script import load_script


@pytest.fixture(scope="module")
def bench() -> ModuleType:
    return load_script("bench_inference_calibration")


@pytest.mark.slow
def test_slopes_of_few_patients_with_alike_rois_are_held(bench: ModuleType) -> None:
    """The clustered variance without leaving out patients held .83 of such slopes."""
    found = bench.of_one(bench.ONE_CHOSEN[0], 200)
    assert found["slope"][0] >= 0.91
    assert found["intercept"][0] >= 0.91
    assert found["slope"][2] <= 0.05


@pytest.mark.slow
def test_calibrated_models_of_few_patients_are_rarely_rejected(bench: ModuleType) -> None:
    """Wald's test rejected .15 to .19 of the first, signs of patients alone .27 of the second."""
    assert bench.of_all(bench.ALL_CHOSEN[0], 100)["test"][0] <= 0.11
    assert bench.of_all(bench.ALL_CHOSEN[3], 100)["test"][0] <= 0.11


@pytest.mark.slow
def test_the_band_of_a_rare_class_holds_the_truth_at_low_probabilities(bench: ModuleType) -> None:
    """The clustered variance alone held .50 at the low end, .79 over the curve."""
    found = bench.of_band(bench.BAND_CHOSEN[3], 60)
    assert found["band"][0] >= 0.92
    assert found["band"][1] >= 0.88


def test_studies_of_both_kinds_are_calibrated(bench: ModuleType) -> None:
    for cell in (bench.Cell(4000, (0.6, 0.4), 0.5), bench.Cell(4000, (0.6, 0.4), 0.5, 1.5, classes_alike=0.5)):
        scores = cell.draw(np.random.default_rng(0))
        high = scores.probabilities[:, 1] > 0.5
        assert scores.probabilities[high, 1].mean() == pytest.approx((scores.label[high] == 1).mean(), abs=0.03)
