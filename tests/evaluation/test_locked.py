"""A run's thresholds and temperature on other data: applied, never chosen there."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from sklearn import metrics

from keras_cwp.config import EvaluateConfig
from keras_cwp.errors import ScoresError
from keras_cwp.evaluation.calibration import apply_temperature, fit_temperature
from keras_cwp.evaluation.lock import lock
from keras_cwp.evaluation.metrics import evaluate
from keras_cwp.evaluation.threshold_choice import choose_threshold
from keras_cwp.scores import UNKNOWN_LABEL


def test_thresholds_and_temperature_are_those_of_the_run(make_scores) -> None:
    validation, elsewhere = make_scores(folds=1, seed=1), make_scores(folds=1, seed=2)
    config = EvaluateConfig()
    locked = lock(validation, config)
    expected = choose_threshold(validation.label == 1, validation.probabilities[:, 1], config, validation.patient_id)
    assert locked["roi"]["small_opacities"] == expected
    found = evaluate(elsewhere, config, 0, locked=json.loads(json.dumps(locked)))
    point = found["thresholds"]["per_class"]["small_opacities"]
    called = elsewhere.probabilities[:, 1] >= expected
    assert point["thresholds"] == {"locked": expected}
    assert point["sensitivity"]["value"] == pytest.approx(metrics.recall_score(elsewhere.label == 1, called))
    assert (
        found["patient_level"]["thresholds"]["per_class"]["normal"]["thresholds"]["locked"]
        == locked["patient"]["normal"]
    )
    assert found["thresholds"]["chosen_on"] == "all validation ROIs of the run"
    temperature = fit_temperature(validation.label, validation.probabilities)
    scaled = apply_temperature(elsewhere.probabilities, temperature)
    assert found["calibration"]["temperatures"] == {"locked": pytest.approx(temperature)}
    loss = found["calibration"]["temperature"]["log_loss"]["value"]
    assert loss == pytest.approx(metrics.log_loss(elsewhere.label, scaled))


def test_thresholds_of_few_patients_are_said_to_be_rough_elsewhere_too(make_scores) -> None:
    validation, elsewhere = make_scores(folds=1, seed=1, patients=9), make_scores(folds=1, seed=2)
    locked = lock(validation, EvaluateConfig())
    found = evaluate(elsewhere, EvaluateConfig(), 0, locked=json.loads(json.dumps(locked)))
    with_normal = len(np.unique(validation.patient_id[validation.label == 0]))
    point = found["thresholds"]["per_class"]["normal"]
    assert point["chosen_by"]["with"] == with_normal < 10
    assert "rough" in point["caution"]
    assert any("chosen by few validation patients and are rough" in caution for caution in found["cautions"])
    of_an_earlier_version = {key: value for key, value in locked.items() if key != "chosen_by"}
    assert "caution" not in evaluate(elsewhere, EvaluateConfig(), 0, locked=of_an_earlier_version)["thresholds"][
        "per_class"
    ]["normal"]  # fmt: skip


def test_the_other_datas_labels_change_no_decision(make_scores) -> None:
    locked = lock(make_scores(folds=1, seed=1), EvaluateConfig())
    elsewhere = make_scores(folds=1, seed=2)
    turned = replace(elsewhere, label=(elsewhere.label + 1) % 3)
    points = [
        evaluate(own, EvaluateConfig(), 0, locked=locked)["thresholds"]["per_class"]["normal"]["thresholds"]
        for own in (elsewhere, turned)
    ]
    assert points[0] == points[1]


def test_the_runs_patient_rule_holds_elsewhere(make_scores) -> None:
    locked = lock(make_scores(folds=1, seed=1), EvaluateConfig(patient_rule="max"))
    elsewhere = make_scores(folds=1, seed=2)
    found = evaluate(elsewhere, EvaluateConfig(patient_rule="mean"), 0, locked=locked)
    names = np.unique(elsewhere.patient_id)
    highest = np.array([elsewhere.probabilities[elsewhere.patient_id == name, 0].max() for name in names])
    truth = np.array([(elsewhere.label[elsewhere.patient_id == name] == 0).any() for name in names])
    point = found["patient_level"]["thresholds"]["per_class"]["normal"]
    called = highest >= locked["patient"]["normal"]
    assert point["sensitivity"]["value"] == pytest.approx(metrics.recall_score(truth, called))


def test_a_run_keeps_what_it_locks_and_leaves_out_unlabelled_rows(make_scores) -> None:
    scores = make_scores(folds=2, patients=80)
    validation = replace(scores, fold=1 - scores.fold)
    found = evaluate(scores, EvaluateConfig(), 0, validation)
    assert found["locked"] == lock(validation, EvaluateConfig())
    assert "2 folds together" in found["locked"]["chosen_on"]
    unknown = replace(validation, label=np.where(np.arange(len(validation)) < 9, UNKNOWN_LABEL, validation.label))
    assert lock(unknown, EvaluateConfig()) == lock(validation.take(np.arange(9, len(validation))), EvaluateConfig())
    assert evaluate(scores, EvaluateConfig(), 0)["locked"] is None


def test_an_order_of_other_classes_is_refused(scores) -> None:
    with pytest.raises(ScoresError, match=r"data.ordinal is \['normal'\], the classes are"):
        evaluate(scores, EvaluateConfig(), 0, order=("normal",))
