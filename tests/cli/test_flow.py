"""The whole flow through the command line, on phantoms small enough for seconds."""

from __future__ import annotations

import csv
import json
import shutil

import numpy as np
import pytest
from click.testing import CliRunner

from keras_cwp.cli.main import cli
from keras_cwp.data.phantom.draw import draw_phantoms
from keras_cwp.data.prepared import PreparedData
from keras_cwp.errors import CwpError, DataError
from keras_cwp.scores import Scores
from keras_cwp.training.saved import load_network
from keras_cwp.training.size_note import NetworkSize

pytestmark = pytest.mark.usefixtures("small_network")

TINY = ["--set", "data.image_size=32", "--set", "evaluate.bootstraps=100", "--set", "train.batch_size=8"]
CLASSES = {"normal", "small_opacities", "large_opacity"}


def invoke(*words):
    answer = CliRunner().invoke(cli, [str(word) for word in words], catch_exceptions=False)
    assert answer.exit_code == 0, answer.output
    return answer.output


@pytest.fixture(scope="module")
def phantoms(tmp_path_factory):
    folder = tmp_path_factory.mktemp("flow") / "phantoms"
    draw_phantoms(folder, 18, 3, side_px=128, radiographs=(1, 1), rois=(2, 3))
    return folder


@pytest.fixture(scope="module")
def data(phantoms):
    out = phantoms.parent / "data"
    invoke("prepare", "--rois", phantoms / "rois.csv", "--images", phantoms / "images", "--out", out, *TINY[:2])
    return out


@pytest.fixture(scope="module")
def fitted(data):
    run = data.parent / "fit"
    invoke("fit", "--data", data, "--out", run, *TINY, "--set", "train.epochs=2")
    return run


def split_of(run):
    with open(run / "split.csv", newline="") as file:
        return list(csv.DictReader(file))


def test_a_fitted_run_has_all_that_the_design_names(fitted):
    names = {path.name for path in fitted.iterdir()}
    assert names >= {
        "config.yaml", "environment.json", "split.csv", "history.csv", "model.keras", "model.json", "scores.csv",
        "validation_scores.csv", "metrics.json", "report.html", "figures", "tensorboard", "size.json",
    }  # fmt: skip
    assert not names & {"state.npz", ".unfinished.keras"}
    assert NetworkSize.read(fitted) == NetworkSize.of(load_network(fitted))


def test_metrics_have_the_promised_keys(fitted):
    metrics = json.loads((fitted / "metrics.json").read_text())
    scores = Scores.from_csv(fitted / "scores.csv")
    assert set(metrics["classes"]) == CLASSES
    assert metrics["counts"]["rois"] == len(scores)
    assert set(metrics["auc"]["per_class"]) == CLASSES
    figures = [metrics["auc"]["macro"], metrics["auc"]["micro"], metrics["accuracy"]]
    for figure in [*figures, *metrics["auc"]["per_class"].values()]:
        if figure["ci95"] is None:
            assert figure["reason"]
        else:
            assert figure["ci95"][0] <= figure["value"] <= figure["ci95"][1]
    assert np.sum(metrics["confusion"]) == len(scores)
    right = scores.probabilities.argmax(1) == scores.label
    assert metrics["accuracy"]["value"] == pytest.approx(right.mean())


def test_no_patient_is_in_two_parts_and_only_the_test_part_is_scored(fitted):
    rows = split_of(fitted)
    parts = {}
    for row in rows:
        parts.setdefault(row["patient_id"], set()).add(row["part"])
    assert all(len(part) == 1 for part in parts.values())
    scored = set(Scores.from_csv(fitted / "scores.csv").roi_id)
    assert scored == {row["roi_id"] for row in rows if row["part"] == "test"}


def test_no_name_of_patient_or_image_leaves_the_data_set(fitted, data):
    manifest = PreparedData.open(data).manifest
    names = {row.patient_id for row in manifest} | {row.image for row in manifest} | {row.roi_id for row in manifest}
    for path in fitted.rglob("*"):
        if path.suffix in {".csv", ".json", ".html", ".yaml", ".svg"}:
            found = {name for name in names if name in path.read_text()}
            assert not found, f"{path} names {found}"


def test_cross_validation_scores_each_roi_once_by_a_fold_without_its_patient(data):
    run = data.parent / "cv"
    invoke("cv", "--data", data, "--out", run, "--folds", 2, *TINY, "--set", "train.epochs=1")
    scores = Scores.from_csv(run / "scores.csv")
    assert sorted(scores.roi_id) == sorted(row.roi_key for row in PreparedData.open(data).manifest)
    seen = {(row["fold"], row["patient_id"]) for row in split_of(run) if row["part"] != "test"}
    assert not seen & set(zip(scores.fold.astype(str), scores.patient_id, strict=True))
    assert {path.name for path in run.glob("fold_*")} == {"fold_1", "fold_2"}
    assert (run / "report.html").is_file()


