"""YOLO's label files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from keras_cwp.data.annotations.read import read_rois
from keras_cwp.errors import DataError

WIDTH, HEIGHT = 64, 48  # of the fixture's pictures


def write(folder: Path, **texts: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (folder / f"{name}.txt").write_text(text)
    return folder


def found(path: Path, images: Path, **options) -> list[tuple]:
    return [(roi.image, roi.label, roi.box) for roi in read_rois(path, images, **options)]


def test_boxes_are_shares_of_the_sides(tmp_path, images):
    folder = write(tmp_path / "labels", a="1 0.5 0.5 0.25 0.5\n0 0.25 0.25 0.5 0.25 0.9\n", classes="normal\nsick\n")
    boxes = [("a.png", "sick", (24, 12, 16, 24)), ("a.png", "normal", (0, 6, 32, 12))]
    assert found(folder, images) == boxes
    assert found(folder / "a.txt", images) == boxes


def test_an_outline_counts_by_its_bounding_box(tmp_path, images):
    folder = write(tmp_path / "labels", b="0 0.25 0.25 0.75 0.25 0.5 0.75\n", classes="sick")
    (roi,) = read_rois(folder, images)
    assert (roi.box, roi.polygon) == ((16, 12, 32, 24), ((16, 12), (48, 12), (32, 36)))


@pytest.mark.parametrize(
    "text", ["names: [normal, sick]", "names:\n  0: normal\n  1: sick\n", "nc: 2\nnames: ['normal', sick]"]
)
@pytest.mark.parametrize("place", [".", ".."])
def test_names_of_a_data_yaml(text, place, tmp_path, images):
    folder = write(tmp_path / "set" / "labels", a="1 0.5 0.5 0.25 0.5\n")
    (folder / place / "data.yaml").write_text(text)
    assert [label for _, label, _ in found(folder, images)] == ["sick"]


def test_a_tree_of_labels_beside_a_tree_of_images(images):
    for part, name in (("train", "a"), ("val", "b")):
        (images / "images" / part).mkdir(parents=True)
        (images / f"{name}.png").rename(images / "images" / part / "01.png")
        write(images / "labels" / part, **{"01": "0 0.5 0.5 0.25 0.5\n"})
    (images / "data.yaml").write_text("names: [sick]\n")
    expected = ["images/train/01.png", "images/val/01.png"]
    for path in (images, images / "labels"):
        assert [image for image, *_ in found(path, images)] == expected
    inside = [image for image, *_ in found(images, images / "images")]
    assert inside == ["train/01.png", "val/01.png"]


def test_a_picture_without_a_region_is_counted(tmp_path, images):
    notes: list[str] = []
    folder = write(tmp_path / "labels", a="0 0.5 0.5 0.25 0.5\n", b="", readme="", classes="sick\n")
    assert len(found(folder, images, note=notes.append)) == 1
    assert any("2 YOLO files, 1 of them without a region; 1 region on 1 radiograph" in note for note in notes)


def test_names_are_not_wanted_to_predict(tmp_path, images):
    folder = write(tmp_path / "labels", a="3 0.5 0.5 0.25 0.5\n")
    assert found(folder, images, to_predict=True) == [("a.png", "", (24, 12, 16, 24))]


BAD = {
    "no names": ({"a": "0 0.5 0.5 0.25 0.5"}, r"a\.txt: YOLO labels name classes by number only; put classes\.txt"),
    "too few names": ({"a": "2 0.5 0.5 0.25 0.5", "classes": "x\ny"}, "line 1: class 2 has no name; there are 2"),
    "pixels": ({"a": "0 30 20 10 10", "classes": "x"}, "line 1: .* are no shares of the picture's sides"),
    "no area": ({"a": "0 0.5 0.5 0 0.5", "classes": "x"}, "line 1: .* has no area"),
    "odd": ({"a": "0 0.5 0.5 0.1 0.5 0.1 0.2 0.3", "classes": "x"}, "line 1: 7 numbers are neither a box nor an out"),
    "no picture": ({"zz": "0 0.5 0.5 0.25 0.5", "classes": "x"}, "one radiograph of the file's own name .*found none"),
    "two lists": (
        {"a": "0 0.5 0.5 0.25 0.5", "classes": "x", "predefined_classes": "y"},
        r"classes\.txt and .*predefined_classes\.txt name the classes differently",
    ),
}


@pytest.mark.parametrize(("texts", "message"), BAD.values(), ids=BAD)
def test_bad_yolo(texts, message, tmp_path, images):
    with pytest.raises(DataError, match=message):
        read_rois(write(tmp_path / "set" / "labels", **texts), images)


def test_a_picture_of_several_folders_is_asked_about(tmp_path, images):
    for part in ("one", "two"):
        (images / part).mkdir()
        (images / part / "x.png").write_bytes((images / "a.png").read_bytes())
    folder = write(tmp_path / "labels", x="0 0.5 0.5 0.25 0.5", classes="x")
    with pytest.raises(DataError, match=r"found 'one/x\.png' and 'two/x\.png'"):
        read_rois(folder, images)


def test_files_of_another_format_beside_them_count(tmp_path, images):
    """Tools write both; LabelMe's say more."""
    folder = write(tmp_path / "labels", a="0 0.5 0.5 0.25 0.5", classes="other")
    shape = {"label": "sick", "points": [[1, 2], [9, 9]], "shape_type": "rectangle"}
    (folder / "a.json").write_text(json.dumps({"imagePath": "a.png", "shapes": [shape]}))
    notes: list[str] = []
    assert [label for _, label, _ in found(folder, images, note=notes.append)] == ["sick"]
    assert any("left out: 1 YOLO file; the LabelMe files are read" in note for note in notes)


def test_a_long_file_after_a_byte_order_mark(tmp_path, images):
    folder = write(tmp_path / "labels", classes="sick")
    (folder / "a.txt").write_bytes(b"\xef\xbb\xbf" + b"0 0.500000 0.500000 0.250000 0.500000\n" * 200)
    assert len(read_rois(folder, images)) == 200
