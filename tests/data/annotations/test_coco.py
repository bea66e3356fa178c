"""COCO JSON."""

from __future__ import annotations

import json

import pytest

from keras_cwp.data.annotations.read import read_rois
from keras_cwp.errors import DataError


def coco() -> dict:
    return {
        "images": [{"id": 1, "file_name": "a.png", "patient_id": "P1"}, {"id": 2, "file_name": "b.png"}],
        "categories": [{"id": 5, "name": "sick"}],
        "annotations": [
            {"id": 1, "image_id": 2, "category_id": 5, "bbox": [1, 2.5, 3, 4]},
            {"id": 2, "image_id": 1, "category_id": 5, "bbox": [1, 2, 3, 4]},
        ],
    }


def test_coco(tmp_path, images):
    (tmp_path / "c.json").write_text(json.dumps(coco()))
    rois = read_rois(tmp_path / "c.json", images)
    assert [(roi.image, roi.patient_id, roi.label, roi.box) for roi in rois] == [
        ("b.png", None, "sick", (1, 2.5, 3, 4)),
        ("a.png", "P1", "sick", (1, 2, 3, 4)),
    ]


def test_coco_polygon_is_kept(tmp_path, images):
    tree = coco()
    tree["annotations"][0]["segmentation"] = [[1, 2.5, 4, 2.5, 4, 6.5]]
    tree["annotations"][1]["segmentation"] = {"counts": "run lengths", "size": [48, 64]}
    (tmp_path / "c.json").write_text(json.dumps(tree))
    rois = read_rois(tmp_path / "c.json", images)
    assert [roi.polygon for roi in rois] == [((1, 2.5), (4, 2.5), (4, 6.5)), None]


def spoil(path: list, value: object) -> str:
    tree = coco()
    place: object = tree
    for key in path[:-1]:
        place = place[key]  # type: ignore[index]
    place[path[-1]] = value  # type: ignore[index]
    return json.dumps(tree)


BAD_COCO = {
    "unknown image": (["annotations", 0, "image_id"], 9, "annotation 1: image_id 9 is not among"),
    "unknown category": (["annotations", 1, "category_id"], [5], r"annotation 2: category_id \[5\]"),
    "no box": (["annotations", 0, "bbox"], [], r"annotation 1: bbox is \[\]"),
    "endless number": (["annotations", 0, "bbox"], [10**400, 2, 3, 4], r"bbox is \[1000"),
    "box of text": (["annotations", 0, "bbox"], ["1", 2, 3, 4], "bbox is"),
    "no area": (["annotations", 0, "bbox"], [1, 2, 0, 4], "annotation 1: the box .* has no area"),
    "infinite": (["annotations", 0, "bbox"], [1, 2, float("inf"), 4], "no finite number"),
    "id twice": (["images", 1, "id"], 1, "images has the id 1"),
    "not a list": (["images"], {"a": 1}, "images must be a list of objects, got dict"),
    "list of numbers": (["annotations"], [1], "annotations must be a list of objects"),
    "name of another type": (["images", 1, "file_name"], 4, "file_name is 4, expected a text"),
    "path": (["images", 1, "file_name"], "../a.png", "leads out of the images folder"),
    "nothing": (["annotations"], [], "no regions of interest"),
}


@pytest.mark.parametrize(("path", "value", "message"), BAD_COCO.values(), ids=BAD_COCO)
def test_bad_coco(path, value, message, tmp_path, images):
    (tmp_path / "c.json").write_text(spoil(path, value))
    with pytest.raises(DataError, match=message) as caught:
        read_rois(tmp_path / "c.json", images)
    assert "c.json" in str(caught.value)


def notes_of(tree: dict, tmp_path, images, **options):
    (tmp_path / "c.json").write_text(json.dumps(tree))
    notes: list[str] = []
    return read_rois(tmp_path / "c.json", images, note=notes.append, **options), notes


