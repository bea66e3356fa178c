"""fit and cv on annotations as they come from a marking tool: patients and classes from files of their own."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from keras_cwp.cli.main import cli
from keras_cwp.data.prepared import PreparedData
from keras_cwp.errors import CwpError

TRAINERS = {"fit": "keras_cwp.training.fit.fit", "cv": "keras_cwp.training.crossval.cross_validate"}


class StopError(CwpError):
    """Raised where training would begin."""


def invoke(*words: object) -> None:
    answer = CliRunner().invoke(cli, [str(word) for word in words], catch_exceptions=False)
    assert answer.exit_code == 0, answer.output


@pytest.fixture
def marks(tmp_path: Path) -> Path:
    """COCO: four radiographs of two classes, of no stated patient."""
    (tmp_path / "images").mkdir()
    names = [f"{number}.png" for number in range(4)]
    for number, name in enumerate(names):
        pixels = np.random.default_rng(number).integers(0, 255, (40, 40), np.uint8)
        Image.fromarray(pixels).save(tmp_path / "images" / name)
    boxes = [
        {"id": n, "image_id": n, "category_id": category, "bbox": [4, 4, 20, 20]}
        for n, category in enumerate((1, 2, 1, 2))
    ]
    kinds = [{"id": 1, "name": "PMF"}, {"id": 2, "name": "nodule"}]
    images = [{"id": n, "file_name": name} for n, name in enumerate(names)]
    (tmp_path / "annotations.json").write_text(
        json.dumps({"images": images, "annotations": boxes, "categories": kinds})
    )
    (tmp_path / "patients.csv").write_text("image,patient_id\n0.png,P0\n1.png,P1\n2.png,P0\n3.png,P1\n")
    (tmp_path / "labels.yaml").write_text("PMF: large\nnodule: small\n")
    return tmp_path / "annotations.json"


@pytest.fixture
def trained_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[PreparedData]:
    """Data sets that training was called with."""
    found: list[PreparedData] = []

    def stop(data: PreparedData, *_: object, **__: object) -> None:
        found.append(data)
        raise StopError

    for name in TRAINERS.values():
        monkeypatch.setattr(name, stop)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return found


@pytest.mark.parametrize("command", TRAINERS)
def test_the_same_options_as_prepare(command: str, marks: Path, trained_on: list[PreparedData], tmp_path: Path) -> None:
    files = ("--patients", tmp_path / "patients.csv", "--labels", tmp_path / "labels.yaml")
    size = ("--set", "data.image_size=32")
    with pytest.raises(StopError):
        invoke(command, "--data", marks, "--images", tmp_path / "images", "--out", tmp_path / "run", *files, *size)
    invoke("prepare", "--rois", marks, "--images", tmp_path / "images", "--out", tmp_path / "data", *files, *size)
    (data,) = trained_on
    assert data.content_hash == PreparedData.open(tmp_path / "data").content_hash
    assert data.patients.tolist() == ["P0", "P1", "P0", "P1"]
    assert data.label_names.tolist() == ["large", "small", "large", "small"]


def test_without_a_patient_it_says_what_to_give(marks: Path, trained_on: list[PreparedData], tmp_path: Path) -> None:
    words = ("fit", "--data", marks, "--images", tmp_path / "images", "--out", tmp_path / "run")
    with pytest.raises(CwpError, match=r"no patient is known of image '0\.png'; give --patients"):
        invoke(*words)
    with pytest.raises(StopError):
        invoke(*words, "--patient-per-image", "--set", "data.image_size=32")
    assert trained_on[0].patients.tolist() == [f"{number}.png" for number in range(4)]


OPTIONS = [
    ["--patients", "p.csv"],
    ["--labels", "l.yaml"],
    ["--patient-per-image"],
    ["--trust", "table"],
    ["--names-as-written"],
    ["--skip-bad"],
    ["--label-attribute", "finding"],
    ["--image-by", "name"],
]


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option[0])
def test_they_are_refused_for_a_prepared_data_set(option: list[str], tmp_path: Path) -> None:
    tmp_path.joinpath("data").mkdir()
    with pytest.raises(CwpError, match=f"{option[0]} is for a ROI table with --images; .* leave {option[0]} out"):
        invoke("fit", "--data", tmp_path / "data", "--out", tmp_path / "run", *option)
