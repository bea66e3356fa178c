"""keras-cwp augment-preview through the command line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from keras_cwp.cli.main import main
from keras_cwp.config import DataConfig
from keras_cwp.data.prepare import prepare


@pytest.fixture
def data(tmp_path: Path) -> Path:
    (tmp_path / "images").mkdir()
    pixels = np.random.default_rng(0).integers(0, 255, (60, 60)).astype(np.uint8)
    for name in "ab":
        Image.fromarray(pixels).save(tmp_path / "images" / f"{name}.png")
    table = tmp_path / "rois.csv"
    table.write_text("image,patient_id,label,x,y,width,height\na.png,P1,x,9,9,40,40\nb.png,P2,y,9,9,40,40\n")
    prepare(table, tmp_path / "images", tmp_path / "data", DataConfig(image_size=32))
    return tmp_path / "data"


def run(*args: object) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["augment-preview", *[str(arg) for arg in args]])
    return int(ended.value.code or 0)


def test_sheet_and_animation(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sheet, gif = tmp_path / "sheet.png", tmp_path / "moving.gif"
    assert run("--data", data, "--policy", "paper", "--out", sheet, "--gif", gif, "--draws", 2) == 0
    assert f"{sheet}: 2 ROIs, 2 draws each; {gif}" in capsys.readouterr().out
    with Image.open(sheet) as png, Image.open(gif) as moving:
        assert png.format == "PNG"
        assert moving.n_frames == 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--policy", "papr", "--out", "sheet.png"), "'papr' is neither a file nor one of none, light, paper"),
        (("--out", "sheet.jpg"), "--out sheet.jpg: the contact sheet is a PNG"),
    ],
)
def test_a_mistake_is_one_line(data: Path, options: tuple, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--data", data, *options) == 1
    text = capsys.readouterr().err
    assert text.count("\n") == 1
    assert message in text
