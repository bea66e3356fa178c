"""The oracle is the phantom's own box: however the boxes are written down, they are read to a pixel, and the centre
of a crop with an opacity is brighter than that of one without."""

from __future__ import annotations

import csv
import tempfile
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.annotation_writers import SIZED, UNSIZED, Habits, Marked

from keras_cwp.config import DataConfig
from keras_cwp.data.annotations.formats import FORMATS
from keras_cwp.data.annotations.read import read_rois
from keras_cwp.data.phantom.draw import draw_phantoms
from keras_cwp.data.prepare import prepare

SIDE_PX = 256
NAMES = {"normal": "正常", "large_opacity": "尘肺 Ⅰ期"}
CONFIG = DataConfig(image_size=32)
_BRIGHTER = 8.0  # of 255; with the right boxes the difference is 18, see test_the_oracle


@pytest.fixture(scope="module")
def phantoms(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Marked]]:
    """A folder of radiographs and the boxes without an opacity or with a large one."""
    folder = tmp_path_factory.mktemp("phantoms")
    path = draw_phantoms(folder / "set", 12, seed=3, side_px=SIDE_PX, radiographs=(1, 1), rois=(3, 5))
    rois = []
    with open(path, encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["label"] in NAMES:
                x, y, width, height = (float(row[name]) for name in ("x", "y", "width", "height"))
                narrow = (x + width / 8, y, 0.75 * width, height)  # not square, so that a turn shows
                rois.append(Marked(row["image"], SIDE_PX, narrow, NAMES[row["label"]]))
    return path.parent / "images", rois


def centre(crop: np.ndarray) -> float:
    """Mean of the middle half."""
    quarter = len(crop) // 4
    return float(crop[quarter:-quarter, quarter:-quarter].mean())


def brighter(centres: list[float], labels: list[str]) -> float:
    """By how much the centres of crops with an opacity are brighter than those without."""
    by_label = {
        label: np.mean([c for c, own in zip(centres, labels, strict=True) if own == label]) for label in NAMES.values()
    }
    return float(by_label[NAMES["large_opacity"]] - by_label[NAMES["normal"]])


def test_the_oracle(phantoms):
    """The phantoms' own boxes show the difference, boxes beside them do not."""
    folder, rois = phantoms
    pictures = {roi.image: cv2.imread(str(folder / roi.image), cv2.IMREAD_GRAYSCALE) for roi in rois}

    def difference(shift: int, scale: float) -> float:
        corners = [tuple(round(side * scale) for side in roi.box) for roi in rois]
        crops = [
            pictures[roi.image][y + shift : y + shift + h, x : x + w]
            for roi, (x, y, w, h) in zip(rois, corners, strict=True)
        ]
        return brighter([centre(crop) for crop in crops], [roi.label for roi in rois])

    assert difference(0, 1) > 2 * _BRIGHTER
    assert difference(0, 0.5) < _BRIGHTER


def test_every_format_has_a_writer():
    names = {(row.name, row.suffixes) for row in FORMATS}
    assert len(names) == len(SIZED) + len(UNSIZED)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
@given(data=st.data())
def test_boxes_are_read_to_a_pixel_and_hold_the_finding(phantoms, data):
    images, rois = phantoms
    name = data.draw(st.sampled_from(sorted(SIZED | UNSIZED)), label="format")
    scale = data.draw(st.sampled_from((1.0, 0.5, 0.25, 2.0)), label="scale") if name in SIZED else 1.0
    habits = Habits(data.draw(st.integers(0, 2**31), label="seed"), scale)
    with tempfile.TemporaryDirectory() as folder:
        path = (SIZED | UNSIZED)[name](rois, Path(folder), habits)
        found = read_rois(path, images, patient_per_image=True)
        assert key(found) == key(rois)
        for read, true in zip(sorted(found, key=place), sorted(rois, key=place), strict=True):
            assert np.abs(np.array(read.box) - true.box).max() < 1
        prepared = prepare(path, images, Path(folder) / "data", CONFIG, patient_per_image=True)
        margin = prepared.margin
        crops = prepared.read(np.arange(len(prepared)))[:, margin:-margin, margin:-margin]
        assert brighter([centre(crop) for crop in crops], prepared.label_names.tolist()) > _BRIGHTER


def place(roi) -> tuple:
    """Sorts regions of one set in the same way, read or true."""
    return roi.image, round(roi.box[0]), round(roi.box[1])


def key(rois) -> list[tuple[str, str]]:
    """Image and label of each region, sorted."""
    return sorted((roi.image, roi.label) for roi in rois)