@pytest.fixture(scope="module")
def elsewhere(phantoms):
    """Other phantoms, whose six patients have ids of their own."""
    table = draw_phantoms(phantoms.parent / "other", 6, 8, side_px=128, radiographs=(1, 1), rois=(2, 2))
    head, *lines = csv.reader(table.read_text().splitlines())
    column = head.index("patient_id")
    named = [[f"OTHER{value}" if place == column else value for place, value in enumerate(line)] for line in lines]
    table.write_text("".join(",".join(line) + "\n" for line in [head, *named]))
    out = phantoms.parent / "elsewhere"
    invoke("prepare", "--rois", table, "--images", table.parent / "images", "--out", out, *TINY[:2])
    return out


def patients_trained_on(run):
    return len({row["patient_id"] for row in split_of(run) if row["part"] == "train"})


def test_evaluate_scores_another_data_set(fitted, elsewhere, tmp_path):
    said = invoke("evaluate", fitted, "--data", elsewhere, "--out", tmp_path / "out")
    assert "of 6 patients who are not in the training data." in said
    assert len(Scores.from_csv(tmp_path / "out" / "scores.csv")) == len(PreparedData.open(elsewhere))
    page = (tmp_path / "out" / "report.html").read_text()
    assert "another data set" in page
    assert f"keras-cwp evaluate {fitted.name} --data {elsewhere.name}" in page
    assert "No patient id, radiograph or crop of the judged data set is in the training data." in page
    metrics = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert metrics["shared_with_training"] == {"checked": True, "patients": 0, "rois": 0, "images": 0, "respelt": 0}
    assert metrics["prior_shift"] is None
    sets, own = metrics["conformal"], json.loads((fitted / "metrics.json").read_text())["conformal"]
    assert (sets["thresholds"], sets["chosen_on"]) == (own["thresholds"], "all validation ROIs of the run")
    assert own["judged"].keys() == sets["judged"].keys() == set(CLASSES)
    tables = {
        name: list(csv.reader((tmp_path / "out" / "tables" / f"{name}.csv").read_text().splitlines()))
        for name in ("checklist", "other_data")
    }
    assert ["16", "33"] in [row[:2] for row in tables["checklist"] if row[3].startswith("External data set")]
    assert tables["other_data"][1] == ["patients", str(patients_trained_on(fitted)), "6"]
    assert sum(float(row[2].removesuffix(" %")) for row in tables["other_data"][5:8]) == pytest.approx(100, abs=0.2)


def test_evaluate_names_what_a_roi_table_has_to_become(fitted, tmp_path):
    (tmp_path / "rois.csv").write_text("image,label\n")
    refused = CliRunner().invoke(cli, ["evaluate", str(fitted), "--data", str(tmp_path / "rois.csv")])
    assert isinstance(refused.exception, DataError)
    assert "make one with keras-cwp prepare --rois" in str(refused.exception)
    missing = CliRunner().invoke(cli, ["evaluate", str(tmp_path / "nope")])
    assert "nope: no such folder; expected a RUN folder" in str(missing.exception)


def test_evaluate_gives_accuracy_at_a_stated_prevalence(fitted, elsewhere, tmp_path):
    stated = [word for name, share in zip(sorted(CLASSES), ("0.2", "0.5", "0.3"), strict=True)
              for word in ("--prevalence", f"{name}={share}")]  # fmt: skip
    invoke("evaluate", fitted, "--data", elsewhere, "--out", tmp_path / "out", *stated)
    metrics = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert sorted(metrics["prior_shift"]["stated"].values()) == [0.2, 0.3, 0.5]
    assert "At a stated prevalence" in (tmp_path / "out" / "report.html").read_text()
    refused = CliRunner().invoke(cli, ["evaluate", str(fitted), "--prevalence", "normal:0.3"])
    assert refused.exit_code == 2
    assert "expected CLASS=SHARE with a share between 0 and 1, such as normal=0.6" in refused.output


@pytest.fixture(scope="module")
def same_again(phantoms):
    """The radiographs that the run was trained on in larger boxes, as another data set of other patient ids."""
    with open(phantoms / "rois.csv", newline="") as file:
        head, *lines = csv.reader(file)
    column, x = head.index("patient_id"), head.index("x")
    renamed = [[f"NEW{value}" if n == column else value for n, value in enumerate(line)] for line in lines]
    moved = [[f"{float(value) + 1}" if n == x else value for n, value in enumerate(line)] for line in renamed]
    table = phantoms.parent / "again.csv"
    table.write_text("".join(",".join(line) + "\n" for line in [head, *moved]))
    out = phantoms.parent / "again"
    invoke("prepare", "--rois", table, "--images", phantoms / "images", "--out", out, *TINY[:2])
    return out


