"""The crop inside the graph against data/crops.crop_roi, on noise, on real radiographs, and off every edge."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from keras_cwp.data.annotations.read import read_rois
from keras_cwp.data.annotations.roi import Roi
from keras_cwp.data.crops import crop_roi
from keras_cwp.data.plan import place_box
from keras_cwp.data.radiographs.radiograph import Header, read_radiograph
from keras_cwp.serving.decode import OK
from keras_cwp.serving.resample import BAD_BOX, Geometry, crop_box

BOXES = {
    "small, enlarged": (40.0, 30.0, 20.0, 20.0),
    "whole": (0.0, 0.0, 170.0, 120.0),
    "wide at the upper left corner": (0.0, 0.0, 60.0, 20.0),
    "tall at the lower right corner": (150.0, 20.0, 20.0, 100.0),
    "fractions": (33.25, 17.5, 41.3, 55.9),
    "one pixel": (169.0, 119.0, 1.0, 1.0),
}


def in_graph(image: np.ndarray, box: tuple[float, ...], geometry: Geometry, side: float | None = None) -> np.ndarray:
    pixels, status = crop_box(tf.constant(image), tf.constant(box, tf.float32), geometry, side)
    assert status == OK
    return pixels[..., 0].numpy()


def in_training(image: np.ndarray, box: tuple[float, ...], geometry: Geometry, side: float | None = None) -> np.ndarray:
    size, margin, cut = geometry.image_size, geometry.margin, geometry.margin - geometry.kept
    box = tuple(np.float32(box).tolist())  # what a request can say
    crop = crop_roi(image, box, size, margin, geometry.square, side)  # type: ignore[arg-type]
    return crop[cut : len(crop) - cut, cut : len(crop) - cut]


@pytest.mark.parametrize("square", ["pad", "stretch"])
@pytest.mark.parametrize("margin", [0, 12])
@pytest.mark.parametrize("box", BOXES.values(), ids=BOXES.keys())
def test_graph_and_training_crop_the_same_pixels(box: tuple[float, ...], margin: int, square: str) -> None:
    image = np.random.default_rng(0).uniform(size=(120, 170)).astype(np.float32)
    geometry = Geometry(48, margin, square)
    np.testing.assert_allclose(in_graph(image, box, geometry), in_training(image, box, geometry), atol=1e-6)


@pytest.mark.parametrize("box", BOXES.values(), ids=BOXES.keys())
def test_the_context_is_the_same_where_it_is_kept(box: tuple[float, ...]) -> None:
    image = np.random.default_rng(2).uniform(size=(120, 170)).astype(np.float32)
    geometry = Geometry(48, 12, "pad", kept=12)
    assert geometry.side == 72
    np.testing.assert_allclose(in_graph(image, box, geometry), in_training(image, box, geometry), atol=1e-6)


ON_GRID = {  # boxes whose crop of 48 pixels has the image's own pixels
    "within": (40.0, 30.0, 48.0, 48.0),
    "upper left corner": (0.0, 0.0, 48.0, 48.0),
    "lower right corner": (122.0, 72.0, 48.0, 48.0),
    "padded by a whole number": (50.0, 40.0, 48.0, 30.0),
    "padded beyond the edge": (0.0, 50.0, 20.0, 48.0),
    "half a pixel off": (50.0, 40.0, 48.0, 31.0),
    "a fraction off": (50.25, 40.0, 48.0, 48.0),
    "one pixel larger": (50.0, 40.0, 49.0, 49.0),
}


@pytest.mark.parametrize("kept", [0, 5, 12])
@pytest.mark.parametrize("box", ON_GRID.values(), ids=ON_GRID.keys())
def test_pixels_on_the_image_s_own_grid_are_the_filter_s(box: tuple[float, ...], kept: int) -> None:
    image = np.random.default_rng(3).uniform(size=(120, 170)).astype(np.float32)
    for given in (image, image[:60, :55]):
        placed = (min(box[0], 6.0), min(box[1], 11.0), *box[2:]) if given is not image else box
        geometry = Geometry(48, 12, "pad", kept=kept)
        np.testing.assert_allclose(in_graph(given, placed, geometry), in_training(given, placed, geometry), atol=1e-6)


def test_a_crop_of_the_network_s_own_size_is_not_changed() -> None:
    image = np.random.default_rng(4).uniform(size=(48, 48)).astype(np.float32)
    np.testing.assert_array_equal(in_graph(image, (0.0, 0.0, 48.0, 48.0), Geometry(48, 12, "pad")), image)
    mirrored = np.pad(image, 12, mode="reflect")
    np.testing.assert_array_equal(in_graph(image, (0.0, 0.0, 48.0, 48.0), Geometry(48, 12, "pad", kept=12)), mirrored)


@pytest.mark.parametrize("side", [20.0, 300.0])
def test_a_given_field_of_view_replaces_the_size_of_the_box(side: float) -> None:
    image = np.random.default_rng(1).uniform(size=(120, 170)).astype(np.float32)
    geometry, box = Geometry(48, 12, "pad"), (60.0, 40.0, 30.0, 30.0)
    np.testing.assert_allclose(in_graph(image, box, geometry, side), in_training(image, box, geometry, side), atol=1e-6)


def test_real_boxes_of_real_radiographs(shared: Path) -> None:
    rois = read_rois(shared / "data/cwp_sim/rois.csv", shared / "data/cwp_sim/images")[:12]
    geometry = Geometry(224, 56, "pad")
    for roi in rois:
        image = read_radiograph(roi.path).to_unit()
        assert roi.box is not None
        expected = in_training(image, roi.box, geometry)
        np.testing.assert_allclose(in_graph(image, roi.box, geometry), expected, atol=1e-6)


def test_a_box_that_leaves_the_image_is_cut_off_as_prepare_does() -> None:
    image = np.random.default_rng(2).uniform(size=(120, 170)).astype(np.float32)
    box, where = (-10.0, 100.0, 50.0, 40.0), "rois.csv, line 2"
    roi = Roi(image="a.png", path=Path("a.png"), patient_id="p", label="x", box=box, roi_id="1", where=where)
    clipped, _ = place_box(roi, Header(width=170, height=120, bits=8))
    geometry = Geometry(48, 12, "pad")
    np.testing.assert_allclose(in_graph(image, box, geometry), in_training(image, clipped, geometry), atol=1e-6)


@pytest.mark.parametrize(
    "box",
    [(10.0, 10.0, 0.0, 5.0), (-5.0, 0.0, 5.0, 5.0), (20.0, 0.0, 1.0, 5.0), (0.0, 0.0, float("nan"), 5.0)],
    ids=["no area", "left of the image", "right of the image", "no number"],
)
def test_a_box_that_cannot_be_cropped_has_a_status_and_a_blank_crop(box: tuple[float, ...]) -> None:
    pixels, status = crop_box(tf.ones([20, 20]), tf.constant(box), Geometry(8, 0, "pad"))
    assert status == BAD_BOX
    assert pixels.shape == (8, 8, 1)
    assert not pixels.numpy().any()
