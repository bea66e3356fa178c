from __future__ import annotations

import csv
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from rich.console import Console

from keras_cwp.api.pretraining import pretrain as pretrain_folder
from keras_cwp.config import ModelConfig
from keras_cwp.data.phantom.draw import draw_phantoms
from keras_cwp.data.phantom.lay import TARGETS
from keras_cwp.errors import CwpError, DataError, RunError
from keras_cwp.models.build import build_model
from keras_cwp.models.weight_notes import LOOKS, read_notes
from keras_cwp.training import pretrain as module
from keras_cwp.training.films import find_films, without_copies
from keras_cwp.training.pretext import Film, Views, draw_views, phantom_films
from keras_cwp.training.pretrain import PretrainSettings, pretrain

pytestmark = pytest.mark.usefixtures("small_network")

SILENT = Console(quiet=True)
SIDE = 64
CROP = SIDE + 2 * round(SIDE * 0.125)


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    table = draw_phantoms(tmp_path_factory.mktemp("films") / "drawn", patients=12, side_px=192, radiographs=(1, 1))
    return table.parent / "images"


def some_views(rng: np.random.Generator, count: int = 24) -> Views:
    """Bright crops have a large opacity."""
    large = np.arange(count) % 2
    crops = rng.integers(0, 100, (count, CROP, CROP)) + 120 * large[:, None, None]
    targets = np.zeros((count, len(TARGETS)), np.float32)
    targets[:, TARGETS.index("large")] = large
    targets[-4:] = np.nan  # nobody knows
    return Views(crops.astype(np.uint8), targets)


def settings(**changes: object) -> PretrainSettings:
    return PretrainSettings(model=ModelConfig(dropout=0.0), image_size=SIDE, **{"batch_size": 8, "epochs": 2} | changes)


def test_views_of_a_large_normal_film_are_regions_and_the_film_itself() -> None:
    (film,) = phantom_films(1, 0)
    views = draw_views([film], SIDE, 6, 0)
    assert views.crops.shape == (7, CROP, CROP)
    assert views.crops.dtype == np.uint8
    assert views.known.all()
    again = draw_views([film], SIDE, 6, 0)
    np.testing.assert_array_equal(views.crops, again.crops)
    np.testing.assert_array_equal(views.targets, again.targets)
    assert not np.array_equal(views.crops, draw_views([film], SIDE, 6, 1).crops)


def test_nothing_is_laid_into_a_film_with_findings_and_nothing_is_said_of_it() -> None:
    (film,) = phantom_films(1, 0)
    views = draw_views([Film(film.pixels, normal=False)], SIDE, 6, 0)
    assert len(views.crops) == 1
    assert not views.known.any()


def test_an_interrupted_pretraining_ends_as_an_unbroken_one(
    tmp_path: Path, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    views = some_views(rng)
    whole = pretrain(views, settings(), tmp_path / "whole", SILENT)
    saved = module._EpochEnd.on_epoch_end

    def killed(self, epoch, logs=None):
        saved(self, epoch, logs)
        raise KeyboardInterrupt

    monkeypatch.setattr(module._EpochEnd, "on_epoch_end", killed)
    with pytest.raises(KeyboardInterrupt):
        pretrain(views, settings(), tmp_path / "broken", SILENT)
    monkeypatch.undo()
    broken = pretrain(views, settings(), tmp_path / "broken", SILENT)
    for one, other in zip(whole.get_weights(), broken.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.slow
def test_it_learns_the_findings_and_imitates_the_teacher(tmp_path: Path, rng: np.random.Generator) -> None:
    teacher = build_model(ModelConfig(eca="none", dropout=0.0), 2, SIDE)
    views = some_views(rng, 64)
    pretrain(views, settings(epochs=15), tmp_path, SILENT, teacher, views)
    told = json.loads((tmp_path / "history.json").read_text())
    first, last = told["history"][0], told["history"][-1]
    assert last["teacher"] < 0.8 * first["teacher"]
    assert last["findings"] < 0.5 * first["findings"]
    assert told["auc"]["large"] > 0.95


def test_a_folder_of_films_becomes_weights_with_their_fingerprints(films: Path, tmp_path: Path) -> None:
    out = tmp_path / "own.safetensors"
    options = {"teacher": None, "image_size": SIDE, "epochs": 1, "regions": 2, "phantoms": 0, "labels": None}
    made = pretrain_folder(films, out, **options)
    looks = {film.look for film in find_films(films) if not film.held_out}
    assert set(read_notes(out)[LOOKS].split("\n")) == looks
    assert (made.films, made.left_out) == (12, 0)
    model = build_model(ModelConfig(weights=str(out)), 3, 96)
    assert np.isfinite(np.asarray(model(np.zeros((1, 96, 96, 1), "float32")))).all()
    with pytest.raises(RunError, match="holds a pretraining with other settings"):
        pretrain_folder(films, out, **options | {"epochs": 2})
    with pytest.raises(CwpError, match=r"has to end in \.safetensors"):
        pretrain_folder(films, tmp_path / "own.h5", **options)


def test_copies_of_films_that_figures_are_for_stay_out(films: Path, tmp_path: Path) -> None:
    first = sorted(films.iterdir())[0]
    pixels = cv2.imread(str(first), cv2.IMREAD_GRAYSCALE)
    smaller = cv2.resize(pixels, (120, 120), interpolation=cv2.INTER_AREA)
    cv2.imwrite(str(tmp_path / "other_name.jpg"), np.clip(0.9 * smaller + 8, 0, 255).astype(np.uint8))
    found = find_films(films)
    kept, left_out = without_copies(found, [tmp_path])
    assert first not in [film.path for film in kept]
    assert left_out == len(found) - len(kept) < len(found)  # phantoms are more alike than patients are
    assert without_copies(found, [])[1] == 0


def test_labels_say_which_films_are_normal(films: Path, tmp_path: Path) -> None:
    names = sorted(path.name for path in films.iterdir())[:3]
    table = tmp_path / "labels.csv"
    with open(table, "w", newline="") as file:
        rows = zip(names, ("Normal", "COVID-19;Normal", ""), ("a", "a", "b"), strict=True)
        csv.writer(file).writerows([("image", "labels", "patient_id"), *rows])
    found = find_films(films, table)
    assert [film.normal for film in found] == [True, False, False]
    assert [film.patient for film in found] == ["a", "a", "b"]
    table.write_text("image,labels\nnone.png,Normal\n")
    with pytest.raises(DataError, match=r"row 2: there is no .*none\.png"):
        find_films(films, table)
    table.write_text("file\nx\n")
    with pytest.raises(DataError, match="needs the columns image and labels"):
        find_films(films, table)
    with pytest.raises(DataError, match="no radiographs in it"):
        find_films(tmp_path / "nothing")
