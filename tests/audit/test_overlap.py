"""What two data sets share, on radiographs of noise whose pictures and patients are chosen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from keras_cwp.audit.checks import audit
from keras_cwp.audit.overlap import Overlap, overlap
from keras_cwp.config import DataConfig
from keras_cwp.data.prepare import prepare
from keras_cwp.data.prepared import PreparedData

SIDE_PX = 40


def noise(seed: int | None) -> np.ndarray:
    """A radiograph; None: one of a single shade."""
    if seed is None:
        return np.full((SIDE_PX, SIDE_PX), 7, np.uint8)
    return np.random.default_rng(seed).integers(0, 255, (SIDE_PX, SIDE_PX), np.uint8)


def made(folder: Path, *radiographs: tuple[str, str, int | None], link: bool = False) -> PreparedData:
    """A data set of one ROI on each radiograph: image, patient, picture."""
    (folder / "images").mkdir(parents=True)
    lines = ["image,patient_id,label,x,y,width,height"]
    for number, (image, patient, picture) in enumerate(radiographs):
        Image.fromarray(noise(picture)).save(folder / "images" / image)
        lines.append(f"{image},{patient},{'ab'[number % 2]},4,4,32,32")
    (folder / "rois.csv").write_text("\n".join(lines) + "\n")
    config = DataConfig(image_size=32, link_duplicates=link)
    return prepare(folder / "rois.csv", folder / "images", folder / "data", config)


@pytest.fixture
def trained(tmp_path: Path) -> PreparedData:
    radiographs = [("a.png", "P1", 1), ("b.png", "P2", 2), ("c.png", "P3", 3), ("d.png", "P4", None)]
    return made(tmp_path / "trained", *radiographs)


ALL = np.arange(4)


@pytest.mark.parametrize(
    ("radiographs", "expected"),
    [
        ([("x.png", "Q1", 11), ("y.png", "Q2", 12)], Overlap(0, 0, 0)),
        ([("x.png", "P1", 11), ("y.png", "Q2", 12)], Overlap(1, 1, 0)),  # by the id alone
        ([("x.png", "Q1", 1), ("y.png", "Q1", 11), ("z.png", "Q2", 12)], Overlap(1, 2, 1)),  # and the patient's others
        ([("x.png", "P1", 1), ("y.png", "Q2", 2)], Overlap(2, 2, 2)),
        ([("d.png", "d.png", 11), ("y.png", "Q2", 12)], Overlap(0, 0, 0)),
        ([("x.png", "p1", 11), ("y.png", "P02", 12)], Overlap(2, 2, 0, respelt=2)),  # by ids spelt otherwise
        ([("x.png", "p1", 1), ("y.png", "P2", 12)], Overlap(2, 2, 1)),  # of which the picture or the very id is known
    ],
)
def test_counts(trained: PreparedData, tmp_path: Path, radiographs: list, expected: Overlap) -> None:
    assert overlap(made(tmp_path / "other", *radiographs), trained, ALL) == expected


def test_only_the_rows_that_were_asked_for(trained: PreparedData, tmp_path: Path) -> None:
    other = made(tmp_path / "other", ("x.png", "P1", 11), ("y.png", "Q2", 2))
    assert overlap(other, trained, np.array([2, 3])) == Overlap(0, 0, 0)
    assert overlap(other, trained, np.array([1])) == Overlap(1, 1, 1)


def test_an_image_for_a_patient_is_known_by_its_picture_only(tmp_path: Path) -> None:
    ours = made(tmp_path / "ours", ("1.png", "1.png", 1), ("2.png", "2.png", 2))
    theirs = made(tmp_path / "theirs", ("1.png", "1.png", 11), ("2.png", "2.png", 12), ("3.png", "3.png", 2))
    assert overlap(theirs, ours, np.arange(2)) == Overlap(1, 1, 1)


def test_a_crop_of_one_shade_is_nobodys(trained: PreparedData, tmp_path: Path) -> None:
    other = made(tmp_path / "other", ("x.png", "Q1", 11), ("y.png", "Q2", 12))
    grey = np.full((SIDE_PX, SIDE_PX), 7, np.uint8)
    grey[0, 0] = 8  # outside the box: another file of the same crop
    folder = tmp_path / "other" / "images"
    Image.fromarray(grey).save(folder / "x.png")
    other = prepare(tmp_path / "other" / "rois.csv", folder, tmp_path / "again", DataConfig(image_size=32))
    assert overlap(other, trained, ALL) == Overlap(0, 0, 0)


def test_the_same_crop_in_another_file(trained: PreparedData, tmp_path: Path) -> None:
    other = made(tmp_path / "other", ("x.png", "Q1", 1), ("y.png", "Q2", 12))
    pixels = noise(1)
    pixels[0, 0] ^= 1  # outside the box
    folder = tmp_path / "other" / "images"
    Image.fromarray(pixels).save(folder / "x.png")
    other = prepare(tmp_path / "other" / "rois.csv", folder, tmp_path / "again", DataConfig(image_size=32, context=0.0))
    assert overlap(other, trained, ALL) == Overlap(1, 1, 1)


def test_each_id_of_a_linked_patient_counts(tmp_path: Path) -> None:
    twins = [("a.png", "P1", 1), ("b.png", "P2", 1), ("c.png", "P3", 3), ("d.png", "P4", 4)]
    ours = made(tmp_path / "ours", *[(i, p, n) for i, p, n in twins], link=True)
    assert ours.patients.tolist()[0] == "P1 + P2"
    theirs = made(tmp_path / "theirs", ("x.png", "P2", 11), ("y.png", "Q", 12))
    assert overlap(theirs, ours, ALL) == Overlap(1, 1, 0)
    assert overlap(ours, theirs, np.array([0])) == Overlap(1, 2, 0)


def test_ids_spelt_alike_are_found_by_audit(tmp_path: Path) -> None:
    radiographs = [("a.png", "P1", 1), ("b.png", "p1", 2), ("c.png", "1", 3), ("d.png", "Q", 4)]
    (tmp_path / "images").mkdir()
    lines = ["image,patient_id,label,x,y,width,height"]
    for number, (image, patient, picture) in enumerate(radiographs):
        Image.fromarray(noise(picture)).save(tmp_path / "images" / image)
        lines.append(f"{image},{patient},{'ab'[number % 2]},4,4,32,32")
    (tmp_path / "rois.csv").write_text("\n".join(lines) + "\n")
    config = DataConfig(image_size=32)
    data = prepare(tmp_path / "rois.csv", tmp_path / "images", tmp_path / "data", config, names_as_written=True)
    found = {finding.check: finding for finding in audit(data, folds=2)}
    assert found["patients spelt alike"].rows == ((0, 1),)
