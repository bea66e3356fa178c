"""LabelMe JSON."""

from __future__ import annotations

import json

import pytest

from keras_cwp.data.annotations.read import read_rois
from keras_cwp.errors import DataError


def labelme(**changes: object) -> dict:
    shape = {"label": "sick", "points": [[30, 8], [10, 20]], "shape_type": "rectangle"}
    return {"imagePath": "a.png", "shapes": [{**shape, **changes}]}


def test_labelme_rectangle_of_any_corners(tmp_path, images):
    (tmp_path / "a.json").write_text(json.dumps(labelme()))
    (roi,) = read_rois(tmp_path / "a.json", images)
    assert (roi.box, roi.polygon, roi.patient_id) == ((10, 8, 20, 12), None, None)


def test_labelme_polygon_keeps_its_outline(tmp_path, images):
    points = [[1, 2], [9, 3], [5, 8.5]]
    (tmp_path / "a.json").write_text(json.dumps(labelme(points=points, shape_type="polygon")))
    (roi,) = read_rois(tmp_path / "a.json", images)
    assert roi.box == (1, 2, 8, 6.5)
    assert roi.polygon == ((1, 2), (9, 3), (5, 8.5))


def test_labelme_folder_and_relative_path(tmp_path, images):
    folder = tmp_path / "marks"
    folder.mkdir()
    for name, path in (("a", "../images/a.png"), ("b", "C:\\scans\\b.png")):
        (folder / f"{name}.json").write_text(json.dumps({**labelme(), "imagePath": path}))
    assert [roi.image for roi in read_rois(folder, images)] == ["a.png", "b.png"]


BAD_LABELME = {
    "circle": ({"shape_type": "circle"}, "shape 1: shape_type 'circle'"),
    "one point": ({"points": [[1, 2]]}, "a rectangle needs 2 points, got 1"),
    "points of text": ({"points": [["a", 2], [3, 4]]}, "points must be a list"),
    "no points": ({"points": None}, "points must be a list"),
    "no label": ({"label": None}, "label is None"),
    "flat": ({"points": [[1, 2], [1, 9]]}, "has no area"),
}


@pytest.mark.parametrize(("changes", "message"), BAD_LABELME.values(), ids=BAD_LABELME)
def test_bad_labelme(changes, message, tmp_path, images):
    (tmp_path / "a.json").write_text(json.dumps(labelme(**changes)))
    with pytest.raises(DataError, match=message) as caught:
        read_rois(tmp_path / "a.json", images)
    assert "a.json" in str(caught.value)


@pytest.mark.parametrize("path", [None, "../../etc/passwd", "a\0.png", "", "a" * 5000 + ".png"])
def test_labelme_image_that_is_not_there(path, tmp_path, images):
    (tmp_path / "a.json").write_text(json.dumps({**labelme(), "imagePath": path}))
    with pytest.raises(DataError, match=r"a\.json: (imagePath|no image|the image name)"):
        read_rois(tmp_path / "a.json", images)


def write(folder, name: str, image: str, **changes: object) -> None:
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.json").write_text(json.dumps({**labelme(**changes), "imagePath": image}))


def test_a_copied_file_is_named_as_such(tmp_path, images):
    write(tmp_path / "lm", "a", "a.png")
    write(tmp_path / "lm", "a copy", "a.png")
    with pytest.raises(DataError, match=r"a\.json: a copy of .*a copy\.json; both are about image 'a\.png'"):
        read_rois(tmp_path / "lm", images)


def test_two_files_about_one_picture_are_said(tmp_path, images):
    write(tmp_path / "lm", "reader 1", "a.png")
    write(tmp_path / "lm", "reader 2", "a.png", points=[[30, 8], [11, 20]])
    notes: list[str] = []
    assert len(read_rois(tmp_path / "lm", images, note=notes.append)) == 2
    assert any("2 annotation files are about image 'a.png'" in note for note in notes)
    assert any("1 pair of regions on one radiograph overlaps by more than half" in note for note in notes)


@pytest.fixture
def renumbered(tmp_path):
    """a.json states b.png, b.json c.png; pictures of the files' own names are there too."""
    write(tmp_path / "lm", "a", "b.png", label="x")
    write(tmp_path / "lm", "b", "c.png", label="y")
    return tmp_path / "lm"


def test_another_picture_than_that_of_the_files_name(renumbered, images):
    with pytest.raises(DataError, match=r"2 of 2 annotation files state another picture .*a\.json states 'b\.png'"):
        read_rois(renumbered, images)
    stated = read_rois(renumbered, images, image_by="stated")
    assert [(roi.image, roi.label) for roi in stated] == [("b.png", "x"), ("c.png", "y")]
    named = read_rois(renumbered, images, image_by="name")
    assert [(roi.image, roi.label) for roi in named] == [("a.png", "x"), ("b.png", "y")]


def test_other_names_without_a_picture_of_the_own_name_are_no_question(tmp_path, images):
    write(tmp_path / "lm", "case 17", "a.png")
    assert read_rois(tmp_path / "lm", images)[0].image == "a.png"


def test_a_turned_rectangle(tmp_path, images):
    corners = [[20, 10], [30, 20], [20, 30], [10, 20]]
    (tmp_path / "a.json").write_text(json.dumps(labelme(points=corners, shape_type="rotation")))
    (roi,) = read_rois(tmp_path / "a.json", images)
    assert roi.box == (10, 10, 20, 20)
