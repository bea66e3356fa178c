"""keras-cwp predict: models of every kind give the same scores; bad rows are named and left out."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner, Result
from support.small_run import CLASSES, CONTEXT, IMAGE_SIZE, write_model

from keras_cwp.api.model import Model
from keras_cwp.cli.main import cli
from keras_cwp.config import DataConfig
from keras_cwp.data.prepare import prepare
from keras_cwp.data.radiographs.radiograph import read_radiograph
from keras_cwp.errors import CwpError, DataError, ModelError
from keras_cwp.files import write_text
from keras_cwp.prediction.card import CARD_FILE, model_card
from keras_cwp.scores import UNKNOWN_LABEL, Scores
from keras_cwp.serving.export import write_saved_model
from keras_cwp.training.saved import load_network, load_with_contract

BOXES = [(10, 12, 40, 30), (60, 50, 50, 50), (0, 0, 30, 64), (70, 20, 25, 25)]


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("images")
    generator = np.random.default_rng(0)
    (folder / "deeper").mkdir()
    for name in ("a.png", "b.jpg", "deeper/c.tif"):
        rough = generator.uniform(0, 255, (12, 12))
        cv2.imwrite(str(folder / name), cv2.resize(rough, (140, 120)).astype(np.uint8))
    rows = [f"{name},p{n},{CLASSES[n % 3]},{','.join(map(str, BOXES[n]))}" for n, name in enumerate("ab")]
    rows += [f"deeper/c,p2,{CLASSES[2]},{','.join(map(str, BOXES[2]))}", f"a,p0,normal,{','.join(map(str, BOXES[3]))}"]
    names = {"a": "a.png", "b": "b.jpg", "deeper/c": "deeper/c.tif"}
    lines = [",".join([names[row.split(",")[0]], *row.split(",")[1:]]) for row in rows]
    (folder / "rois.csv").write_text("\n".join(["image,patient_id,label,x,y,width,height", *lines]) + "\n")
    return folder


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["predict", *map(str, arguments)])


def read(path: Path) -> Scores:
    return Scores.from_csv(path)


def test_out_never_overwrites_an_input_or_another_file(fit_run: Path, images: Path, tmp_path: Path) -> None:
    table = tmp_path / "mine.csv"
    shutil.copy(images / "rois.csv", table)
    before = table.read_bytes()
    result = run(fit_run, table, "--images", images, "--out", table)
    assert result.exit_code == 2
    assert f"--out {table}: it is an INPUT, and would be overwritten" in " ".join(result.output.split())
    result = run(fit_run, "--rois", table, "--images", images, "--out", table)
    assert "it is an INPUT" in result.output
    other = tmp_path / "notes.csv"
    other.write_text("a,b\n1,2\n")
    result = run(fit_run, table, "--images", images, "--out", other)
    assert result.exit_code == 2
    assert "exists, and is no table of predict" in " ".join(result.output.split())
    assert (table.read_bytes(), other.read_text()) == (before, "a,b\n1,2\n")
    for _ in range(2):  # its own table is written again
        assert run(fit_run, table, "--images", images, "--out", tmp_path / "s.csv").exit_code == 0


def test_a_table_gets_the_networks_probabilities_of_the_prepared_crops(
    fit_run: Path, images: Path, tmp_path: Path
) -> None:
    result = run(fit_run, images / "rois.csv", "--out", tmp_path / "s.csv")
    assert result.exit_code == 0, result.output
    scores = read(tmp_path / "s.csv")
    data = prepare(images / "rois.csv", images, tmp_path / "data", DataConfig(image_size=IMAGE_SIZE, context=CONTEXT))
    order = [[row.roi_id for row in data.manifest].index(roi) for roi in scores.roi_id]
    margin = data.margin
    crops = data.read(np.array(order))[:, margin:-margin, margin:-margin, None] / np.float32(255)
    logits = load_network(fit_run / "model.keras")(crops, training=False).numpy().astype(float)
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(scores.probabilities, expected, atol=0.02)  # prepared crops are rounded to 8 bits
    assert scores.probabilities.std(axis=0).max() > 0.05
    assert sorted(scores.patient_id) == ["p0", "p0", "p1", "p2"]
    assert sorted(scores.image) == ["a.png", "a.png", "b.jpg", "deeper/c.tif"]
    assert scores.label.tolist() == [data.labels[row] for row in order]


def test_every_kind_of_model_gives_the_same_scores(fit_run: Path, images: Path, tmp_path: Path) -> None:
    network, contract = load_with_contract(fit_run)
    version = tmp_path / "saved" / "cwp" / "3"
    write_saved_model(network, contract, "normal", version)
    write_text(version / CARD_FILE, json.dumps(model_card(fit_run, contract, "normal", None)))
    tables = {}
    for kind, model in {
        "run": fit_run,
        "file": fit_run / "model.keras",
        "version": version,
        "name": version.parent,
    }.items():
        result = run(model, "--rois", images / "rois.csv", "--images", images, "--out", tmp_path / f"{kind}.csv")
        assert result.exit_code == 0, result.output
        tables[kind] = read(tmp_path / f"{kind}.csv")
    for table in tables.values():
        np.testing.assert_allclose(table.probabilities, tables["run"].probabilities, atol=1e-5)
        assert table.roi_id.tolist() == tables["run"].roi_id.tolist()


def test_a_cv_run_answers_with_the_mean_of_its_folds(images: Path, tmp_path: Path) -> None:
    answers = []
    for fold, seed in ((1, 1), (2, 4)):
        write_model(tmp_path / "cv" / f"fold_{fold}", seed=seed)
        run(tmp_path / "cv" / f"fold_{fold}", images / "a.png", "--out", tmp_path / "one.csv")
        answers.append(read(tmp_path / "one.csv").probabilities)
    assert np.abs(answers[0] - answers[1]).max() > 0.01
    assert run(tmp_path / "cv", images / "a.png", "--out", tmp_path / "both.csv").exit_code == 0
    np.testing.assert_allclose(read(tmp_path / "both.csv").probabilities, np.mean(answers, axis=0), atol=1e-6)


def test_folders_are_searched_and_each_image_is_scored_once(fit_run: Path, images: Path, tmp_path: Path) -> None:
    only = tmp_path / "only"
    shutil.copytree(images, only)
    (only / "rois.csv").unlink()
    (only / "notes.txt").write_text("not an image")
    result = run(fit_run, only, only / "a.png", "--out", tmp_path / "s.csv")
    assert result.exit_code == 0, result.output
    scores = read(tmp_path / "s.csv")
    assert [Path(name).relative_to(only).as_posix() for name in scores.image] == ["a.png", "b.jpg", "deeper/c.tif"]
    assert set(scores.patient_id) == {""}
    assert set(scores.label) == {UNKNOWN_LABEL}


def test_dicom_is_scored_as_it_is_meant_to_be_shown(fit_run: Path, shared: Path, tmp_path: Path) -> None:
    folder = shared / "data" / "dicom"
    stored = read_radiograph(folder / "rsna_chest.dcm").to_unit()
    cv2.imwrite(str(tmp_path / "inverted.png"), np.round((1 - stored) * 255).astype(np.uint8))
    twin = folder / "rsna_chest_monochrome1.dcm"  # the same stored values, shown inverted
    result = run(fit_run, folder, tmp_path / "inverted.png", "--out", tmp_path / "s.csv")
    assert result.exit_code == 0, result.output
    scores = read(tmp_path / "s.csv")
    assert scores.image.tolist() == [str(folder / "rsna_chest.dcm"), str(twin), str(tmp_path / "inverted.png")]
    upright, inverted, expected = scores.probabilities
    np.testing.assert_allclose(inverted, expected, atol=1e-4)
    assert np.abs(upright - inverted).max() > 0.05


def test_a_table_may_lack_labels_and_patients(fit_run: Path, images: Path, tmp_path: Path) -> None:
    table = tmp_path / "plain.csv"
    table.write_text("image,x,y,width,height,roi_id\na.png,10,12,40,30,first\n")
    assert run(fit_run, table, "--images", images, "--out", tmp_path / "s.csv").exit_code == 0
    scores = read(tmp_path / "s.csv")
    assert (scores.roi_id[0], scores.patient_id[0], scores.label[0]) == ("first", "", UNKNOWN_LABEL)


def test_what_cannot_be_used_is_named_and_left_out(fit_run: Path, images: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes((images / "a.png").read_bytes()[:100])
    result = run(fit_run, broken, images / "a.png", "--out", tmp_path / "s.csv")
    assert result.exit_code == 1
    assert f"left out: image {broken}: cannot be decoded" in result.output
    assert "1 region scored, 1 left out" in result.output
    assert read(tmp_path / "s.csv").image.tolist() == [str(images / "a.png")]


def test_nothing_usable_writes_nothing(fit_run: Path, tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"junk")
    result = run(fit_run, tmp_path / "broken.png", "--out", tmp_path / "s.csv")
    assert isinstance(result.exception, CwpError)
    assert "none of 1 region could be scored" in str(result.exception)
    assert not (tmp_path / "s.csv").exists()


def test_views_are_averaged(fit_run: Path, images: Path, tmp_path: Path) -> None:
    for views in (1, 4):
        assert run(fit_run, images / "a.png", "--tta", views, "--out", tmp_path / f"{views}.csv").exit_code == 0
    one, four = (read(tmp_path / f"{views}.csv").probabilities for views in (1, 4))
    assert 0 < np.abs(one - four).max() < 0.5


def test_no_input_is_a_usage_error(fit_run: Path, tmp_path: Path) -> None:
    result = run(fit_run, "--out", tmp_path / "s.csv")
    assert result.exit_code == 2
    assert "name at least one INPUT, or --rois" in result.output


def test_a_table_with_a_broken_radiograph_stops_the_api(fit_run: Path, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"junk")
    (tmp_path / "rois.csv").write_text("image\na.png\n")
    with pytest.raises(DataError, match=r"image .*a\.png: not a readable PNG"):
        Model(fit_run).score(tmp_path / "rois.csv", images=tmp_path).to_csv(tmp_path / "s.csv")
    assert not (tmp_path / "s.csv").exists()


def test_what_is_no_model_is_said_to_be_none(images: Path, tmp_path: Path) -> None:
    (tmp_path / "x.keras").write_text("no zip")
    write_model(tmp_path / "model")
    shutil.copy(tmp_path / "model" / "model.json", tmp_path)
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "saved_model.pb").write_text("no")
    for model, message in {
        tmp_path / "nowhere": "no such file or folder; expected a completed RUN",
        images: "no model in it; expected a completed RUN",
        tmp_path / "x.keras": "not a .keras file that keras-cwp fit or cv wrote",
        tmp_path / "1": "not a SavedModel that keras-cwp export wrote",
    }.items():
        result = run(model, images / "a.png", "--out", tmp_path / "s.csv")
        assert isinstance(result.exception, ModelError), result.output
        assert message in str(result.exception)


def test_inputs_that_are_not_there_or_empty(fit_run: Path, tmp_path: Path) -> None:
    result = run(fit_run, tmp_path / "nowhere", "--out", tmp_path / "s.csv")
    assert "nowhere: no such file or folder" in str(result.exception)
    (tmp_path / "empty").mkdir()
    result = run(fit_run, tmp_path / "empty", "--out", tmp_path / "s.csv")
    assert "nothing to score in" in str(result.exception)


REGION = {"name": "rect", "x": 10, "y": 12, "width": 40, "height": 30}


def marked(folder: Path, attributes: dict[str, str], *names: str) -> Path:
    """A VIA file with the same box on some images."""
    region = {"shape_attributes": REGION, "region_attributes": attributes}
    tree = {name: {"filename": name, "size": -1, "regions": [region]} for name in names}
    (folder / "via.json").write_text(json.dumps(tree))
    return folder / "via.json"


@pytest.mark.parametrize("command", ["predict", "explain"])
def test_bad_entries_of_a_table_are_left_out_named_and_counted(
    command: str, fit_run: Path, images: Path, tmp_path: Path
) -> None:
    table = tmp_path / "rois.txt"
    table.write_text("image,x,y,width,height\na.png,10,12,40,30\nb.jpg,0,0,-5,5\ngone.png,1,1,9,9\n")
    words = [command, str(fit_run), str(table), "--images", str(images), "--out", str(tmp_path / "out"), "--quiet"]
    refused = CliRunner().invoke(cli, words)
    assert "2 entries cannot be used: " in str(refused.exception)
    assert not (tmp_path / "out").exists()
    result = CliRunner().invoke(cli, [*words, "--skip-bad"])
    assert result.exit_code == 1  # as for a radiograph that cannot be read
    for line in ("left out: .*line 3: the box .* has no area", "left out: .*line 4: no image 'gone.png'"):
        assert re.search(line, result.output), result.output
    assert re.search("2 left out|2 regions left out", result.output)


def test_the_class_attribute_can_be_named(fit_run: Path, images: Path, tmp_path: Path) -> None:
    path = marked(tmp_path, {"finding": CLASSES[1], "comment": "blurred"}, "a.png")
    words = (fit_run, path, "--images", images, "--out", tmp_path / "s.csv")
    assert run(*words).exit_code == 0
    assert set(read(tmp_path / "s.csv").label) == {UNKNOWN_LABEL}
    assert run(*words, "--label-attribute", "finding").exit_code == 0
    assert read(tmp_path / "s.csv").label.tolist() == [1]


def test_the_picture_of_the_files_own_name_can_be_chosen(fit_run: Path, images: Path, tmp_path: Path) -> None:
    folder = tmp_path / "labelme"
    folder.mkdir()
    shape = {"label": CLASSES[0], "points": [[10, 12], [50, 42]], "shape_type": "rectangle"}
    (folder / "a.json").write_text(json.dumps({"imagePath": "b.jpg", "shapes": [shape]}))
    words = (fit_run, "--rois", folder, "--images", images, "--out", tmp_path / "s.csv")
    assert "--image-by name" in str(run(*words).exception)
    for by, name in (("name", "a.png"), ("stated", "b.jpg")):
        assert run(*words, "--image-by", by).exit_code == 0
        assert read(tmp_path / "s.csv").image.tolist() == [name]
