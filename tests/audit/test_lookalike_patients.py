"""Copies of a radiograph under two patients, and radiographs that all look alike."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from keras_cwp.audit.lookalike_patients import indistinct, look_alikes, pairs_apart
from keras_cwp.config import DataConfig
from keras_cwp.data.prepare import prepare
from keras_cwp.data.prepared import PreparedData
from keras_cwp.data.split_file import SplitRow


def picture(number: int) -> np.ndarray:
    coarse = np.random.default_rng(number).random((9, 9)).astype(np.float32)
    return (255 * cv2.resize(coarse, (96, 96), interpolation=cv2.INTER_CUBIC).clip(0, 1)).astype(np.uint8)


def made(folder: Path, pictures: list[np.ndarray]) -> PreparedData:
    """A radiograph with two ROIs for each picture and patient."""
    (folder / "images").mkdir(parents=True)
    lines = ["image,patient_id,label,x,y,width,height"]
    for number, pixels in enumerate(pictures):
        Image.fromarray(pixels).save(folder / "images" / f"{number}.png")
        lines += [f"{number}.png,P{number},{'ab'[number % 2]},{x},20,40,40" for x in (10, 40)]
    (folder / "rois.csv").write_text("\n".join(lines) + "\n")
    return prepare(folder / "rois.csv", folder / "images", folder / "data", DataConfig(image_size=32))


def split_row(row, fold: int, part: str) -> SplitRow:
    return SplitRow(1, row.roi_key, row.patient_key, row.image_key, fold, part)


@pytest.fixture
def copied(tmp_path: Path) -> PreparedData:
    """Six patients; the radiograph of P4 is a lighter copy of that of P1."""
    pictures = [picture(number) for number in range(6)]
    pictures[4] = (pictures[1] * 0.8 + 20).astype(np.uint8)
    return made(tmp_path, pictures)


def test_a_copy_under_another_patient_is_one_pair(copied: PreparedData) -> None:
    (pair,) = look_alikes(copied)
    assert {str(copied.patients[row]) for row in pair} == {"P1", "P4"}
    assert not indistinct((pair,), copied)


@pytest.mark.parametrize(("of_p4", "apart"), [("test", 1), ("train", 0), ("validation", 0)])
def test_pairs_are_counted_when_a_split_parts_them(copied: PreparedData, of_p4: str, apart: int) -> None:
    rows = [split_row(row, 0, of_p4 if row.patient_id == "P4" else "train") for row in copied.manifest]
    assert pairs_apart(look_alikes(copied), copied, rows) == apart


def test_a_pair_that_any_fold_parts_counts_once(copied: PreparedData) -> None:
    rows = [
        split_row(row, fold, "test" if row.patient_id == patient else "train")
        for fold, patient in ((1, "P4"), (2, "P1"), (3, "P0"))
        for row in copied.manifest
    ]
    assert pairs_apart(look_alikes(copied), copied, rows) == 1


def test_pictures_that_are_all_alike_say_nothing(tmp_path: Path) -> None:
    noise = np.random.default_rng(0)
    data = made(tmp_path, [(picture(0) * (0.5 + 0.05 * n) + noise.random((96, 96))).astype(np.uint8) for n in range(6)])
    assert indistinct(look_alikes(data), data)
