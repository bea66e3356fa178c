"""A data set that uses little of its grey range is noted, and no other."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from keras_cwp.audit.checks import audit
from keras_cwp.config import DataConfig
from keras_cwp.data.grey_range import grey_span
from keras_cwp.data.prepare import prepare


def notes_of(tmp_path, pictures: list[np.ndarray]) -> tuple[list[str], tuple[int, int]]:
    (tmp_path / "images").mkdir()
    lines = ["image,patient_id,label"]
    for number, pixels in enumerate(pictures):
        Image.fromarray(pixels).save(tmp_path / "images" / f"{number}.png")
        lines.append(f"{number}.png,P{number},{'ab'[number % 2]}")
    (tmp_path / "rois.csv").write_text("\n".join(lines))
    notes: list[str] = []
    config = DataConfig(image_size=32)
    data = prepare(tmp_path / "rois.csv", tmp_path / "images", tmp_path / "data", config, note=notes.append)
    said = [line for line in notes if "grey values" in line]
    findings = [found.message for found in audit(data, folds=2) if found.check == "narrow grey range"]
    assert [line.endswith(message) for line, message in zip(said, findings, strict=True)] == [True] * len(said)
    return said, grey_span(data)


def noise(dtype: type, low: int, high: int, count: int = 4) -> list[np.ndarray]:
    return [np.random.default_rng(n).integers(low, high, (32, 32)).astype(dtype) for n in range(count)]


def test_twelve_bits_in_sixteen_are_noted(tmp_path):
    notes, span = notes_of(tmp_path, noise(np.uint16, 0, 4096))
    assert len(notes) == 1
    assert "lie between" in notes[0]
    assert "of 0 to 65535, less than an eighth of the range" in notes[0]
    assert span[0] < 100
    assert 4000 < span[1] < 4096


def test_a_marker_does_not_hide_it(tmp_path):
    pictures = noise(np.uint16, 0, 4096)
    for pixels in pictures:
        pixels[0, 0] = 65535
    assert len(notes_of(tmp_path, pictures)[0]) == 1


@pytest.mark.parametrize(("dtype", "low", "high", "noted"), [
    (np.uint8, 0, 256, False), (np.uint8, 100, 140, False), (np.uint8, 100, 130, True), (np.uint16, 0, 65536, False),
    (np.uint16, 30000, 33000, True),
])  # fmt: skip
def test_the_line_is_at_an_eighth(tmp_path, dtype, low, high, noted):
    assert bool(notes_of(tmp_path, noise(dtype, low, high))[0]) == noted


def test_one_dark_radiograph_among_others_is_none_of_this(tmp_path):
    assert not notes_of(tmp_path, [*noise(np.uint16, 0, 4096, 1), *noise(np.uint16, 0, 65536, 3)])[0]


def test_one_grey_value_only(tmp_path):
    notes, span = notes_of(tmp_path, [np.full((32, 32), 7, np.uint8)] * 2)
    assert (len(notes), span) == (1, (7, 7))
