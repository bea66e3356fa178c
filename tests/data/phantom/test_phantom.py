"""Phantoms: the table and files they promise, the physics behind the pictures, and opacities of the right size."""

from __future__ import annotations

import csv
from collections import defaultdict

import cv2
import numpy as np
import pytest

from keras_cwp.config import DataConfig
from keras_cwp.data.phantom.draw import CLASSES, draw_phantoms
from keras_cwp.data.phantom.exposure import BONE_PER_MM, WATER_PER_MM, Exposure, expose
from keras_cwp.data.phantom.opacities import DIAMETER_MM, large_opacity, small_opacities
from keras_cwp.data.phantom.thorax import FIELD_MM, Anatomy, draw_thorax
from keras_cwp.data.prepare import prepare
from keras_cwp.data.splits import folds
from keras_cwp.errors import CwpError, DataError

SIDE = 128  # pixels; the least that there is


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    return draw_phantoms(tmp_path_factory.mktemp("phantoms") / "set", patients=15, seed=1, side_px=SIDE)


@pytest.fixture(scope="module")
def rows(table):
    with open(table, newline="") as file:
        return list(csv.DictReader(file))


def test_set_prepares_and_splits(table, tmp_path):
    data = prepare(table, table.parent / "images", tmp_path / "data", DataConfig(image_size=32, classes=CLASSES))
    assert data.meta["counts"]["patients"] == 15
    assert all(row.spacing_mm == pytest.approx(FIELD_MM / SIDE) for row in data.manifest)
    folds(data.patients, data.labels, 5, 0)  # every class has five patients


def test_patients_have_several_radiographs_and_radiographs_several_rois(rows):
    radiographs = defaultdict(set)
    for row in rows:
        radiographs[row["patient_id"]].add(row["image"])
    assert max(map(len, radiographs.values())) > 1
    assert max(sum(row["image"] == image for row in rows) for image in {row["image"] for row in rows}) > 1


def test_boxes_lie_apart_on_the_picture(rows):
    boxes = defaultdict(list)
    for row in rows:
        x, y, width, height = (int(row[name]) for name in ("x", "y", "width", "height"))
        assert x >= 0
        assert y >= 0
        assert max(x + width, y + height) <= SIDE
        for other_x, other_y, other_width, other_height in boxes[row["image"]]:
            assert (
                x >= other_x + other_width
                or other_x >= x + width
                or y >= other_y + other_height
                or other_y >= y + height
            )
        boxes[row["image"]].append((x, y, width, height))


def test_seed_decides(table, tmp_path):
    again = draw_phantoms(tmp_path / "again", patients=6, seed=1, side_px=SIDE)
    other = draw_phantoms(tmp_path / "other", patients=6, seed=2, side_px=SIDE)
    first = sorted((again.parent / "images").iterdir())[0]
    assert first.read_bytes() == (table.parent / "images" / first.name).read_bytes()
    assert first.read_bytes() != (other.parent / "images" / first.name).read_bytes()


def test_phantoms_of_another_seed_are_other_patients(tmp_path):
    patients = []
    for seed in (0, 1, 2):
        made = draw_phantoms(tmp_path / str(seed), patients=6, seed=seed, side_px=SIDE)
        with open(made, newline="", encoding="utf-8") as file:
            patients.append({row["patient_id"] for row in csv.DictReader(file)})
    assert sum(map(len, patients)) == len(set.union(*patients)) == 18


def test_thorax_looks_like_one():
    """Mean path lengths and shades where anatomy says what they must be."""
    thorax = draw_thorax(Anatomy.draw(np.random.default_rng(0)), 256)
    px = 256 / FIELD_MM
    lung, heart, spine, beside = (
        (slice(int(y * px), int((y + 12) * px)), slice(int((180 + x) * px), int((180 + x + 12) * px)))
        for x, y in ((-85, 180), (28, 235), (-6, 215), (-178, 2))
    )
    assert thorax.lung[lung].min() > 80
    assert thorax.lung[heart].mean() < thorax.lung[lung].mean() / 2
    assert thorax.water[heart].mean() > 1.3 * thorax.water[lung].mean()
    assert thorax.bone[spine].mean() > 2
    assert thorax.water[beside].max() == 0
    random = np.random.default_rng(0)
    shades = expose(thorax.water, thorax.bone, thorax.mm_per_px, Exposure.draw(random), random)
    assert shades[beside].mean() < shades[lung].mean() < shades[heart].mean()


