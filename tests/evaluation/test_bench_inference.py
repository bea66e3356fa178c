"""A small form of scripts/bench_inference.py with wide bounds: coverage, level and the patients' rule."""

from __future__ import annotations

from types import ModuleType

import pytest
from support.script import load_script

from keras_cwp.config import EvaluateConfig


@pytest.fixture(scope="module")
def bench() -> ModuleType:
    return load_script("bench_inference")


@pytest.mark.slow
def test_intervals_of_thirty_patients_hold_the_truth(bench: ModuleType) -> None:
    """Of 60 studies at AUC .98 percentile intervals held it in .83, those of the rare class in .68 (60 patients)."""
    found = bench.coverage(bench.World(0.98, 0.2), 30, 60, EvaluateConfig())
    for name in ("macro", "rare", "micro", "DeLong", "folds", "patient", "AP", "accuracy", "balanced"):
        assert found[name]["covered"] >= 0.88, name
        assert found[name]["withheld"] <= 0.1, name
    for name in ("kappa", "log loss", "Brier"):
        assert found[name]["covered"] >= 0.84, name
    assert found["ECE"]["withheld"] == 1


@pytest.mark.slow
def test_paired_tests_keep_their_level_with_three_patients_of_a_class(bench: ModuleType) -> None:
    """The old DeLong test rejected in .10, with two patients in .15, with one in .32."""
    found = bench.type_one(bench.World(0.85, 0.4), 40, 3, 80, EvaluateConfig(bootstraps=100))
    assert found["given"] == 1
    assert all(found[name] <= 0.1 for name in ("DeLong", "bootstrap", "McNemar"))
    alone = bench.type_one(bench.World(0.85, 0.4), 40, 1, 10, EvaluateConfig(bootstraps=100))
    assert alone["given"] == 0


def test_a_model_without_information_has_patients_at_chance(bench: ModuleType) -> None:
    assert bench.uninformed(60, 60, EvaluateConfig()) == pytest.approx(0.5, abs=0.03)
    assert bench.uninformed(60, 60, EvaluateConfig(patient_rule="max")) > 0.57
