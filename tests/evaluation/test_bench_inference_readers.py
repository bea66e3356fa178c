"""A small form of scripts/bench_inference_readers.py with wide bounds: level of the tests, coverage of agreement."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest
from support.script import load_script


@pytest.fixture(scope="module")
def bench() -> ModuleType:
    return load_script("bench_inference_readers")


def test_readers_and_model_are_equally_good_where_the_level_is_measured(bench: ModuleType) -> None:
    """Means over many studies: AUCs of both modalities and of the model, and sensitivities of readers and model."""
    study = bench.Study(5, 100, 0.85, 0.05, alike=0.5)
    found = []
    for seed in range(60):
        drawn = bench.draw(study, np.random.default_rng(seed))
        areas = [[bench.area_of(drawn.positive, own, drawn.patient, 100).value for own in one] for one in drawn.ratings]
        model = bench.area_of(drawn.positive, drawn.model, drawn.patient, 100).value
        found.append([*np.mean(areas, axis=1), model])
    np.testing.assert_allclose(np.mean(found, axis=0), 0.85, atol=0.015)


@pytest.mark.slow
def test_tests_of_readers_keep_their_level(bench: ModuleType) -> None:
    """Readers who vary much: a test that took them for fixed would reject in .2 and more."""
    study = bench.Study(5, 60, 0.85, 0.05, alike=0.5)
    drawn = [bench.p_values(study, np.random.default_rng([41, number])) for number in range(200)]
    for name in drawn[0]:
        assert np.mean([own[name] < 0.05 for own in drawn]) <= 0.1, name


@pytest.mark.slow
def test_intervals_of_agreement_hold_the_truth(bench: ModuleType) -> None:
    (line,) = list(bench.agreement_lines(100, quick=True))[2:]
    shares = [float(cell.split()[0]) for cell in line.strip("| ").split(" | ")[5:]]
    assert len(shares) == 6
    assert all(0.84 <= share <= 1 for share in shares)  # as for the kappa of a model, see test_bench_inference
