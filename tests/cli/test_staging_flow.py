"""Stages of patients through the command line: a table with zones, cross-validation, page, metrics and table."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml
from click.testing import CliRunner

from keras_cwp.cli.main import cli
from keras_cwp.config import Config, DataConfig, EvaluateConfig
from keras_cwp.data.phantom.draw import draw_phantoms
from keras_cwp.data.prepared import PreparedData
from keras_cwp.scores import Scores
from keras_cwp.staging_section import StagingConfig
from keras_cwp.training.staging_guard import check_staging

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("small_network")]

ZONES = ("RU", "right middle", "右下", "L-upper", "LMZ", "left lower")
ORDER = "data.ordinal=[normal, small_opacities, large_opacity]"
STAGING = "evaluate.staging={profusion: {normal: 0, small_opacities: 2}, large: large_opacity}"
TINY = ["--set", "evaluate.bootstraps=100", "--set", "train.batch_size=8", "--set", "train.epochs=1"]


def zoned(table: Path, name: str, zones: tuple[str, ...] = ZONES) -> Path:
    """The same ROI table with a column zone, in which a patient's ROIs lie in one zone after the other."""
    with open(table, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    met: dict[str, int] = {}
    for row in rows:
        met[row["patient_id"]] = met.get(row["patient_id"], -1) + 1
        row["zone"] = zones[met[row["patient_id"]] % len(zones)]
    path = table.parent / name
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("staging") / "phantoms"
    return draw_phantoms(folder, 12, 3, side_px=128, radiographs=(1, 1), rois=(5, 6))


def prepared(table: Path, out: str) -> Path:
    path = table.parent.parent / out
    words = ["prepare", "--rois", table, "--images", table.parent / "images", "--out", path]
    answer = CliRunner().invoke(cli, [str(word) for word in words] + ["--set", "data.image_size=32"])
    assert answer.exit_code == 0, answer.output
    return path


@pytest.fixture(scope="module")
def data(drawn: Path) -> Path:
    return prepared(zoned(drawn, "zoned.csv"), "data")


def cv(data: Path, out: Path, *settings: str) -> tuple[int, str]:
    words = ["cv", "--data", data, "--out", out, "--folds", "2", *TINY]
    words += [word for setting in settings for word in ("--set", setting)]
    answer = CliRunner().invoke(cli, [str(word) for word in words])
    return answer.exit_code, f"{answer.output} {answer.exception or ''}"  # main() prints the exception


@pytest.fixture(scope="module")
def run(data: Path) -> Path:
    out = data.parent / "cv"
    code, said = cv(data, out, ORDER, STAGING)
    assert code == 0, said
    return out


def by_hand(run: Path, data: Path) -> dict[str, dict[str, int]]:
    """The stage of each patient by GBZ 70, from scores.csv and the manifest alone."""
    zone_of = {row.roi_key: ZONES.index(row.extra["zone"]) for row in PreparedData.open(data).manifest}
    scores = Scores.from_csv(run / "scores.csv")
    stages: dict[str, dict[str, int]] = {}
    for patient in np.unique(scores.patient_id):
        own = scores.take(scores.patient_id == patient)
        for side, answers in (("labelled", own.label), ("predicted", own.probabilities.argmax(1))):
            names = [own.classes[answer] for answer in answers]
            affected = {zone_of[roi] for roi, name in zip(own.roi_id, names, strict=True) if name == "small_opacities"}
            few = 1 if len(affected) >= 2 else 0
            stage = 3 if "large_opacity" in names else 2 if len(affected) > 4 else few
            stages.setdefault(str(patient), {})[side] = stage
    return stages


def test_stages_stand_in_metrics_page_and_table(run, data):
    staging = json.loads((run / "metrics.json").read_text())["staging"]
    expected = by_hand(run, data)
    confusion = np.zeros((4, 4), dtype=int)
    for own in expected.values():
        confusion[own["labelled"], own["predicted"]] += 1
    assert staging["rules"]["gbz70"]["confusion"] == confusion.tolist()
    assert staging["patients"] == len(expected) == 12
    assert set(staging["rules"]) == {"gbz70", "ilo"}
    with open(run / "tables" / "patient_stages.csv", newline="", encoding="utf-8") as file:
        table = {row["patient_id"]: row for row in csv.DictReader(file)}
    names = ("0", "I", "II", "III")
    for patient, own in expected.items():
        assert {side: names.index(table[patient][f"gbz70_{side}"]) for side in own} == own
    assert 0 < staging["complete"] < 12  # patients with five ROIs lack a zone
    assert staging["missing"]["left lower"] == 12 - staging["complete"]
    lacking = sum(6 - int(row["zones"]) for row in table.values())
    assert sum(staging["missing"].values()) == lacking == sum(row["missing"].count("left") for row in table.values())
    page = (run / "report.html").read_text()
    assert "Stages of patients: GBZ 70" in page
    assert f"{12 - staging['complete']} of 12 patients" in page
    assert "no class says that small opacities coalesce" in page


def again(run: Path, out: Path, staging: dict[str, object]) -> dict[str, object] | None:
    """`staging` of metrics.json, where a copy of the run is evaluated again with other settings of it."""
    shutil.copytree(run, out)
    config = yaml.safe_load((out / "config.yaml").read_text())
    config["evaluate"]["staging"] = staging
    (out / "config.yaml").write_text(yaml.safe_dump(config))
    answer = CliRunner().invoke(cli, ["evaluate", str(out)])
    assert answer.exit_code == 0, answer.output
    return json.loads((out / "metrics.json").read_text())["staging"]


@pytest.mark.slow
def test_without_stated_profusions_the_page_says_why_there_are_no_stages(run, tmp_path):
    found = again(run, tmp_path / "plain", {})
    assert "class 'small_opacities' names no profusion" in found["reason"]
    page = (tmp_path / "plain" / "report.html").read_text()
    assert "Patients are not staged: " in page
    assert "Stages of patients: GBZ 70" not in page


@pytest.mark.slow
def test_switched_off_there_are_no_stages(run, tmp_path):
    assert again(run, tmp_path / "off", {"rule": "none"}) is None
    assert "Patients are not staged" not in (tmp_path / "off" / "report.html").read_text()


def test_a_strange_zone_or_none_is_refused_before_training_in_one_line(drawn, tmp_path):
    strange = prepared(zoned(drawn, "strange.csv", ("RU", "hilum", "LL")), "strange")
    code, said = cv(strange, tmp_path / "strange", ORDER, STAGING)
    assert code == 1
    said = " ".join(said.split())
    assert "zone 'hilum' is not a zone of the lungs: expected right or left with upper, middle or lower" in said
    assert "evaluate.staging.rule=none" in said
    assert not (tmp_path / "strange").exists()
    plain = prepared(drawn, "plain")
    code, said = cv(plain, tmp_path / "plain", ORDER, STAGING)
    assert code == 1
    assert "prepare it from a ROI table with a column zone" in " ".join(said.split())
    assert not (tmp_path / "plain").exists()
    order = ("normal", "small_opacities", "large_opacity")
    for staging in (StagingConfig(rule="none"), StagingConfig()):  # off; or classes whose names are no profusions
        config = Config(data=DataConfig(ordinal=order), evaluate=EvaluateConfig(staging=staging))
        check_staging(PreparedData.open(strange), config)
