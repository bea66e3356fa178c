"""keras-cwp prepare through the command line: exit codes, one line of error, nothing left behind."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from keras_cwp.cli.main import main
from keras_cwp.data.manifest import PreparedData


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
    assert "2 ROIs on 2 radiographs of 2 patients, classes x, y, 48 px crops" in text.out
    assert "note: " in text.err
    assert "1 boxes reach beyond" in text.err
    assert PreparedData.open(out).image_size == 32


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
