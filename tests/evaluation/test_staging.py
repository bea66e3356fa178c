"""Patients staged from their zones: figures against scikit-learn, zones that lack, and what is said about them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, cohen_kappa_score, confusion_matrix

from keras_cwp.config import EvaluateConfig
from keras_cwp.errors import CwpError
from keras_cwp.evaluation.metrics import evaluate
from keras_cwp.evaluation.stage_rules import RULES
from keras_cwp.evaluation.staging import stage_patients, staging_figures
from keras_cwp.scores import UNKNOWN_LABEL, Scores
from keras_cwp.staging_section import StagingConfig

CLASSES = ("large_opacity", "0", "1", "2", "3")
ORDER = ("0", "1", "2", "3", "large_opacity")
NAMES = ("RU", "right middle", "右下", "LU", "LMZ", "lower left")
CONFIG = EvaluateConfig(bootstraps=100)


def scores_of(labels: np.ndarray, decided: np.ndarray, patient: np.ndarray, fold: np.ndarray | None = None) -> Scores:
    """Scores whose highest probability is the decision."""
    probabilities = np.full((len(labels), len(CLASSES)), 0.1)
    probabilities[np.arange(len(labels)), decided] = 0.6
    names = np.array([f"r{row}" for row in range(len(labels))])
    owners = np.array([f"p{own}" for own in patient])
    folds = np.zeros(len(labels), dtype=int) if fold is None else fold
    return Scores(CLASSES, names, owners, owners, folds, labels, probabilities)


def drawn(patients: int = 40, seed: int = 0) -> tuple[Scores, np.ndarray]:
    """Six zones a patient of about the patient's own profusion, a few large opacities, decisions mostly right."""
    rng = np.random.default_rng(seed)
    patient = np.repeat(np.arange(patients), 6)
    labels = 1 + np.clip(rng.integers(-1, 4, patients)[patient] + rng.integers(-1, 2, len(patient)), 0, 3)
    labels[rng.random(len(labels)) < 0.02] = 0
    decided = np.where(rng.random(len(labels)) < 0.8, labels, rng.integers(len(CLASSES), size=len(labels)))
    return scores_of(labels, decided, patient), np.tile(NAMES, patients)


@pytest.mark.parametrize("rule", ["gbz70", "ilo"])
def test_figures_are_those_of_scikit_learn(rule):
    scores, zones = drawn()
    staged = stage_patients(scores, zones, CONFIG, ORDER)
    labelled, predicted = staged.stages(rule)
    found = staging_figures(scores, zones, CONFIG, 0, ORDER)
    assert (found["patients"], found["complete"], found["missing"]) == (40, 40, {})
    own = found["rules"][rule]
    stages = range(len(RULES[rule].stages))
    assert own["confusion"] == confusion_matrix(labelled, predicted, labels=list(stages)).tolist()
    assert own["accuracy"]["value"] == pytest.approx(accuracy_score(labelled, predicted))
    expected = cohen_kappa_score(labelled, predicted, weights="quadratic", labels=list(stages))
    assert own["kappa_quadratic"]["value"] == pytest.approx(expected)
    assert own["first"]["sensitivity"]["value"] == pytest.approx((predicted[labelled > 0] > 0).mean())
    assert own["first"]["specificity"]["value"] == pytest.approx((predicted[labelled == 0] == 0).mean())
    for figure in (own["accuracy"], own["kappa_quadratic"], *(own["first"][k] for k in ("sensitivity", "specificity"))):
        assert figure["ci95"][0] < figure["value"] < figure["ci95"][1] or figure["value"] in figure["ci95"]
    assert len(set(labelled.tolist())) > 2


def test_stages_by_hand_and_only_the_rule_that_was_asked_for():
    """p0: profusion 2 in four zones, predicted 3 there; p1: one zone; p2: a large opacity that is missed."""
    labels = np.array([3, 3, 3, 3, 2, 1, 0, 2, 2])
    decided = np.array([4, 4, 4, 4, 1, 1, 1, 2, 2])
    patient = np.array([0, 0, 0, 0, 1, 1, 2, 2, 2])
    zones = np.array(["RU", "RM", "RL", "LU", "RU", "LU", "RU", "LM", "LL"])
    config = EvaluateConfig(staging=StagingConfig(rule="gbz70"))
    staged = stage_patients(scores_of(labels, decided, patient), zones, config, None)  # stated, so no order is needed
    assert staged.rules == ("gbz70",)
    assert [own.tolist() for own in staged.stages("gbz70")] == [[1, 0, 3], [2, 0, 1]]
    assert staged.missing == {"right middle": 2, "right lower": 2, "left upper": 1, "left middle": 2, "left lower": 2}
    assert "3 of 3 patients lack zones (2 of 6 at the fewest)" in staged.notes[0]
    assert not any(note.startswith("ILO") for note in staged.notes)


