"""keras-cwp prepare through the command line: exit codes, one line of error, nothing left behind."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from keras_cwp.cli.main import main
from keras_cwp.data.prepared import PreparedData


@pytest.fixture
def table(tmp_path: Path) -> Path:
    (tmp_path / "images").mkdir()
    for name in "ab":
        Image.fromarray(np.zeros((40, 40), np.uint8)).save(tmp_path / "images" / f"{name}.png")
    path = tmp_path / "rois.csv"
    path.write_text("image,patient_id,label,x,y,width,height\na.png,P1,x,1,1,9,9\nb.png,P2,y,35,5,9,9\n")
    return path


def run(*args: object) -> int:
    with pytest.raises(SystemExit) as ended:
        main([str(arg) for arg in args])
    return int(ended.value.code or 0)


def test_prepare(table, tmp_path, capsys):
    images, out = tmp_path / "images", tmp_path / "data"
    code = run("prepare", "--rois", table, "--images", images, "--out", out, "--set", "data.image_size=32")
    text = capsys.readouterr()
    assert code == 0
    said = "2 ROIs on 2 radiographs of 2 patients; x (1 ROI of 1 patient), y (1 ROI of 1 patient); "
    assert f"{said}32 px crops with 8 px of context on each side" in text.out
    assert "note: " in text.err
    assert "1 box reaches beyond its radiograph and was clipped to it (" in text.err
    assert PreparedData.open(out).image_size == 32


def test_a_data_set_that_is_replaced_is_named(table, tmp_path, capsys):
    words = ("prepare", "--images", tmp_path / "images", "--out", tmp_path / "data", "--set", "data.image_size=32")
    for _ in range(2):  # the same again changes nothing and says nothing
        run(*words, "--rois", table)
        assert "replaced" not in capsys.readouterr().err
    other = tmp_path / "other.csv"
    other.write_text(table.read_text().replace("P1,x", "P3,x"))
    run(*words, "--rois", other)
    assert "the data set that stood here (2 ROIs of 2 patients) was replaced" in capsys.readouterr().err


def test_a_box_that_is_mostly_outside_is_asked_about(table, tmp_path, capsys):
    table.write_text(table.read_text().replace("35,5,9,9", "38,5,9,9"))
    run("prepare", "--rois", table, "--images", tmp_path / "images", "--out", tmp_path / "data")
    said = capsys.readouterr().err
    assert "rois.csv, line 3)" in said
    assert "1 box lies mostly outside (first: " in said


def test_a_set_without_a_class_is_to_be_judged_on(table, tmp_path, capsys):
    words = ("prepare", "--rois", table, "--images", tmp_path / "images", "--out", tmp_path / "data")
    run(*words, "--set", "data.image_size=32")
    assert "Next: keras-cwp audit" in (said := capsys.readouterr().err)
    assert "then keras-cwp fit --data" in said
    run(*words, "--set", "data.image_size=32", "--set", "data.classes=[x, y, z]")
    assert f"then keras-cwp evaluate RUN --data {tmp_path / 'data'}" in capsys.readouterr().err


def test_prepare_error_is_one_line(table, tmp_path, capsys):
    table.write_text(table.read_text() + "c.png,P3,x,1,1,9,9\n")
    code = run("prepare", "--rois", table, "--images", tmp_path / "images", "--out", tmp_path / "data")
    text = capsys.readouterr()
    assert code == 1
    assert text.err.count("\n") == 1
    assert "rois.csv, line 4: no image 'c.png'" in text.err
    assert not (tmp_path / "data").exists()


def test_prepare_wants_its_options(capsys):
    assert run("prepare") == 2
    assert "--rois" in capsys.readouterr().err


@pytest.mark.usefixtures("table")
def test_polygons_patients_and_labels(tmp_path, capsys):
    """LabelMe polygons of any names, with patients and classes from files of their own."""
    marks = tmp_path / "marks"
    marks.mkdir()
    for name, label in (("a", "PMF"), ("b", "nodule"), ("b", "artefact")):
        shape = {"label": label, "points": [[2, 3], [9, 3], [5, 12.5]], "shape_type": "polygon"}
        path = marks / f"{name}.json"
        shapes = json.loads(path.read_text())["shapes"] if path.exists() else []
        path.write_text(json.dumps({"imagePath": f"{name}.png", "shapes": [*shapes, shape]}))
    (tmp_path / "patients.csv").write_text("image,patient_id\na.png,Q1\nb.png,Q2\n")
    (tmp_path / "labels.yaml").write_text("PMF: large\nnodule: small\nartefact: null\n")
    given = ("--rois", marks, "--images", tmp_path / "images", "--out", tmp_path / "data")
    assert run("prepare", *given) == 1
    assert "no patient is known of image 'a.png'; give --patients" in capsys.readouterr().err
    files = ("--patients", tmp_path / "patients.csv", "--labels", tmp_path / "labels.yaml")
    assert run("prepare", *given, *files, "--set", "data.image_size=32") == 0
    rows = list(PreparedData.open(tmp_path / "data").manifest)
    assert [(row.patient_id, row.label) for row in rows] == [("Q1", "large"), ("Q2", "small")]
    assert [(row.x, row.y, row.width, row.height) for row in rows] == [(2, 3, 7, 9.5)] * 2
    assert {row.extra["polygon"] for row in rows} == {"2,3 9,3 5,12.5"}
    assert [row.scale_x for row in rows] == [32 / 9.5] * 2


def test_a_table_a_reader(table, tmp_path, capsys):
    """Two readers disagree on one of two ROIs: the command asks, and takes the answer."""
    other = tmp_path / "rois_R2.csv"
    other.write_text(table.read_text().replace("P2,y", "P2,x"))
    words = ["prepare", "--rois", table, "--rois", other, "--images", tmp_path / "images", "--out", tmp_path / "data"]
    words += ["--set", "data.image_size=32"]
    assert run(*words) == 1
    assert "1 of 2 ROIs has no label that most readers gave" in capsys.readouterr().err
    assert run(*words, "--set", "data.ties=rois", "--set", "data.classes=[x, y]") == 0
    assert "2 findings were labelled: 2 by 2 readers" in capsys.readouterr().err
    data = PreparedData.open(tmp_path / "data")
    assert data.readers == ("R2", "rois")
    assert data.label_names.tolist() == ["x", "y"]
