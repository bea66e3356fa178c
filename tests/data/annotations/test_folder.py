"""Folders of annotation files: what is read, what is said, what is refused."""

from __future__ import annotations

import json

import pytest

from keras_cwp.data.annotations.read import read_rois
from keras_cwp.errors import DataError


def test_empty_folder_of_annotations(tmp_path, images):
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="empty: no regions of interest in it"):
        read_rois(tmp_path / "empty", images)


def shape(label: str = "sick") -> dict:
    return {"label": label, "points": [[30, 8], [10, 20]], "shape_type": "rectangle"}


def mark(path, image: str, *shapes: dict) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"imagePath": image, "shapes": list(shapes) or [shape()]}))


def test_nested_folders_are_read_and_counted(images):
    """Annotation files beside the pictures, in batches; one picture has none, one file marks nothing."""
    for batch, name in (("batch1", "a"), ("batch2/late", "b"), ("batch2/late", "c")):
        (images / batch).mkdir(parents=True, exist_ok=True)
        (images / f"{name}.png").rename(images / batch / f"{name}.png")
        if name != "c":
            mark(images / batch / f"{name}.json", f"{name}.png")
    (images / "d.json").write_text(json.dumps({"imagePath": "d.png", "shapes": []}))
    notes: list[str] = []
    rois = read_rois(images, images, note=notes.append)
    assert [roi.image for roi in rois] == ["batch1/a.png", "batch2/late/b.png"]
    said = next(note for note in notes if "LabelMe" in note)
    assert "3 LabelMe files, 1 of them without a region; 2 regions on 2 radiographs" in said
    assert "4 radiographs in the folder" in said


@pytest.mark.parametrize("name", ["._a.json", ".hidden/b.json", "__MACOSX/c.json", ".DS_Store.xml"])
def test_hidden_files_are_left_out(name, tmp_path, images):
    mark(tmp_path / "lm" / "a.json", "a.png")
    path = tmp_path / "lm" / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"\0\5\x16\7 AppleDouble")
    assert len(read_rois(tmp_path / "lm", images)) == 1


def test_several_formats_are_asked_about(tmp_path, images):
    mark(tmp_path / "marks" / "a.json", "a.png")
    (tmp_path / "marks" / "b.xml").write_text("<annotation><filename>b.png</filename></annotation>")
    with pytest.raises(DataError, match=r"several formats \(1 LabelMe and 1 Pascal VOC\)"):
        read_rois(tmp_path / "marks", images)


def test_an_unreadable_file_among_others_is_named_or_left_out(tmp_path, images):
    mark(tmp_path / "lm" / "a.json", "a.png")
    mark(tmp_path / "lm" / "b.json", "gone.png")
    (tmp_path / "lm" / "c.json").write_text("{")
    with pytest.raises(DataError, match=r"2 entries cannot be used: .*c\.json: cannot be read as JSON.*no image 'gone"):
        read_rois(tmp_path / "lm", images)
    assert [roi.image for roi in read_rois(tmp_path / "lm", images, skip_bad=True)] == ["a.png"]


def test_a_wrong_folder_of_images_is_said_once_and_not_for_each_line(tmp_path, images):
    rows = [f"gone_{number // 2}.png,p{number},n" for number in range(80)]
    table = tmp_path / "rois.csv"
    table.write_text("\n".join(["image,patient_id,label", *rows]) + "\n")
    with pytest.raises(DataError) as error:
        read_rois(table, images)
    said = str(error.value)
    assert "80 entries cannot be used" in said
    assert said.count("no image") == 3
    assert f"37 more images are not in {images}" in said


def test_a_broken_file_beside_its_picture_is_not_passed_over(images):
    """Else its folder would be taken for a class."""
    for name in "abcdef":
        folder = images / ("one" if name < "d" else "two")
        folder.mkdir(exist_ok=True)
        (images / f"{name}.png").rename(folder / f"{name}.png")
        (folder / f"{name}.json").write_text("{broken")
    with pytest.raises(DataError, match=r"one/a\.json: cannot be read as JSON"):
        read_rois(images, images)


def test_a_folder_with_a_table_names_the_table(tmp_path, images):
    folder = tmp_path / "tables"
    folder.mkdir()
    (folder / "rois.csv").write_text("image,patient_id,label\na.png,P,n\n")
    with pytest.raises(DataError, match=r"no annotation files in it; give a table itself, such as .*rois\.csv"):
        read_rois(folder, images)


def test_a_tools_own_file_is_left_out_and_named(tmp_path, images):
    mark(tmp_path / "lm" / "a.json", "a.png")
    (tmp_path / "lm" / "settings.json").write_text('{"tool": "x"}')
    notes: list[str] = []
    assert len(read_rois(tmp_path / "lm", images, note=notes.append)) == 1
    assert any("1 file of no annotation format left out: settings.json" in note for note in notes)
    assert any("1 LabelMe file; 1 region on 1 radiograph" in note for note in notes)


def test_a_tree_of_annotations_that_mirrors_the_tree_of_pictures(tmp_path, images):
    for batch, name in (("b1", "a"), ("b2", "b")):
        (images / batch).mkdir()
        (images / f"{name}.png").rename(images / batch / "01.png")
        mark(tmp_path / "lm" / batch / "01.json", "01.png")
    assert [roi.image for roi in read_rois(tmp_path / "lm", images)] == ["b1/01.png", "b2/01.png"]