@pytest.mark.parametrize("outline", [[[1, 2, 3, 4]], [["a"]], [[1, 2, 3, 4, 5]], [[1, 2, 3, float("nan"), 5, 6]]])
def test_a_bad_outline_does_not_refuse_the_export(outline, tmp_path, images):
    tree = coco()
    tree["annotations"][0]["segmentation"] = outline
    rois, notes = notes_of(tree, tmp_path, images)
    assert [(roi.box, roi.polygon) for roi in rois] == [((1, 2.5, 3, 4), None), ((1, 2, 3, 4), None)]
    assert any("1 outline is no polygon" in note for note in notes)


def test_a_box_from_the_outline_where_there_is_none(tmp_path, images):
    tree = coco()
    tree["annotations"][0] |= {"bbox": [], "segmentation": [[1, 2, 5, 2, 5, 8], [10, 2, 12, 3, 12, 4]]}
    rois, _ = notes_of(tree, tmp_path, images)
    assert rois[0].box == (1, 2, 11, 6)


UPRIGHT, TURNED = (10, 20, 30, 10), (20, 10, 10, 30)


@pytest.mark.parametrize(("degrees", "box"), [(90, TURNED), (-90, TURNED), (180, UPRIGHT), (0, UPRIGHT)])
def test_cvats_turned_boxes(degrees, box, tmp_path, images):
    tree = coco()
    tree["annotations"][0] |= {"bbox": [10, 20, 30, 10], "attributes": {"rotation": degrees, "occluded": False}}
    rois, notes = notes_of(tree, tmp_path, images)
    assert rois[0].box == pytest.approx(box)
    assert any("drawn turned" in note for note in notes) == bool(degrees)


def test_a_turn_of_45_degrees(tmp_path, images):
    tree = coco()
    tree["annotations"][0] |= {"bbox": [10, 10, 20, 20], "attributes": {"rotation": 45}}
    rois, _ = notes_of(tree, tmp_path, images)
    half = 20 / 2**0.5
    assert rois[0].box == pytest.approx((20 - half, 20 - half, 2 * half, 2 * half))
    assert len(rois[0].polygon) == 4


def test_blanks_around_a_category_are_no_other_class(tmp_path, images):
    tree = coco()
    tree["categories"].append({"id": 6, "name": " sick\u00a0"})
    tree["annotations"][1]["category_id"] = 6
    rois, _ = notes_of(tree, tmp_path, images)
    assert {roi.label for roi in rois} == {"sick"}


def test_every_bad_annotation_is_named(tmp_path, images):
    tree = coco()
    tree["annotations"][0]["bbox"] = [1, 2, 0, 4]
    tree["annotations"].append({"id": 9, "image_id": 77, "category_id": 5, "bbox": [1, 2, 3, 4]})
    with pytest.raises(DataError, match=r"2 entries cannot be used: .*annotation 1: .*annotation 9: image_id 77"):
        notes_of(tree, tmp_path, images)
    rois, _ = notes_of(tree, tmp_path, images, skip_bad=True)
    assert [roi.image for roi in rois] == ["a.png"]


def test_a_file_in_the_folder_of_its_pictures(images):
    """As Roboflow writes it: one file for each part of a split, names relative to it."""
    for part, name in (("train", "a.png"), ("valid", "b.png")):
        (images / part).mkdir()
        (images / name).rename(images / part / name)
        tree = {**coco(), "images": [{"id": 1, "file_name": name}]}
        tree["annotations"] = tree["annotations"][1:]
        (images / part / "_annotations.coco.json").write_text(json.dumps(tree))
    rois = read_rois(images, images)
    assert [roi.image for roi in rois] == ["train/a.png", "valid/b.png"]
    assert len({roi.roi_id for roi in rois}) == 2


def test_ids_as_text_here_and_as_numbers_there(tmp_path, images):
    tree = coco()
    for picture in tree["images"]:
        picture["id"] = str(picture["id"])
    assert len(notes_of(tree, tmp_path, images)[0]) == 2


def test_pictures_without_a_region_are_counted(tmp_path, images):
    tree = coco()
    tree["images"] += [{"id": 7, "file_name": "c.png"}, {"id": 8, "file_name": "gone.png"}]
    _, notes = notes_of(tree, tmp_path, images)
    assert any("2 pictures without a region left out" in note for note in notes)
