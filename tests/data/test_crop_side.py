"""`data.image_size: auto`, by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from keras_cwp.config import Config, DataConfig
from keras_cwp.data.crop_side import WHOLE_IMAGE_PX, Region, crop_side
from keras_cwp.data.prepare import prepare
from keras_cwp.training.admit import admit


def test_an_opacity_keeps_four_pixels() -> None:
    fine = [Region(side_px=400, spacing_mm=0.15, film_px=2400)] * 4  # 60 mm: 160 px at 0.375 mm
    assert crop_side(fine, None) == 160


def test_no_pixel_is_invented() -> None:
    coarse = [Region(side_px=120, spacing_mm=0.7, film_px=512)] * 4  # 84 mm would need 224 px
    assert crop_side(coarse, None) == 128


def test_without_spacing_the_film_has_the_width_of_a_chest() -> None:
    unknown = [Region(side_px=230, spacing_mm=None, film_px=1024)]  # 0.3516 mm a pixel: 80.9 mm, 216 px
    assert crop_side(unknown, None) == 224


def test_most_regions_count_and_not_the_largest() -> None:
    regions = [Region(100, 0.375, 1000)] * 9 + [Region(900, 0.375, 1000)]
    assert crop_side(regions, None) == 128


def test_bounds_and_whole_images() -> None:
    assert crop_side([Region(20, 0.2, 1000)], None) == 96
    assert crop_side([Region(2000, 0.3, 3000)], None) == 320
    assert crop_side([Region(None, 0.2, 1000)], None) == WHOLE_IMAGE_PX


def test_a_fixed_spacing_holds_the_regions() -> None:
    assert crop_side([Region(side_px=400, spacing_mm=0.2, film_px=2000)], fixed_mm=0.5) == 160


def test_prepare_says_the_side_and_keeps_it(good_table: Path, images: Path, tmp_path: Path) -> None:
    notes: list[str] = []
    data = prepare(good_table, images, tmp_path / "data", DataConfig(image_size="auto"), note=notes.append)
    assert data.image_size == 96
    assert data.meta["image_size"] == 96
    assert any("data.image_size auto is 96 px" in note for note in notes)
    again = prepare(good_table, images, tmp_path / "data", DataConfig(image_size="auto"))
    assert again.content_hash == data.content_hash
    said: list[str] = []
    assert admit(data, Config(data={"image_size": "auto"}), note=said.append).data.image_size == 96
    assert said == []


@pytest.mark.parametrize("wrong", ["large", 31, 1025])
def test_other_values_are_refused(wrong: object) -> None:
    with pytest.raises(ValueError, match="image_size"):
        DataConfig(image_size=wrong)
