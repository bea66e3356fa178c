"""Boxes that are shares of the picture, or corners in place of sizes."""

from __future__ import annotations

import pytest

from keras_cwp.config import DataConfig
from keras_cwp.data.prepare import prepare
from keras_cwp.errors import DataError

CONFIG = DataConfig(image_size=32)


def boxes(table, *each: str):
    return table(*(f"{name}.png,P{name},{label},{box}" for name, label, box in zip("abcd", "xyxy", each, strict=False)))


def test_shares_of_the_sides_are_asked_about(table, images, tmp_path):
    path = boxes(table, "0.1,0.1,0.5,0.5", "0.2,0.2,0.5,0.8")
    with pytest.raises(DataError, match=r"every box lies within 0 to 1 .* shares of the picture's sides: multiply"):
        prepare(path, images, tmp_path / "data", CONFIG)


def test_corners_in_place_of_sizes_are_asked_about(table, images, tmp_path):
    """Pictures of 64 x 48 pixels."""
    path = boxes(table, "40,30,60,45", "10,10,20,20", "30,20,60,40")
    with pytest.raises(DataError, match=r"2 of 3 boxes reach beyond .* the lower right corner"):
        prepare(path, images, tmp_path / "data", CONFIG)


@pytest.mark.parametrize(
    "each",
    [
        ("40,30,60,45", "10,10,20,20", "30,20,20,10"),  # the third is no corner
        ("4,3,60,45", "10,10,20,20", "3,2,60,40"),  # corners or sizes: all lie inside
        ("40,30,60,45", "10,10,20,20"),  # too few to tell
    ],
)
def test_sizes_are_taken_for_sizes(each, table, images, tmp_path):
    assert len(prepare(boxes(table, *each), images, tmp_path / "data", CONFIG)) == len(each)
