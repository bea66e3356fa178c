"""A folder for each class."""

from __future__ import annotations

import numpy as np
import pytest

from keras_cwp.data.annotations.read import read_rois
from keras_cwp.errors import DataError


def test_class_tree(images):
    for label, names in (("sick", "ab"), ("well/ward 3", "c")):
        (images / label).mkdir(parents=True)
        for name in names:
            (images / f"{name}.png").rename(images / label / f"{name}.png")
    for name in "def":
        (images / f"{name}.png").unlink()
    (images / "sick" / "notes.txt").write_text("kept out")
    rois = read_rois(images, images, patient_per_image=True)
    assert [(roi.image, roi.label, roi.box) for roi in rois] == [
        ("sick/a.png", "sick", None),
        ("sick/b.png", "sick", None),
        ("well/ward 3/c.png", "well", None),
    ]


def test_class_tree_with_a_stray_radiograph(images):
    with pytest.raises(DataError, match=r"a\.png: lies beside the class folders"):
        read_rois(images, images)


def test_class_tree_outside_the_images_folder(tmp_path, images):
    (tmp_path / "tree" / "x").mkdir(parents=True)
    (images / "a.png").rename(tmp_path / "tree" / "x" / "a.png")
    with pytest.raises(DataError, match=r"a\.png: lies outside the images folder"):
        read_rois(tmp_path / "tree", images)


def tree(images, /, **folders: str) -> None:
    """Move pictures a to f into folders, by letters; `__` stands for a slash."""
    for folder, names in folders.items():
        for name in names:
            target = images / folder.replace("__", "/") / f"{name}.png"
            target.parent.mkdir(parents=True, exist_ok=True)
            (images / f"{name}.png").rename(target)


def classes(images, **options) -> tuple[list[str], list[str]]:
    notes: list[str] = []
    rois = read_rois(images, images, patient_per_image=True, note=notes.append, **options)
    return [roi.label for roi in rois], notes


PARTS = [("train", "val", "test"), ("Training", "validation", "TEST"), ("train", "valid", "dev")]


@pytest.mark.parametrize("parts", PARTS)
def test_parts_of_a_split_are_no_classes(parts, images):
    first, second, third = parts
    names = {f"{first}__sick": "a", f"{first}__well": "b", f"{second}__sick": "c", f"{third}__well": "def"}
    tree(images, **names)
    labels, notes = classes(images)
    assert sorted(set(labels)) == ["sick", "well"]
    assert any("taken for the parts of a split, not for classes" in note for note in notes)


def test_a_wrapper_around_a_split(images):
    tree(images, **{"images__train__sick": "abc", "images__test__well": "def"})
    assert sorted(set(classes(images)[0])) == ["sick", "well"]


def test_pictures_directly_in_the_parts_of_a_split(images):
    tree(images, train="abc", test="def")
    with pytest.raises(DataError, match="lies beside the parts test, train of a split; move it into a class folder"):
        classes(images)
    assert sorted(set(classes(images, names_as_written=True)[0])) == ["test", "train"]


def test_a_part_of_a_split_beside_classes_is_asked_about(images):
    tree(images, test="abc", control="def")
    with pytest.raises(DataError, match="test beside control: parts of a split, or classes"):
        classes(images)
    assert sorted(set(classes(images, names_as_written=True)[0])) == ["control", "test"]


ODD = [("images", "masks"), ("batch1", "batch2"), ("patient_001", "patient_002"), ("P1", "P2"), ("fold 1", "fold 2")]


@pytest.mark.parametrize("names", ODD)
def test_folders_that_are_hardly_classes_are_asked_about(names, images):
    tree(images, **{names[0]: "abc", names[1]: "def"})
    with pytest.raises(DataError, match=r"hardly classes; give the annotation file, .*--names-as-written"):
        classes(images)
    assert len(set(classes(images, names_as_written=True)[0])) == 2


CLASSES = [("stage 1", "stage 2"), ("0", "1"), ("grade_0", "grade_1"), ("尘肺", "正常"), ("p", "q")]


@pytest.mark.parametrize("names", CLASSES)
def test_folders_that_are_classes(names, images):
    tree(images, **{names[0]: "abc", names[1]: "def"})
    labels, notes = classes(images)
    assert labels == [name for name in sorted(names) for _ in range(3)]
    assert any("the folder is the class" in note and f"{names[0]} (3)" in note for note in notes)


def test_what_is_left_out_is_named(images):
    tree(images, sick="abc", well="def")
    (images / "sick" / "g.bmp").write_bytes(b"BM")
    (images / "sick" / "no_suffix").write_bytes(b"text")
    (images / "well" / "._d.png").write_bytes(b"AppleDouble")
    _, notes = classes(images)
    said = next(note for note in notes if "not read" in note)
    assert "left out: 2 files of types that are not read (1 .bmp, 1 no suffix): sick/g.bmp, sick/no_suffix" in said


def test_dicom_without_a_suffix_is_read(tmp_path):
    from support.dicom_file import dicom

    for number, label in enumerate(("sick", "well")):
        (tmp_path / "images" / label).mkdir(parents=True)
        dicom(tmp_path / "images" / label / f"IM{number}", np.full((8, 8), 5, np.uint16), PatientID=f"P{number}")
    assert [roi.image for roi in read_rois(tmp_path / "images", tmp_path / "images")] == ["sick/IM0", "well/IM1"]
