from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from keras_cwp.config import EvaluateConfig
from keras_cwp.errors import ScoresError
from keras_cwp.evaluation.bands import roc_bands
from keras_cwp.evaluation.delong import delong_figures
from keras_cwp.evaluation.intervals import ONE_PATIENT
from keras_cwp.evaluation.metrics import evaluate
from keras_cwp.evaluation.roc import macro_auc
from keras_cwp.evaluation.roi_metrics import roi_figures, roi_statistic
from keras_cwp.evaluation.statistic import on_table

QUICK = EvaluateConfig(bootstraps=200)


def undefined_without_reason(tree: object, path: str = "") -> list[str]:
    """Paths of figures whose value is null and that do not say why."""
    if not isinstance(tree, dict):
        return []
    own = (
        [path] if "value" in tree and (tree["value"] is None or tree["ci95"] is None) and not tree.get("reason") else []
    )
    return own + [found for key, below in tree.items() for found in undefined_without_reason(below, f"{path}/{key}")]


def test_promised_keys_and_values(scores) -> None:
    found = evaluate(scores, QUICK, 0)
    assert found["classes"] == list(scores.classes)
    assert found["counts"]["rois"] == len(scores)
    assert found["counts"]["patients"] == 60
    assert found["auc"]["macro"]["value"] == pytest.approx(macro_auc(scores.label, scores.probabilities))
    assert set(found["auc"]["per_class"]) == set(scores.classes)
    lower, upper = found["accuracy"]["ci95"]
    assert lower < found["accuracy"]["value"] < upper
    assert found["loss"] == found["log_loss"]["value"]
    assert np.sum(found["confusion"]) == len(scores)
    assert found["folds"]["mean"]["auc"]["macro"]["spread"] > 0


@pytest.mark.parametrize("interval", ["score", "percentile", "bca"])
@pytest.mark.parametrize(
    "rows",
    [
        lambda _: np.arange(1),
        lambda s: s.label == 1,
        lambda s: s.label != 0,
        lambda s: s.patient_id == s.patient_id[0],
        lambda s: np.isin(s.patient_id, np.unique(s.patient_id)[:2]),
        lambda s: s.probabilities.argmax(axis=1) == s.label,
    ],
    ids=["one ROI", "one class", "a class absent", "one patient", "two patients", "all right"],
)
def test_degenerate_tables_give_valid_json_with_reasons(scores, rows, interval: str) -> None:
    some = scores.take(rows(scores))
    config = EvaluateConfig(bootstraps=100, interval=interval)
    found = evaluate(some, config, 0, replace(some, fold=some.fold + 1, patient_id=np.char.add("v", some.patient_id)))
    json.dumps(found, allow_nan=False)
    assert undefined_without_reason(found) == []


def test_all_right_still_has_an_interval_of_accuracy(scores) -> None:
    right = scores.take(scores.probabilities.argmax(axis=1) == scores.label)
    accuracy = evaluate(right, QUICK, 0)["accuracy"]
    assert accuracy["value"] == 1
    assert 0.85 < accuracy["ci95"][0] < 0.99
    assert accuracy["ci95"][1] == 1


def test_one_patient_is_the_reason_for_every_interval(scores) -> None:
    one = scores.take(scores.patient_id == "patient3")
    found = evaluate(one, QUICK, 0)
    assert found["accuracy"]["reason"] == found["log_loss"]["reason"] == ONE_PATIENT


def test_unlabelled_rows_are_left_out_and_counted(scores) -> None:
    label = scores.label.copy()
    label[:5] = -1
    found = evaluate(replace(scores, label=label), QUICK, 0)
    assert found["counts"]["unlabelled_rois"] == 5
    assert found["auc"] == evaluate(scores.take(np.arange(5, len(scores))), QUICK, 0)["auc"]
    with pytest.raises(ScoresError, match="none of 3 ROIs has a label"):
        evaluate(replace(scores, label=np.full(len(scores), -1)).take(np.arange(3)), QUICK, 0)


def test_row_order_does_not_matter_and_the_seed_does(scores) -> None:
    shuffled = scores.take(np.random.default_rng(0).permutation(len(scores)))
    config = EvaluateConfig(bootstraps=200, interval="percentile")
    first, again, other = evaluate(scores, config, 0), evaluate(shuffled, config, 0), evaluate(scores, config, 1)
    np.testing.assert_allclose(first["auc"]["macro"]["ci95"], again["auc"]["macro"]["ci95"], atol=1e-12)
    assert first["auc"]["macro"]["ci95"] != other["auc"]["macro"]["ci95"]


def test_mean_over_folds_is_the_mean_of_each_fold(scores) -> None:
    found = evaluate(scores, QUICK, 0)["folds"]
    each = [on_table(roi_statistic(own), len(own)) for own in (scores.take(scores.fold == f) for f in range(3))]
    assert found["mean"]["auc"]["macro"]["value"] == pytest.approx(np.mean([own["auc", "macro"] for own in each]))
    assert [row["auc"]["macro"] for row in found["each"]] == pytest.approx([own["auc", "macro"] for own in each])


def test_subgroups_are_evaluated_apart(scores) -> None:
    site = np.where(np.arange(len(scores)) % 2, "north", "south")
    found = evaluate(scores, QUICK, 0, subgroups={"site": site, "same": np.full(len(scores), "x")})["subgroups"]
    assert list(found) == ["site"]
    north = scores.take(site == "north")
    assert found["site"]["north"]["auc"]["macro"]["value"] == pytest.approx(macro_auc(north.label, north.probabilities))
    with pytest.raises(ScoresError, match="subgroup column 'site' has 3 rows"):
        evaluate(scores, QUICK, 0, subgroups={"site": site[:3]})


@pytest.mark.slow
def test_intervals_cover_the_truth_about_as_often_as_they_say(make_scores) -> None:
    """Many small studies of one population: 95 % intervals hold its AUC in 90 to 99 % of them."""
    population = make_scores(patients=6000, seed=99)
    truth = macro_auc(population.label, population.probabilities)
    inside = []
    for seed in range(150):
        study = make_scores(patients=80, seed=1000 + seed, folds=1)
        found = roi_figures(study, EvaluateConfig(), seed)
        limits = [found["auc", "macro"]["ci95"], delong_figures(study)["macro"]["ci95"]]
        inside.append([lower <= truth <= upper for lower, upper in limits])
    assert (np.mean(inside, axis=0) > 0.90).all()
    assert (np.mean(inside, axis=0) < 0.995).all()


def test_bands_hold_their_curve_and_end_in_the_corners(scores) -> None:
    bands = roc_bands(scores, 100, 0)
    assert set(bands) == {*scores.classes, "macro", "micro"}
    for band in bands.values():
        assert (band.lower <= band.upper + 1e-12).all()
        assert band.upper[-1] == pytest.approx(1)
