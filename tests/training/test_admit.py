"""The guards hold for every caller: from Python as on the command line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import keras_cwp as cwp
from keras_cwp.config import Config, load_config
from keras_cwp.data.prepared import PreparedData
from keras_cwp.files import locked_folder
from keras_cwp.training.admit import admit, note_short_training
from keras_cwp.training.run import ModelContract

pytestmark = pytest.mark.usefixtures("small_network")

TINY = {"bootstraps": 100, "batch_size": 8, "epochs": 1}


def write_set(folder: Path, copied: bool) -> PreparedData:
    """Twelve patients of two classes; with `copied`, the last two radiographs are one picture."""
    images = folder / "images"
    images.mkdir(parents=True)
    lines = ["image,patient_id,label"]
    for number in range(12):
        seed = 10 if copied and number == 11 else number
        pixels = np.random.default_rng(seed).integers(0, 255, (40, 40), np.uint8)
        Image.fromarray(pixels).save(images / f"{number}.png")
        label = "a" if number == 11 and copied else "ab"[number % 2]
        lines.append(f"{number}.png,P{number},{label}")
    (folder / "rois.csv").write_text("\n".join(lines) + "\n")
    return cwp.prepare(folder / "rois.csv", images, folder / "data", image_size=32)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> PreparedData:
    return write_set(tmp_path_factory.mktemp("admit"), copied=False)


@pytest.fixture(scope="module")
def leaking(tmp_path_factory: pytest.TempPathFactory) -> PreparedData:
    return write_set(tmp_path_factory.mktemp("leak"), copied=True)


@pytest.mark.parametrize("train", [cwp.fit, cwp.cross_validate])
def test_a_radiograph_of_two_patients_is_refused_from_python(train, leaking: PreparedData, tmp_path: Path):
    with pytest.raises(cwp.CwpError, match="several patients"):
        train(leaking, tmp_path / "run", **TINY)
    assert not (tmp_path / "run").exists()


def test_compare_refuses_it_too(leaking: PreparedData, tmp_path: Path):
    with pytest.raises(cwp.CwpError, match="several patients"):
        cwp.compare([], tmp_path / "out", configs={"a": None, "b": None}, data=leaking, **TINY)
    assert not (tmp_path / "out").exists()


def test_the_run_says_what_the_data_set_was_made_with(data: PreparedData, tmp_path: Path):
    (tmp_path / "c.yaml").write_text("data:\n  image_size: 64\n  context: 0\n")
    run = cwp.fit(data, tmp_path / "run", config=tmp_path / "c.yaml", **TINY)
    contract = ModelContract.read(run.path)
    assert run.config.data.image_size == contract.image_size == 32
    assert run.config.data.context == data.meta["context"]
    assert run.config.data.classes == contract.classes


def test_a_stated_size_is_refused_and_a_configured_one_gives_way_with_a_note(data: PreparedData):
    notes: list[str] = []
    config = load_config(None, {"data.image_size": 64})
    assert admit(data, config, note=notes.append).data.image_size == 32
    assert notes == [f"note: data.image_size is 32, as {data.path} was prepared; the configuration says 64"]
    with pytest.raises(cwp.CwpError, match=r"data\.image_size: this command asks for 64, .* was prepared with 32"):
        admit(data, config, stated=("data.image_size",))


def test_short_trainings_are_noted():
    notes: list[str] = []
    short = Config.model_validate({"train": {"epochs": 1, "batch_size": 8}})
    note_short_training(short, 40, notes.append)
    assert [line.split()[1] for line in notes] == ["train.warmup_epochs", "train.ema_momentum"]
    notes.clear()
    note_short_training(Config(), 4000, notes.append)
    assert not notes


@pytest.mark.parametrize("train", [cwp.fit, cwp.cross_validate])
def test_a_run_that_another_process_works_in_is_refused(train, data: PreparedData, tmp_path: Path):
    with locked_folder(tmp_path / "run"), pytest.raises(cwp.CwpError, match="in use by another process of keras-cwp"):
        train(data, tmp_path / "run", **TINY)
    assert not (tmp_path / "run").exists()