def test_zones_that_lack_are_counted_and_said():
    scores, zones = drawn()
    zones = zones.copy()
    zones[:7] = ""  # all of p0, and the first of p1
    found = staging_figures(scores, zones, CONFIG, 0, ORDER)
    assert (found["patients"], found["complete"], found["missing"]) == (39, 38, {"right upper": 1})
    notes = " ".join(found["notes"])
    assert "1 of 39 patients lacks zones (5 of 6 at the fewest)" in notes
    assert "may be too low" in notes
    assert "7 ROIs without a zone are left out; 1 patient with no other ROI is not staged." in notes


def test_a_zone_on_two_radiographs_is_said_and_the_highest_counts():
    labels = np.array([1, 3, 2])
    films = np.array(["first", "second", "first"])
    scores = replace(scores_of(labels, labels, np.zeros(3, dtype=int)), image=films)
    staged = stage_patients(scores, np.array(["RU", "R upper", "LU"]), CONFIG, ORDER)
    assert staged.labelled.profusion[0].tolist() == [2, -1, -1, 1, -1, -1]
    assert "1 patient has a zone on more than one radiograph; its highest profusion counts." in staged.notes


def test_a_repeat_is_a_row_and_a_patient_counts_once():
    scores, zones = drawn(12)
    twice = scores_of(
        np.tile(scores.label, 2), np.tile(scores.probabilities.argmax(1), 2), np.tile(np.repeat(np.arange(12), 6), 2),
        np.repeat([0, 1], len(scores)),
    )  # fmt: skip
    found = staging_figures(twice, np.tile(zones, 2), CONFIG, 0, ORDER)
    once = staging_figures(scores, zones, CONFIG, 0, ORDER)
    own, single = found["rules"]["gbz70"], once["rules"]["gbz70"]
    assert found["patients"] == once["patients"] == 12
    assert np.sum(own["confusion"]) == 2 * np.sum(single["confusion"])
    # The same patients again say nothing new, so no interval may become narrower.
    assert own["accuracy"]["ci95"] == pytest.approx(single["accuracy"]["ci95"], abs=1e-9)
    assert own["kappa_quadratic"]["ci95"] == pytest.approx(single["kappa_quadratic"]["ci95"], abs=1e-9)


@pytest.mark.parametrize(
    ("large", "coalescence", "expected"),
    [
        ("large_opacity", None, "stage III rests on large opacities alone"),
        ("large_opacity", "3", "each ROI of class large_opacity counts as 20 mm by 10 mm or more"),
    ],
)
def test_what_the_classes_cannot_say_is_said(large, coalescence, expected):
    scores, zones = drawn(6)
    config = EvaluateConfig(staging=StagingConfig(large=large, coalescence=coalescence))
    notes = stage_patients(scores, zones, config, ORDER).notes
    assert any(expected in note for note in notes)
    assert any("no class says that small opacities coalesce" in note for note in notes) == (coalescence is None)


def test_perfect_predictions_have_an_interval_too():
    scores, zones = drawn(30)
    perfect = scores_of(scores.label, scores.label, np.repeat(np.arange(30), 6))
    own = staging_figures(perfect, zones, CONFIG, 0, ORDER)["rules"]["gbz70"]
    for figure in (own["accuracy"], own["kappa_quadratic"], own["first"]["sensitivity"]):
        assert figure["value"] == figure["ci95"][1] == 1
        assert 0.6 < figure["ci95"][0] < 1


def test_why_there_are_no_stages():
    scores, zones = drawn(6)
    assert staging_figures(scores, None, CONFIG, 0, ORDER) is None
    off = EvaluateConfig(staging=StagingConfig(rule="none"))
    assert staging_figures(scores, zones, off, 0, ORDER) is None
    asked = EvaluateConfig(staging=StagingConfig(rule="ilo"))
    assert "needs a column zone" in staging_figures(scores, None, asked, 0, ORDER)["reason"]
    assert "data.ordinal" in staging_figures(scores, zones, CONFIG, 0, None)["reason"]
    strange = np.where(zones == "RU", "hilum", zones)
    assert "zone 'hilum' is not a zone" in staging_figures(scores, strange, CONFIG, 0, ORDER)["reason"]
    assert staging_figures(scores, np.full(len(zones), ""), CONFIG, 0, ORDER) == {"reason": "no ROI has a zone"}
    with pytest.raises(CwpError):
        stage_patients(scores, strange, CONFIG, ORDER)


def test_evaluate_leaves_rois_without_a_label_out():
    scores, zones = drawn()
    scores.label[:6] = UNKNOWN_LABEL  # all of p0
    found = evaluate(scores, CONFIG, 0, order=ORDER, zones=zones)["staging"]
    assert found["patients"] == 39
    assert found == staging_figures(scores.take(np.arange(6, 240)), zones[6:], CONFIG, 0, ORDER)
    assert evaluate(scores, CONFIG, 0, order=ORDER)["staging"] is None
