"""Boxes that were drawn on a copy of another size, or on a picture that is turned."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from keras_cwp.config import DataConfig
from keras_cwp.data.annotations.read import read_rois
from keras_cwp.data.prepare import prepare
from keras_cwp.errors import DataError


def labelme(width: object, height: object, label: str = "sick", kind: str = "rectangle") -> dict:
    points = [[2, 4], [10, 4], [10, 20]] if kind == "polygon" else [[2, 4], [10, 20]]
    shape = {"label": label, "points": points, "shape_type": kind}
    return {"imagePath": "a.png", "imageWidth": width, "imageHeight": height, "shapes": [shape]}


def read(tree: dict, tmp_path, images, **options):
    (tmp_path / "a.json").write_text(json.dumps(tree))
    notes: list[str] = []
    return read_rois(tmp_path / "a.json", images, note=notes.append, **options), notes


@pytest.mark.parametrize(
    ("width", "height", "factor"), [(64, 48, 1), (32, 24, 2), (128, 96, 0.5), (None, None, 1), (0, 0, 1)]
)
def test_a_copy_of_the_same_proportions_is_scaled_and_said(width, height, factor, tmp_path, images):
    (roi,), notes = read(labelme(width, height, kind="polygon"), tmp_path, images)
    assert roi.box == pytest.approx((2 * factor, 4 * factor, 8 * factor, 16 * factor))
    np.testing.assert_allclose(roi.polygon, np.array([[2, 4], [10, 4], [10, 20]]) * factor)
    assert any("marked at" in note and "64 × 48" in note for note in notes) == (factor != 1)


def test_rounding_of_a_smaller_copy_is_allowed(tmp_path, images):
    (roi,), _ = read(labelme(21, 16), tmp_path, images)  # 64 × 48 by 3 is 21.3 × 16
    assert roi.box == pytest.approx((2 * 64 / 21, 12, 8 * 64 / 21, 48))


@pytest.mark.parametrize(("width", "height"), [(64, 64), (100, 48), (640, 400)])
def test_other_proportions_are_refused_with_both_sizes(width, height, tmp_path, images):
    with pytest.raises(DataError, match=rf"'a\.png' has {width} × {height} pixels, the radiograph has 64 × 48;"):
        read(labelme(width, height), tmp_path, images)


def test_turned_by_a_right_angle(tmp_path, images):
    with pytest.raises(DataError, match=r"48 × 64 pixels, the radiograph has 64 × 48 \(turned by a right angle"):
        read(labelme(48, 64), tmp_path, images)


def exif(images, orientation: int) -> None:
    """a.png becomes a.jpg of 48 × 64 pixels as stored, which the file asks to be turned."""
    tags = Image.Exif()
    tags[0x0112] = orientation
    stored = Image.fromarray(np.arange(64 * 48, dtype=np.uint8).reshape(64, 48))
    (images / "a.png").unlink()
    stored.save(images / "a.jpg", exif=tags)


def test_marked_on_the_unturned_picture(tmp_path, images):
    exif(images, 6)
    tree = {**labelme(48, 64), "imagePath": "a.jpg"}
    with pytest.raises(DataError, match="EXIF orientation is 6, and the boxes were drawn on the unturned picture"):
        read(tree, tmp_path, images)
    assert read({**labelme(64, 48), "imagePath": "a.jpg"}, tmp_path, images)[0][0].box == (2, 4, 8, 16)


@pytest.mark.parametrize("orientation", [1, 3, 6])
def test_boxes_on_a_picture_that_is_turned_are_noted(orientation, table, tmp_path, images):
    exif(images, orientation)
    notes: list[str] = []
    path = table("a.jpg,P,n,1,1,20,20", "b.png,Q,s,1,1,20,20")
    prepare(path, images, tmp_path / "data", DataConfig(image_size=32), note=notes.append)
    assert any("ask by EXIF to be turned" in note for note in notes) == (orientation != 1)


def test_each_wrong_file_is_named_and_can_be_left_out(tmp_path, images):
    folder = tmp_path / "lm"
    folder.mkdir()
    for name, width in (("a", 100), ("b", 64), ("c", 200)):
        (folder / f"{name}.json").write_text(json.dumps({**labelme(width, 48), "imagePath": f"{name}.png"}))
    with pytest.raises(DataError, match=r"2 entries cannot be used: .*a\.json.*100 × 48.*c\.json.*200 × 48"):
        read_rois(folder, images)
    assert [roi.image for roi in read_rois(folder, images, skip_bad=True)] == ["b.png"]
