"""Synthetic radiographs with and without opacities of coal workers' pneumoconiosis, and their ROI table.

They are for demonstrations and tests. Results on them say nothing about performance on patients. The same seed gives
the same table everywhere; a pixel may differ by one grey between processors, whose exponentials and blurs round
differently.
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from keras_cwp.data.annotations.roi import Box
from keras_cwp.data.phantom.anatomy import Anatomy
from keras_cwp.data.phantom.exposure import Exposure, expose
from keras_cwp.data.phantom.opacities import DIAMETER_MM, large_opacity, small_opacities
from keras_cwp.data.phantom.thorax import Thorax, draw_thorax
from keras_cwp.errors import DataError
from keras_cwp.files import new_folder

CLASSES = ("normal", "small_opacities", "large_opacity")
TABLE_FILE, IMAGES_FOLDER = "rois.csv", "images"
_COLUMNS = ("image", "patient_id", "x", "y", "width", "height", "label", "spacing_mm")
_SIDE_MM = (38.0, 62.0)  # of a ROI
_LUNG_MM = 40.0  # at least so much lung along the beam: away from the border
_SHARE_IN_LUNG = 0.95
_TRIES = 200
# Patients take turns: without opacities, with small ones, with small and large ones. The first label of a row is that
# of a radiograph's first ROI, so that each class has a third of the patients. Further ROIs get any label of the row.
_STATES = (("normal",), ("small_opacities", "normal"), ("large_opacity", "normal", "small_opacities"))


@dataclass(frozen=True)
class _Patient:
    anatomy: Anatomy
    labels: tuple[str, ...]
    kind: str


def draw_phantoms(
    out: Path | str,
    patients: int = 60,
    seed: int = 0,
    *,
    side_px: int = 512,
    radiographs: tuple[int, int] = (1, 3),
    rois: tuple[int, int] = (2, 5),
) -> Path:
    """Draw a data set: `images/*.png` and `rois.csv` in a new folder.

    Args:
        patients: at least 6. A third has no opacities, a third small ones, a third small and large ones.
        side_px: side of the square radiographs, at least 128. The field is 360 mm.
        radiographs: least and greatest number of a patient.
        rois: least and greatest number of a radiograph; fewer where the lung has no room.

    Returns:
        Path of the ROI table.

    Raises:
        DataError: too few patients or pixels.
        CwpError: the folder exists.
    """
    if patients < 6 or side_px < 128:
        raise DataError(f"phantoms: {patients} patients, {side_px} px; at least 6 patients and 128 px are needed")
    with new_folder(out) as folder:
        (folder / IMAGES_FOLDER).mkdir()
        rows = [
            row
            for number in range(patients)
            for row in _draw_patient(folder / IMAGES_FOLDER, number, seed, side_px, radiographs, rois)
        ]
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerows([_COLUMNS, *rows])
        (folder / TABLE_FILE).write_text(text.getvalue(), encoding="utf-8")
    return Path(out) / TABLE_FILE


def _patient_id(number: int, seed: int) -> str:
    """Patients of another seed are other patients; those of seed 0 go without it."""
    return f"P{number:04d}" if seed == 0 else f"S{seed}P{number:04d}"


def _draw_patient(
    folder: Path, number: int, seed: int, side_px: int, radiographs: tuple[int, int], rois: tuple[int, int]
) -> list[tuple[object, ...]]:
    random = np.random.default_rng([seed, number])
    state = _STATES[number % len(_STATES)]
    patient = _Patient(Anatomy.draw(random), state, str(random.choice(tuple(DIAMETER_MM))))
    thorax = draw_thorax(patient.anatomy, side_px)
    rows: list[tuple[object, ...]] = []
    for visit in range(int(random.integers(radiographs[0], radiographs[1], endpoint=True))):
        name = f"phantom_{number:04d}_{visit}.png"
        wanted = int(random.integers(rois[0], rois[1], endpoint=True))
        pixels, marked = _draw_radiograph(thorax, patient, wanted, random)
        (folder / name).write_bytes(cv2.imencode(".png", pixels)[1].tobytes())
        spacing = f"{thorax.mm_per_px:.6g}"
        rows += [(name, _patient_id(number, seed), *box, label, spacing) for box, label in marked]
    return rows


def _draw_radiograph(
    thorax: Thorax, patient: _Patient, wanted: int, random: np.random.Generator
) -> tuple[np.ndarray, list[tuple[tuple[int, ...], str]]]:
    water = thorax.water.copy()
    marked: list[tuple[tuple[int, ...], str]] = []
    for box in _free_boxes(thorax, wanted, random):
        label = str(random.choice(patient.labels)) if marked else patient.labels[0]
        if label != "normal":
            water += _opacities(thorax, box, label, patient.kind, random)
        marked.append((tuple(int(side) for side in box), label))
    return expose(water, thorax.bone, thorax.mm_per_px, Exposure.draw(random), random), marked


def _opacities(thorax: Thorax, box: Box, label: str, kind: str, random: np.random.Generator) -> np.ndarray:
    shape = thorax.water.shape
    if label == "small_opacities":
        layer = small_opacities(shape, box, thorax.mm_per_px, kind, random)
    else:
        layer = large_opacity(shape, box, thorax.mm_per_px, random)
    return layer * (thorax.lung > 0)


def _free_boxes(thorax: Thorax, wanted: int, random: np.random.Generator) -> list[Box]:
    """Up to `wanted` whole-pixel squares in the lungs that do not touch each other."""
    side_px = thorax.lung.shape[0]
    inside = cv2.integral((thorax.lung > _LUNG_MM).astype(np.uint8))
    boxes: list[Box] = []
    for _ in range(_TRIES):
        side = round(random.uniform(*_SIDE_MM) / thorax.mm_per_px)
        x, y = (int(value) for value in random.integers(0, side_px - side, 2))
        area = inside[y + side, x + side] - inside[y, x + side] - inside[y + side, x] + inside[y, x]
        apart = all(
            x >= bx + width or bx >= x + side or y >= by + height or by >= y + side for bx, by, width, height in boxes
        )
        if apart and area >= _SHARE_IN_LUNG * side**2:
            boxes.append((x, y, side, side))
        if len(boxes) == wanted:
            break
    return boxes
