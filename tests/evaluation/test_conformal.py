from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from scipy import special

from keras_cwp.config import EvaluateConfig
from keras_cwp.errors import ScoresError
from keras_cwp.evaluation.conformal import (
    conformal_cautions,
    conformal_figures,
    conformal_sets,
    conformal_thresholds,
    set_coverage,
)
from keras_cwp.evaluation.lock import lock
from keras_cwp.evaluation.metrics import evaluate
from keras_cwp.report.statistics_tables import conformal_table
from keras_cwp.scores import Scores, concatenate


def test_thresholds_by_hand_each_patient_weighs_the_same(make_scores) -> None:
    """Nineteen patients with one ROI: with coverage .9 one may fall out (2 of 20, and the new one is the other)."""
    base = make_scores(patients=60)
    first = np.unique(base.patient_id, return_index=True)[1][:19]
    scores = replace(base.take(first), label=np.zeros(19, dtype=int))
    lowest = np.sort(scores.probabilities[:, 0])
    assert conformal_thresholds(scores, 0.9)["normal"] == pytest.approx(lowest[1])
    assert conformal_thresholds(scores, 0.96)["normal"] == 0
    parts = [replace(scores, roi_id=np.char.add(scores.roi_id, str(copy))) for copy in range(3)]
    copies = concatenate(parts)
    assert conformal_thresholds(copies, 0.9)["normal"] == pytest.approx(lowest[1])
    assert conformal_thresholds(scores, 0.9)["large_opacity"] == 0


def test_coverage_of_new_patients_is_as_promised(make_scores) -> None:
    """Mean over studies of 90 patients: 90 % ± 2 % of each class, for ROIs of patients never seen."""
    new = make_scores(patients=3000, seed=77, folds=1)
    covered = []
    for seed in range(60):
        thresholds = conformal_thresholds(make_scores(patients=90, seed=seed, folds=1), 0.9)
        sets = conformal_sets(new.probabilities, new.classes, thresholds)
        covered.append([own["covered"] for own in set_coverage(new, sets).values()])
    np.testing.assert_allclose(np.mean(covered, axis=0), 0.9, atol=0.02)


def test_folds_judge_each_other_and_one_fold_is_not_judged(make_scores) -> None:
    found = conformal_figures(make_scores(patients=150), 0.9)
    for own in found["judged"].values():
        assert 0.8 < own["covered"] <= 1
        assert 0 < own["size"] <= 3
    one = conformal_figures(make_scores(folds=1), 0.9)
    assert one["judged"] is None
    assert "no validation ROIs" in one["reason"]
    with pytest.raises(ScoresError, match="coverage of conformal sets: got 90"):
        conformal_thresholds(make_scores(), 90)


def test_one_fold_has_thresholds_of_validation_and_is_judged_by_its_held_out_rois(make_scores) -> None:
    scores, validation = make_scores(patients=80, folds=1), make_scores(patients=90, folds=1, seed=5)
    found = conformal_figures(scores, 0.9, validation)
    assert found["thresholds"] == conformal_thresholds(validation, 0.9)
    assert "validation" in found["chosen_on"]
    own, rows = found["judged"]["normal"], scores.label == 0
    inside = conformal_sets(scores.probabilities, scores.classes, found["thresholds"])[rows]
    patients = np.unique(scores.patient_id[rows])
    shares = [inside[scores.patient_id[rows] == each, 0].mean() for each in patients]
    assert own["covered"] == pytest.approx(np.mean(shares))
    assert own["ci95"][0] < own["covered"] < own["ci95"][1]
    assert (own["patients"], own["rois"]) == (len(patients), rows.sum())
    assert own["size"] == pytest.approx(inside.sum(axis=1).mean())


def test_another_data_set_is_judged_by_the_runs_thresholds(make_scores) -> None:
    run, elsewhere = make_scores(patients=150), make_scores(patients=60, folds=1, seed=9)
    kept = json.loads(json.dumps(conformal_figures(run, 0.9)))
    locked = lock(make_scores(folds=1, seed=1), EvaluateConfig())
    found = evaluate(elsewhere, EvaluateConfig(coverage=0.8), 0, locked=locked, sets=kept)["conformal"]
    assert (found["thresholds"], found["coverage"]) == (kept["thresholds"], 0.9)
    sets = conformal_sets(elsewhere.probabilities, elsewhere.classes, kept["thresholds"])
    assert found["judged"] == set_coverage(elsewhere, sets)
    without = evaluate(elsewhere, EvaluateConfig(), 0, locked=locked)
    assert (without["conformal"]["thresholds"], without["conformal"]["judged"]) == ({}, None)
    assert any("Sets of classes cannot be judged" in line for line in without["cautions"])
    assert conformal_table(without).rows[0][1:] == ("–", "–", "–", "–")


