"""films.npy: small pictures of the radiographs, for the place of a ROI on a page."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from keras_cwp.config import DataConfig
from keras_cwp.data.films import FILM_PX, film_of
from keras_cwp.data.prepare import prepare
from keras_cwp.data.prepared import PreparedData
from keras_cwp.errors import DataError

CONFIG = DataConfig(image_size=32, context=0)


@pytest.fixture
def films(tmp_path: Path) -> Path:
    """Three radiographs, bright in the left, the upper and the whole part; the table names the last one first."""
    folder = tmp_path / "images"
    folder.mkdir()
    for name in "abc":
        pixels = np.zeros((300, 200), np.uint16)
        part = {"a": np.s_[:, :100], "b": np.s_[:150], "c": np.s_[:]}[name]
        pixels[part] = 65535
        pixels[::7, ::7] = 30000  # so that no crop is of one shade
        cv2.imwrite(str(folder / f"{name}.png"), pixels)
    lines = ["image,patient_id,label,x,y,width,height"]
    lines += [f"{name}.png,P{name},{label},{x},20,40,40" for name, label, x in (
        ("c", "x", 10), ("a", "y", 10), ("b", "x", 90), ("a", "y", 90), ("c", "y", 60),
    )]  # fmt: skip
    (tmp_path / "rois.csv").write_text("\n".join(lines))
    return tmp_path


def made(films: Path) -> PreparedData:
    return prepare(films / "rois.csv", films / "images", films / "data", CONFIG)


def means(film: np.ndarray) -> tuple[float, float, float]:
    """Of the left, the upper and the whole part, as shares of white."""
    half = FILM_PX // 2
    return tuple(float(part.mean()) / 255 for part in (film[:, :half], film[:half], film))


def test_each_roi_finds_its_own_film(films: Path) -> None:
    data = made(films)
    assert data.has_films
    names = [row.image for row in data.manifest]
    expected = {"a.png": (1, 0.5, 0.5), "b.png": (0.5, 1, 0.5), "c.png": (1, 1, 1)}
    for name, film in zip(names, data.read_films(np.arange(len(data))), strict=True):
        np.testing.assert_allclose(means(film), expected[name], atol=0.05)
    assert np.load(data.path / "films.npy").shape == (3, FILM_PX, FILM_PX)


def test_films_are_taken_over_with_the_crops(films: Path) -> None:
    first = made(films)
    before, content = (first.path / "films.npy").read_bytes(), first.content_hash
    second = made(films)
    assert (second.path / "films.npy").read_bytes() == before
    assert second.content_hash == content


def test_a_data_set_of_an_earlier_version_is_opened_and_gets_films_when_it_is_prepared_again(films: Path) -> None:
    old = made(films)
    (old.path / "films.npy").unlink()
    opened = PreparedData.open(old.path)
    assert not opened.has_films
    with pytest.raises(DataError, match=r"films\.npy is missing; prepare the data set again"):
        opened.read_films(np.array([0]))
    assert made(films).has_films
    assert made(films).content_hash == old.content_hash


@pytest.mark.parametrize(("dtype", "white"), [("uint8", 255), ("uint16", 65535), ("float32", 1)])
def test_every_number_type_gives_the_same_film(dtype: str, white: float) -> None:
    shades = np.tile(np.linspace(0, 1, 700), (500, 1))
    film = film_of((shades * white).astype(dtype), white)
    assert film.dtype == np.uint8
    np.testing.assert_allclose(film[0], np.linspace(0, 255, FILM_PX), atol=3)


def test_a_tiny_radiograph_has_a_film_too() -> None:
    assert film_of(np.zeros((20, 30), np.uint8), 255).shape == (FILM_PX, FILM_PX)


def test_a_radiograph_that_is_left_out_leaves_no_film(films: Path) -> None:
    (films / "images" / "a.png").write_bytes((films / "images" / "a.png").read_bytes()[:200])
    data = prepare(films / "rois.csv", films / "images", films / "data", CONFIG, skip_bad=True)
    names = [row.image for row in data.manifest]
    assert sorted(set(names)) == ["b.png", "c.png"]
    expected = {"b.png": (0.5, 1, 0.5), "c.png": (1, 1, 1)}
    for name, film in zip(names, data.read_films(np.arange(len(data))), strict=True):
        np.testing.assert_allclose(means(film), expected[name], atol=0.05)
    assert np.load(data.path / "films.npy").shape == (2, FILM_PX, FILM_PX)
