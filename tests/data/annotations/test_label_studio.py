"""Label Studio's exports: JSON, JSON-MIN and CSV."""

from __future__ import annotations

import csv
import json

import pytest

from keras_cwp.data.annotations.read import read_rois
from keras_cwp.errors import DataError

SIZE = {"original_width": 64, "original_height": 48}  # of the images of the fixture
BOX = {"x": 25, "y": 50, "width": 50, "height": 25, "rotation": 0, "rectanglelabels": ["sick"], **SIZE}
OUTLINE = {"points": [[0, 0], [50, 0], [50, 50]], "polygonlabels": ["well"], **SIZE}


def short(*regions: dict, image: str = "/data/upload/1/1a2b3c4d-a.png") -> dict:
    return {"image": image, "id": 1, "label": list(regions), "annotator": 1, "annotation_id": 7, "lead_time": 2.5}


def read(tree: object, tmp_path, images, **options):
    (tmp_path / "ls.json").write_text(json.dumps(tree))
    return read_rois(tmp_path / "ls.json", images, **options)


def said(rois) -> list:
    return [(roi.image, roi.label, roi.box) for roi in rois]


EXPECTED = [("a.png", "sick", (16, 24, 32, 12)), ("a.png", "well", (0, 0, 32, 24))]


def test_json_min(tmp_path, images):
    assert said(read([short(BOX, OUTLINE)], tmp_path, images)) == EXPECTED


def test_json(tmp_path, images):
    def result(region: dict) -> dict:
        value = {name: part for name, part in region.items() if name not in SIZE}
        return {**SIZE, "from_name": "label", "to_name": "image", "type": "rectanglelabels", "value": value}

    kept = {"id": 1, "completed_by": 1, "result": [result(BOX), result(OUTLINE)]}
    cancelled = {"id": 2, "was_cancelled": True, "result": [result(BOX)]}
    task = {"id": 1, "data": {"image": "/data/upload/1/1a2b3c4d-a.png"}, "annotations": [kept, cancelled]}
    assert said(read([task], tmp_path, images)) == EXPECTED


def test_csv(tmp_path, images):
    with open(tmp_path / "ls.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(short()))
        writer.writeheader()
        writer.writerow({**short(BOX, OUTLINE), "label": json.dumps([BOX, OUTLINE])})
    assert said(read_rois(tmp_path / "ls.csv", images)) == EXPECTED


@pytest.mark.parametrize(
    "image",
    [
        "a.png",
        "/data/upload/a.png",
        "/data/local-files/?d=a.png",
        "http://host:8080/data/upload/3/deadbeef-a.png?token=x",
        "s3://bucket/films/a.png",
        "/data/upload/1/%61.png",
    ],
)
def test_names_of_pictures(image, tmp_path, images):
    assert read([short(BOX, image=image)], tmp_path, images)[0].image == "a.png"


def test_a_choice_is_the_label_of_a_whole_radiograph(tmp_path, images):
    task = {"image": "a.png", "id": 1, "choice": "normal", "annotator": 1, "annotation_id": 7}
    assert said(read([task], tmp_path, images)) == [("a.png", "normal", None)]


def test_a_turned_box_turns_about_its_upper_left_corner(tmp_path, images):
    (roi,) = read([short({**BOX, "rotation": 90})], tmp_path, images)
    assert roi.box == pytest.approx((16 - 12, 24, 12, 32))


def test_marked_on_a_smaller_copy(tmp_path, images):
    half = {**BOX, "original_width": 32, "original_height": 24}
    assert said(read([short(half)], tmp_path, images)) == [EXPECTED[0]]


BAD = {
    "no size": (short({name: value for name, value in BOX.items() if name not in SIZE}), "no original_width"),
    "two labels": (short({**BOX, "rectanglelabels": ["a", "b"]}), r"its labels are \['a', 'b'\]; expected one"),
    "no label": (short({**BOX, "rectanglelabels": []}), "its labels are"),
    "text": (short({**BOX, "x": "left"}), "its coordinates cannot be used"),
    "image": (short(BOX, image="gone.png"), "no image 'gone.png'"),
    "points": (short({**OUTLINE, "points": [[1, 2]]}), "a polygon needs 3 points, got 1"),
}


@pytest.mark.parametrize(("task", "message"), BAD.values(), ids=BAD)
def test_bad(task, message, tmp_path, images):
    with pytest.raises(DataError, match=rf"ls\.json, task 1, region 1: {message}"):
        read([task], tmp_path, images)