def test_the_interval_of_the_coverage_holds_it(make_scores) -> None:
    """Of these thresholds, over studies of 60 patients: 95 %, within the error of 200 studies."""
    thresholds = conformal_thresholds(make_scores(patients=200, seed=3, folds=1), 0.9)

    def judged(patients: int, seed: int) -> dict:
        own = make_scores(patients=patients, seed=seed, folds=1)
        return set_coverage(own, conformal_sets(own.probabilities, own.classes, thresholds))["normal"]

    truth = judged(5000, 1)["covered"]
    held = [low <= truth <= high for low, high in (judged(60, seed)["ci95"] for seed in range(100, 300))]
    assert 0.91 <= np.mean(held) <= 0.99


def test_sets_that_hold_too_little_and_classes_that_nobody_has_are_said(make_scores) -> None:
    elsewhere = make_scores(patients=120, folds=1)
    kept = {"coverage": 0.9, "thresholds": {"normal": 0.6, "small_opacities": 0.0, "large_opacity": 0.0}}
    found = conformal_figures(elsewhere.take(elsewhere.label != 2), 0.9, kept=kept, elsewhere=True)
    short, unknown = conformal_cautions(found, elsewhere.classes)
    assert "less often than the promised 0.9: normal" in short
    assert "cannot be judged for large_opacity" in unknown
    assert conformal_cautions(conformal_figures(make_scores(patients=150), 0.9), elsewhere.classes) == []


def test_the_mean_of_fold_networks_has_sets_that_hold_more_than_promised() -> None:
    """Thresholds are of single networks; their mean varies less, so the true class is rarely as improbable.

    Networks of five folds differ by noise of each ROI (SD .7) and by a shift of each class (SD .5); what they have in
    common are the ROI's own evidence and its patient's. docs/serving.md has these numbers.
    """
    covered = {"one": [], "mean": []}
    for seed in range(40):
        rng = np.random.default_rng(seed)
        shifts = 0.5 * rng.normal(size=(5, 3))
        patient, label, evidence = _rois(rng, 150)
        own = _networks(rng, evidence, shifts)[patient % 5, np.arange(len(patient))]
        names = np.arange(len(patient)).astype(str)
        held_out = Scores(("a", "b", "c"), names, patient.astype(str), names, patient % 5, label, own)
        thresholds = conformal_figures(held_out, 0.9)["thresholds"]
        _, label, evidence = _rois(rng, 1000)
        every = _networks(rng, evidence, shifts)
        for kind, answers in (("one", every), ("mean", every.mean(axis=0, keepdims=True))):
            inside = [conformal_sets(answer, ("a", "b", "c"), thresholds) for answer in answers]
            covered[kind].append(np.mean([own[np.arange(len(label)), label].mean() for own in inside]))
    assert np.mean(covered["one"]) == pytest.approx(0.91, abs=0.02)
    assert 0.94 <= np.mean(covered["mean"]) <= 0.99


def _rois(rng: np.random.Generator, patients: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Patient and label int [rows], evidence float [rows, 3]: one to four ROIs a patient, half alike."""
    patient = np.repeat(np.arange(patients), rng.integers(1, 5, patients))
    label = rng.choice(3, size=len(patient), p=(0.5, 0.3, 0.2))
    noise = rng.normal(size=(patients, 3))[patient] + rng.normal(size=(len(patient), 3))
    return patient, label, 1.2 * np.eye(3)[label] + np.sqrt(0.5) * noise


def _networks(rng: np.random.Generator, evidence: np.ndarray, shifts: np.ndarray) -> np.ndarray:
    """float [networks, rows, 3]: what networks say that differ by noise and by a shift of each class."""
    noise = 0.7 * rng.normal(size=(len(shifts), *evidence.shape))
    return special.softmax(1.2 * (evidence + noise) + shifts[:, None], axis=2)