def test_evaluate_refuses_patients_that_were_trained_on_unless_told(fitted, same_again, tmp_path):
    learnt = {row["patient_id"] for row in split_of(fitted) if row["part"] != "test"}
    images = {row["image"] for row in split_of(fitted) if row["part"] != "test"}
    said = f"{len(learnt)} of its 18 patients are in .*, {len(images)} identical images.* --allow-shared-patients"
    with pytest.raises(CwpError, match=said):
        invoke("evaluate", fitted, "--data", same_again, "--out", tmp_path / "out")
    assert not (tmp_path / "out").exists()
    told = invoke("evaluate", fitted, "--data", same_again, "--out", tmp_path / "out", "--allow-shared-patients")
    assert f"of 18 patients, {len(learnt)} of them also in the training data, which makes the metrics too good" in told
    assert "This was allowed by --allow-shared-patients" in (tmp_path / "out" / "report.html").read_text()
    metrics = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert metrics["shared_with_training"]["patients"] == len(learnt)


def test_evaluate_says_when_the_training_data_is_gone(fitted, elsewhere, tmp_path):
    run = shutil.copytree(fitted, tmp_path / "run")
    about = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps(about | {"data": str(tmp_path / "gone")}))
    said = invoke("evaluate", run, "--data", elsewhere, "--out", tmp_path / "out")
    assert said.count("could not be compared with the training data") == 1
    assert "is gone or was changed, so it could not be checked" in (tmp_path / "out" / "report.html").read_text()


def test_evaluate_averages_views_of_the_held_out_rois(fitted):
    invoke("evaluate", fitted, "--tta", 4)
    before, after = (Scores.from_csv(folder / "scores.csv") for folder in (fitted, fitted / "tta_4"))
    assert after.roi_id.tolist() == before.roi_id.tolist()
    assert 1e-6 < np.abs(after.probabilities - before.probabilities).max() < 0.5
    assert "scored in 4 views" in (fitted / "tta_4" / "report.html").read_text()
    assert json.loads((fitted / "tta_4" / "metrics.json").read_text())["views"] == 4
    invoke("evaluate", fitted, "--tta", 1, "--out", fitted / "again")  # the run's own: its scores as they are
    assert (
        json.loads((fitted / "again" / "metrics.json").read_text())["auc"]
        == json.loads((fitted / "metrics.json").read_text())["auc"]
    )


def test_evaluate_refuses_the_runs_own_data(fitted, data):
    with pytest.raises(CwpError, match=r"is what .* was trained on; leave --data out"):
        invoke("evaluate", fitted, "--data", data)


def test_a_completed_run_is_not_overwritten(fitted, data):
    before = (fitted / "scores.csv").read_bytes()
    with pytest.raises(CwpError, match="holds a completed run; name another folder or remove it"):
        invoke("fit", "--data", data, "--out", fitted, *TINY, "--set", "train.epochs=2")
    assert (fitted / "scores.csv").read_bytes() == before


def test_another_folder_is_not_overwritten(data, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(CwpError, match="exists already and is not a run"):
        invoke("fit", "--data", data, "--out", tmp_path, *TINY)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_an_unfinished_run_of_another_configuration_is_not_continued(fitted, data, tmp_path):
    shutil.copytree(fitted, tmp_path / "run")
    (tmp_path / "run" / "scores.csv").unlink()
    with pytest.raises(CwpError, match="unfinished run of another command, configuration or data set"):
        invoke("fit", "--data", data, "--out", tmp_path / "run", *TINY, "--set", "train.epochs=3")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--data", "nowhere"], r"--data nowhere: no such file or folder"),
        (["--data", "{rois}"], r"a ROI table needs --images"),
        (["--data", "{data}", "--set", "data.image_size=64"], r"asks for 64, .* was prepared with 32"),
        (["--data", "{data}", "--set", "train.epoch=1"], r"unknown key 'train.epoch'"),
        (["--data", "{data}", "--set", "model.arch=lenet"], r"unknown architecture 'lenet'; known: shufflenet"),
        (["--data", "{data}", "--set", "augment.policy=wild"], r"'wild' is neither a file nor one of none, light"),
        (["--data", "{data}", "--config", "none.yaml"], r"none.yaml: No such file"),
    ],
)
def test_bad_input_is_one_error_and_leaves_no_run(words, message, data, phantoms, tmp_path):
    filled = [word.format(data=data, rois=phantoms / "rois.csv") for word in words]
    with pytest.raises(CwpError, match=message):
        invoke("fit", *filled, "--out", tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_more_folds_than_patients_of_a_class_is_an_error(data, tmp_path):
    with pytest.raises(CwpError, match=r"class .* patients"):
        invoke("cv", "--data", data, "--out", tmp_path / "run", "--folds", 15)
    assert not (tmp_path / "run").exists()