def test_ribs_are_periodic_down_the_lung():
    """Between the ribs there is no bone; ten or so pairs cross a vertical line through the lung."""
    anatomy = Anatomy.draw(np.random.default_rng(3))
    thorax = draw_thorax(anatomy, 512)
    column = thorax.bone[:, int((180 - 60) * 512 / FIELD_MM)] > 0.8
    bars = int((np.diff(column.astype(int)) == 1).sum())
    assert 8 <= bars <= 24


def test_attenuation_follows_beer():
    """With no noise, blur, scatter or processing to speak of, shade is linear in path length times coefficient."""
    water = np.zeros((64, 64), np.float32)
    water[:32] = np.linspace(100, 300, 32)[:, None]
    bone = np.zeros_like(water)
    bone[20:32] = 30
    exposure = Exposure(quanta=1e12, scatter=0, blur_mm=1e-6, detail=0, gamma=1)
    shades = expose(water, bone, 1.0, exposure, np.random.default_rng(0)).astype(float)
    dense = WATER_PER_MM * water + BONE_PER_MM * bone
    inner = (shades > 0) & (shades < 255)
    slope, offset = np.polyfit(dense[inner], shades[inner], 1)
    assert slope > 0
    assert np.abs(shades[inner] - slope * dense[inner] - offset).max() < 6


def test_quantum_noise_grows_with_thickness():
    water = np.repeat(np.float32([[0, 120, 220]]), 128, axis=0).repeat(64, axis=1)
    exposure = Exposure(quanta=2e5, scatter=0, blur_mm=1e-6, detail=0, gamma=1)
    shades = expose(water, 0 * water, 0.5, exposure, np.random.default_rng(0)).astype(float)
    thin, thick = shades[20:-20, 74:118], shades[20:-20, 138:182]
    # the standard deviation of -log N is N^-1/2, N falling by exp(-0.0206 × 100)
    assert thick.std() / thin.std() == pytest.approx(np.exp(WATER_PER_MM * 100 / 2), rel=0.1)


@pytest.mark.parametrize("kind", DIAMETER_MM)
def test_small_opacities_have_the_diameter_of_their_kind(kind):
    """On a fine grid, the area of each isolated spot is that of a disc within the range of its kind."""
    spacing = 0.05 if kind != "r" else 0.2
    layer = small_opacities((800, 800), (0, 0, 800, 800), spacing, kind, np.random.default_rng(0))
    _, _, stats, _ = cv2.connectedComponentsWithStats((layer > 0).astype(np.uint8))
    diameters = 2 * np.sqrt(stats[1:, cv2.CC_STAT_AREA] / np.pi) * spacing
    low, high = DIAMETER_MM[kind]
    assert len(diameters) >= 4
    assert np.median(diameters) == pytest.approx((low + high) / 2, rel=0.5)
    assert diameters.min() > 0.9 * low


def test_large_opacity_is_longer_than_a_centimetre():
    layer = large_opacity((300, 300), (0, 0, 300, 300), 0.5, np.random.default_rng(0))
    rows, columns = np.nonzero(layer > 5)
    assert max(np.ptp(rows), np.ptp(columns)) * 0.5 > 10


def test_no_opacity_shows_outside_the_lungs(rows):
    assert {row["label"] for row in rows} == set(CLASSES)


@pytest.mark.parametrize(("patients", "side"), [(5, 512), (6, 100)])
def test_too_small(patients, side, tmp_path):
    with pytest.raises(DataError, match="at least 6 patients and 128 px are needed"):
        draw_phantoms(tmp_path / "x", patients=patients, side_px=side)


def test_existing_folder_is_refused(table):
    with pytest.raises(CwpError, match="exists already"):
        draw_phantoms(table.parent, patients=6)
