"""Sets of classes and distances: the same in the CSV, the exported model, its card and the structured report."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pydicom
import pytest
import tensorflow as tf
from click.testing import CliRunner
from support.dicom_study import write_radiograph
from support.small_run import CLASSES, IMAGE_SIZE

from keras_cwp.api.model import Model
from keras_cwp.cli.main import cli
from keras_cwp.errors import ModelError
from keras_cwp.models.likeness import describe, fit_likeness
from keras_cwp.prediction.judging import judging_of
from keras_cwp.serving.export import Exported, export
from keras_cwp.training.likeness import LIKENESS_FILE

pytestmark = pytest.mark.usefixtures("small_network")

LEAST = {"large_opacity": 0.2, "normal": 0.35, "small_opacities": 0.0}


@pytest.fixture(scope="module")
def judged_run(fit_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose training crops are smooth, with thresholds of sets."""
    run = tmp_path_factory.mktemp("judged") / "run"
    shutil.copytree(fit_run, run)
    rng = np.random.default_rng(0)
    crops = np.stack([cv2.resize(rng.random((6, 6)), (IMAGE_SIZE, IMAGE_SIZE)) for _ in range(80)])[..., None]
    crops = crops.astype(np.float32)
    found = fit_likeness(describe(crops), describe(1 - crops), np.arange(80) // 2)
    assert found is not None
    (run / LIKENESS_FILE).write_text(json.dumps(found.as_json()))
    old = json.loads((run / "metrics.json").read_text()) if (run / "metrics.json").is_file() else {}
    metrics = old | {"conformal": {"coverage": 0.9, "thresholds": LEAST, "judged": None}}
    (run / "metrics.json").write_text(json.dumps(metrics))
    return run


@pytest.fixture(scope="module")
def exported(judged_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    return export(judged_run, tmp_path_factory.mktemp("saved_models") / "cwp")


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """A smooth image, as those of training are, and one of noise."""
    rng, folder = np.random.default_rng(1), tmp_path / "in"
    folder.mkdir()
    smooth = cv2.resize(rng.uniform(0, 255, (6, 6)), (IMAGE_SIZE, IMAGE_SIZE)).astype(np.uint8)
    cv2.imwrite(str(folder / "a_smooth.png"), smooth)
    cv2.imwrite(str(folder / "b_noise.png"), rng.integers(0, 256, smooth.shape).astype(np.uint8))
    return folder


def rows_of(model: Path, images: Path, out: Path) -> list[dict[str, str]]:
    result = CliRunner().invoke(cli, ["predict", str(model), str(images), "--out", str(out)])
    assert result.exit_code == 0, result.output
    with open(out, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_the_csv_has_set_distance_and_unlike(judged_run: Path, images: Path, tmp_path: Path) -> None:
    smooth, noise = rows_of(judged_run, images, tmp_path / "s.csv")
    assert (smooth["unlike"], noise["unlike"]) == ("no", "yes")
    assert float(smooth["distance"]) < 1 < float(noise["distance"])
    for row in (smooth, noise):
        members = [name for name in CLASSES if float(row[f"prob_{name}"]) >= LEAST[name]]
        assert row["set"] == ";".join(members)


def test_a_run_without_them_has_no_such_columns(fit_run: Path, images: Path, tmp_path: Path) -> None:
    (first, *_) = rows_of(fit_run, images, tmp_path / "s.csv")
    assert not {"set", "distance", "unlike"} & set(first)


def test_the_exported_model_answers_the_same(judged_run: Path, exported: Exported, images: Path) -> None:
    table = Model(judged_run).predict(images)
    signature = tf.saved_model.load(str(exported.path)).signatures["serving_default"]
    files = [path.read_bytes() for path in sorted(images.iterdir())]
    answer = signature(image_bytes=tf.constant([*files, b"no image"]))
    np.testing.assert_allclose(answer["distance"].numpy()[:2], table["distance"], atol=2e-3)
    assert answer["unlike"].numpy().tolist() == [False, True, False]
    assert np.isnan(answer["distance"].numpy()[2])
    names = np.array(CLASSES)
    assert [";".join(names[row]) for row in answer["set"].numpy()[:2]] == table["set"].tolist()
    assert not answer["set"].numpy()[2].any()


def test_a_version_is_judged_by_its_card(judged_run: Path, exported: Exported, images: Path, tmp_path: Path) -> None:
    of_run, of_version = (rows_of(model, images, tmp_path / "s.csv") for model in (judged_run, exported.path))
    for one, other in zip(of_run, of_version, strict=True):
        assert {key: one[key] for key in ("set", "distance", "unlike")} == {
            key: other[key] for key in ("set", "distance", "unlike")
        }


def test_a_report_says_which_classes_and_whether_it_is_unlike(judged_run: Path, tmp_path: Path) -> None:
    pytest.importorskip("highdicom")
    write_radiograph(tmp_path / "in" / "0.dcm", "study", 0)
    arguments = [str(judged_run), str(tmp_path / "in"), "--out", str(tmp_path / "s.csv")]
    result = CliRunner().invoke(cli, ["predict", *arguments, "--dicom-sr", str(tmp_path / "sr")])
    assert result.exit_code == 0, result.output
    with open(tmp_path / "s.csv", newline="", encoding="utf-8") as file:
        (row,) = csv.DictReader(file)
    written = [pydicom.dcmread(path) for path in sorted((tmp_path / "sr").iterdir())]
    (report,) = [each for each in written if each.Modality == "SR"]  # evidence lies beside it
    said = [
        (item.ConceptNameCodeSequence[0].CodeMeaning, item.ConceptCodeSequence[0].CodeMeaning)
        for item in _items(report.ContentSequence)
        if item.ValueType == "CODE"
    ]
    members = [value for name, value in said if name == "Class that the finding may be of"]
    assert [name.lower() for name in members] == row["set"].split(";")
    assert ("Unlike the training data of the algorithm", row["unlike"].capitalize()) in said


def _items(sequence: pydicom.Sequence) -> list[pydicom.Dataset]:
    return [each for item in sequence for each in (item, *_items(item.get("ContentSequence", [])))]


def test_a_fold_has_the_sets_of_its_run_and_another_folder_does_not(judged_run: Path, tmp_path: Path) -> None:
    shutil.copytree(judged_run, tmp_path / "cv" / "fold_1")
    (tmp_path / "cv" / "fold_1" / "metrics.json").rename(tmp_path / "cv" / "metrics.json")
    assert judging_of(tmp_path / "cv" / "fold_1").sets == LEAST
    assert judging_of(tmp_path / "cv").sets == LEAST
    assert len(judging_of(tmp_path / "cv").likenesses) == 1
    (tmp_path / "cv" / "fold_1").rename(tmp_path / "cv" / "else")
    assert judging_of(tmp_path / "cv" / "else").sets == {}


def test_a_damaged_file_is_said_in_a_line(judged_run: Path, tmp_path: Path) -> None:
    shutil.copytree(judged_run, tmp_path / "run")
    (tmp_path / "run" / LIKENESS_FILE).write_text('{"mean": 1}')
    with pytest.raises(ModelError, match=r"likeness\.json: not what fit or cv wrote"):
        judging_of(tmp_path / "run")


def test_the_sets_of_a_mean_of_folds_are_said_to_hold_more_than_promised(judged_run: Path, tmp_path: Path) -> None:
    cv = tmp_path / "cv"
    for fold in (1, 2):
        shutil.copytree(judged_run, cv / f"fold_{fold}", ignore=shutil.ignore_patterns("metrics.json"))
    shutil.copy(judged_run / "metrics.json", cv)
    found = judging_of(cv)
    assert found.networks == 2
    assert "mean of 2 networks" in found.as_json()["coverage_of_mean"]
    assert judging_of(cv, fold=1).caveat is None
    assert "coverage_of_mean" not in judging_of(judged_run).as_json()
