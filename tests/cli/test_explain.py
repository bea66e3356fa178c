"""keras-cwp explain: a picture a region, an index that says what each is of, and what it refuses."""

from __future__ import annotations

import csv
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner, Result
from support.small_run import CLASSES, IMAGE_SIZE, write_model

from keras_cwp.cli.explain import _METHODS
from keras_cwp.cli.main import cli
from keras_cwp.explain.heat_maps import METHODS
from keras_cwp.prediction import explain
from keras_cwp.scores import Scores


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("images")
    for seed, name in enumerate("ab"):
        rough = np.random.default_rng(seed).uniform(0, 255, (9, 9))
        cv2.imwrite(str(folder / f"{name}.png"), cv2.resize(rough, (100, 90)).astype(np.uint8))
    return folder


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["explain", *map(str, arguments)])


def index(folder: Path) -> list[dict[str, str]]:
    with open(folder / "index.csv", newline="") as file:
        return list(csv.DictReader(file))


def test_each_region_has_a_picture_and_the_probability_that_predict_gives(
    fit_run: Path, images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(explain, "randomised", lambda _: [])  # the run is untrained: its maps would be withheld
    result = run(fit_run, images, "--out", tmp_path / "maps")
    assert result.exit_code == 0, result.output
    CliRunner().invoke(cli, ["predict", str(fit_run), str(images), "--out", str(tmp_path / "s.csv")])
    scores = Scores.from_csv(tmp_path / "s.csv")
    rows = index(tmp_path / "maps")
    assert [row["image"] for row in rows] == scores.image.tolist()
    for row, probabilities in zip(rows, scores.probabilities, strict=True):
        assert row["class"] == CLASSES[probabilities.argmax()]
        assert float(row["probability"]) == pytest.approx(probabilities.max(), abs=1e-5)
        picture = cv2.imread(str(tmp_path / "maps" / row["file"]))
        assert picture.shape == (IMAGE_SIZE + 16, 2 * IMAGE_SIZE, 3)
        bar = picture[IMAGE_SIZE + 4, IMAGE_SIZE:].astype(int)
        assert bar[-1, 2] - bar[-1, 0] > 40 > abs(bar[0, 2] - bar[0, 0])
        picture = picture[:IMAGE_SIZE]
        grey, over = picture[:, :IMAGE_SIZE], picture[:, IMAGE_SIZE:]
        assert row["map"] == "shown"
        assert (grey[..., 0] == grey[..., 2]).all()
        assert (over[..., 0] != over[..., 2]).any()


def test_a_map_that_does_no_better_than_random_weights_is_withheld(
    fit_run: Path, images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The network is held against itself, and cannot do better."""
    monkeypatch.setattr(explain, "randomised", lambda network: [network])
    result = run(fit_run, images, "--out", tmp_path / "maps")
    assert "2 heat maps of 2 withheld: no better than maps of random weights" in result.output
    for row in index(tmp_path / "maps"):
        assert row["map"] == "withheld"
        picture = cv2.imread(str(tmp_path / "maps" / row["file"]))[:IMAGE_SIZE]
        assert (picture[:, :IMAGE_SIZE] == picture[:, IMAGE_SIZE:]).all()


def test_the_class_and_the_method_can_be_chosen(fit_run: Path, images: Path, tmp_path: Path) -> None:
    options = ("--class", "normal", "--method", "occlusion")
    assert run(fit_run, images / "a.png", *options, "--out", tmp_path / "maps").exit_code == 0
    row = index(tmp_path / "maps")[0]
    assert (row["file"], row["class"], row["method"]) == ("0001_a.png", "normal", "occlusion")


def test_help_offers_every_method() -> None:
    assert _METHODS == METHODS


def test_a_radiograph_that_cannot_be_read_is_left_out(fit_run: Path, images: Path, tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"junk")
    result = run(fit_run, tmp_path / "broken.png", images / "a.png", "--out", tmp_path / "maps")
    assert result.exit_code == 1
    assert "left out: image" in result.output
    assert [row["file"] for row in index(tmp_path / "maps")] == ["0001_a.png"]


def test_a_fold_of_a_cv_run_is_chosen(images: Path, tmp_path: Path) -> None:
    write_model(tmp_path / "cv" / "fold_1")
    write_model(tmp_path / "cv" / "fold_2", seed=1)
    refused = run(tmp_path / "cv", images / "a.png", "--out", tmp_path / "maps")
    assert "choose --fold 1, 2" in str(refused.exception)
    assert run(tmp_path / "cv", images / "a.png", "--fold", 2, "--out", tmp_path / "maps").exit_code == 0


def test_wrong_class_and_a_folder_that_exists(fit_run: Path, images: Path, tmp_path: Path) -> None:
    result = run(fit_run, images / "a.png", "--class", "healthy", "--out", tmp_path / "maps")
    assert "--class 'healthy' is not of the model; it has large_opacity, normal" in str(result.exception)
    assert not (tmp_path / "maps").exists()
    result = run(fit_run, images / "a.png", "--out", images)
    assert "exists already; name another folder" in str(result.exception)
