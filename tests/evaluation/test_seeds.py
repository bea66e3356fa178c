"""Architectures compared over seeds: the level holds where seeds scatter, and single runs would mislead."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import special, stats

from keras_cwp.evaluation.roc import macro_auc
from keras_cwp.evaluation.seeds import compare_sides
from keras_cwp.report.compared_run import ComparedRun
from keras_cwp.report.sides import sides
from keras_cwp.scores import Scores


def study(rng: np.random.Generator, skills: list[float]) -> list[Scores]:
    """Runs on the same ROIs of 60 patients; a run's skill differs by its seed, half of its noise is the ROI's."""
    patient = np.repeat(np.arange(60), 3)
    label = rng.integers(3, size=len(patient))
    names, shared = np.arange(len(patient)).astype(str), rng.normal(size=(len(patient), 3))
    found = []
    for skill in skills:
        own = rng.normal(size=(60, 3))[patient] * 0.5 + rng.normal(size=(len(patient), 3)) * 0.5
        logits = skill * np.eye(3)[label] + np.sqrt(0.5) * (shared + own)
        found.append(
            Scores(
                ("a", "b", "c"), names, patient.astype(str), names, 0 * patient, label, special.softmax(logits, axis=1)
            )
        )
    return found


def test_the_level_holds_where_seeds_scatter() -> None:
    rejected = []
    for number in range(300):
        rng = np.random.default_rng([1, number])
        runs = study(rng, (1.2 + 0.25 * rng.normal(size=6)).tolist())
        (pair,) = compare_sides({"one": runs[:3], "other": runs[3:]})
        rejected.append(pair["p"] < 0.05)
    assert np.mean(rejected) <= 0.065


def test_a_better_architecture_is_found() -> None:
    found = []
    for number in range(60):
        rng = np.random.default_rng([2, number])
        runs = study(rng, [*(2.2 + 0.1 * rng.normal(size=3)), *(1.0 + 0.1 * rng.normal(size=3))])
        found.append(compare_sides({"one": runs[:3], "other": runs[3:]})[0]["p"] < 0.05)
    assert np.mean(found) > 0.8


def test_the_detectable_difference_is_found_in_four_of_five_studies() -> None:
    """Architectures of skill 1.25 and 1.0: the mean detectable difference beside the true one and the power."""
    found, detectable, values = [], [], []
    for number in range(150):
        rng = np.random.default_rng([7, number])
        runs = study(rng, [*(1.25 + 0.05 * rng.normal(size=3)), *(1.0 + 0.05 * rng.normal(size=3))])
        (pair,) = compare_sides({"one": runs[:3], "other": runs[3:]})
        found.append(pair["p"] < 0.05)
        detectable.append(pair["detectable"])
        values.append(pair["value"])
    quantile = 1.97 + 0.84  # of normal distributions, nearly: some hundred degrees of freedom
    expected = stats.norm.sf(1.97 - np.mean(values) / (np.mean(detectable) / quantile))
    assert 0.3 < expected < 0.99
    assert np.mean(found) == pytest.approx(expected, abs=0.12)


def test_the_value_is_the_difference_of_means_over_seeds() -> None:
    runs = study(np.random.default_rng(3), [1.0, 1.1, 1.5])
    (pair,) = compare_sides({"one": runs[:2], "other": runs[2:]})
    areas = [macro_auc(run.label, run.probabilities) for run in runs]
    assert pair["value"] == pytest.approx(np.mean(areas[:2]) - areas[2])
    assert pair["seed_sd"] == [pytest.approx(np.std(areas[:2], ddof=1)), None]
    assert pair["runs"] == [2, 1]
    assert pair["ci95"][0] < pair["value"] < pair["ci95"][1]


def test_single_runs_say_nothing_about_seeds() -> None:
    runs = study(np.random.default_rng(4), [1.0, 1.5])
    (pair,) = compare_sides({"one": runs[:1], "other": runs[1:]})
    assert pair["p"] is None
    assert "seeds" in pair["reason"]


def test_p_values_are_corrected_for_the_number_of_pairs() -> None:
    runs = study(np.random.default_rng(5), [1.0, 1.1, 1.5, 1.6, 2.0, 2.1])
    found = compare_sides({"x": runs[:2], "y": runs[2:4], "z": runs[4:]})
    assert len(found) == 3
    assert all(pair["p_holm"] >= pair["p"] for pair in found)
    assert min(pair["p_holm"] for pair in found) == pytest.approx(min(3 * min(pair["p"] for pair in found), 1))


def test_runs_that_differ_in_their_seed_alone_are_one_side() -> None:
    scores = study(np.random.default_rng(6), [1.0])[0]
    settings = {"seed": 0, "model": {"arch": "small"}}
    runs = [
        ComparedRun("small_seed1", scores, settings=settings),
        ComparedRun("small_seed2", scores, settings=settings | {"seed": 1}),
        ComparedRun("large", scores, settings={"seed": 0, "model": {"arch": "large"}}),
    ]
    assert sides(runs) == {"small": ["small_seed1", "small_seed2"], "large": ["large"]}
    assert sides(runs[::2]) == {}
    assert sides([replace(run, settings={}) for run in runs]) == {}
