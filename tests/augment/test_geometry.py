"""Geometry against scipy.ndimage on the same places, against TensorFlow Addons, and by hand."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from scipy import ndimage

from keras_cwp.augment.apply import apply_geometry
from keras_cwp.augment.draw import draw_factors
from keras_cwp.augment.geometry import central_slice, matrices, motion_of, skipped_sigma
from keras_cwp.augment.policy import load_policy
from keras_cwp.augment.sampling import sample, smooth_field, view_places

SIDE, MARGIN = 40, 10


@pytest.fixture(scope="module")
def crops() -> np.ndarray:
    noise = np.random.default_rng(0).random((3, SIDE + 2 * MARGIN, SIDE + 2 * MARGIN, 1))
    return ndimage.gaussian_filter(noise, (0, 2, 2, 0)).astype(np.float32)


def draw_of(**factors: object) -> dict[str, tf.Tensor]:
    return {name: tf.constant(value, tf.float32) for name, value in factors.items()}


def view(crops: np.ndarray, **factors: object) -> np.ndarray:
    matrix = matrices(motion_of(draw_of(**factors), tf.constant(len(crops)), SIDE), MARGIN, keep=0)
    return sample(tf.constant(crops), *view_places(matrix, SIDE, SIDE)).numpy()


def test_without_a_draw_the_view_is_the_central_slice(crops: np.ndarray) -> None:
    np.testing.assert_allclose(view(crops), central_slice(crops, SIDE, MARGIN), atol=1e-5)


@pytest.mark.parametrize(
    ("factors", "expected"),
    [
        ({"flip_x": [1.0]}, lambda x: x[:, ::-1]),
        ({"flip_y": [1.0]}, lambda x: x[::-1]),
        ({"rotation_deg": [90.0]}, lambda x: np.rot90(x)),
        ({"rotation_deg": [90.0], "flip_x": [1.0]}, lambda x: np.rot90(x[:, ::-1])),
    ],
)
def test_right_angles_and_flips_move_pixels_as_numpy_does(crops, factors, expected) -> None:
    central = central_slice(crops[:1], SIDE, MARGIN)[0]
    np.testing.assert_allclose(view(crops[:1], **factors)[0], expected(central), atol=1e-4)


def test_a_shift_is_of_the_content_to_the_right_and_down(crops: np.ndarray) -> None:
    moved = view(crops[:1], shift=[[4 / SIDE, -2 / SIDE]])
    expected = crops[:1, MARGIN + 2 : MARGIN + 2 + SIDE, MARGIN - 4 : MARGIN - 4 + SIDE]
    np.testing.assert_allclose(moved, expected, atol=1e-5)


EVERYTHING = {
    "flip_x": [1, 0, 1],
    "rotation_deg": [10, -20, 170],
    "zoom": [1.1, 1.5, 1.2],
    "stretch": [1.2, 0.9, 1.1],
    "shear_deg": [[5, -3], [0, 6], [-4, 4]],
    "shift": [[0.1, -0.05], [0.05, 0.2], [-0.1, 0.02]],
    "perspective": [[0.1, -0.05], [0, 0.2], [-0.1, 0]],
}


def read_slowly(crop: np.ndarray, draw: dict[str, list], b: int, away: np.ndarray | None = None) -> np.ndarray:
    """One image, pixel by pixel, each step undone in turn, with scipy's interpolation."""
    f = {name: np.array(values[b], float) for name, values in draw.items()}
    centre = (SIDE - 1) / 2
    x, y = np.meshgrid(np.arange(SIDE) - centre, np.arange(SIDE) - centre)
    bent = 1 + f["perspective"][0] * x / (SIDE / 2) + f["perspective"][1] * y / (SIDE / 2)
    x, y = x - f["shift"][0] * SIDE, y - f["shift"][1] * SIDE
    t = np.deg2rad(f["rotation_deg"])
    x, y = np.cos(t) * x - np.sin(t) * y, np.sin(t) * x + np.cos(t) * y
    k, m = np.tan(np.deg2rad(f["shear_deg"]))
    x, y = (x - k * y) / (1 - k * m), (y - m * x) / (1 - k * m)
    x, y = x / (f["zoom"] * np.sqrt(f["stretch"])), y / (f["zoom"] / np.sqrt(f["stretch"]))
    if f["flip_x"]:
        x = -x
    x, y = x / bent + centre + MARGIN, y / bent + centre + MARGIN
    if away is not None:
        x, y = x + away[0], y + away[1]
    return ndimage.map_coordinates(crop[..., 0].astype(float), [y, x], order=1, mode="reflect")


def test_all_at_once_is_what_undoing_each_step_gives(crops: np.ndarray) -> None:
    ours = view(crops, **EVERYTHING)
    for b in range(len(crops)):
        np.testing.assert_allclose(ours[b, ..., 0], read_slowly(crops[b], EVERYTHING, b), atol=2e-4)


def test_elastic_displaces_the_same_grid(crops: np.ndarray) -> None:
    policy = load_policy({"operations": {"elastic": {"range": [0, 0.1]}}, "keep": 0})
    field = np.random.default_rng(2).normal(size=(3, 2, 6, 6)).astype(np.float32)
    draw = draw_of(**EVERYTHING, elastic=[0.01, 0.03, 0.0]) | {"elastic/field": tf.constant(field)}
    ours = apply_geometry(tf.constant(crops), draw, policy, SIDE, MARGIN).numpy()
    away = smooth_field(tf.constant(field), SIDE).numpy() * np.array([0.01, 0.03, 0])[:, None, None, None] * SIDE
    for b in range(len(crops)):
        np.testing.assert_allclose(ours[b, ..., 0], read_slowly(crops[b], EVERYTHING, b, away[b]), atol=2e-4)
    assert np.abs(away[1]).max() > 1


def test_within_the_margin_no_border_is_invented() -> None:
    """Every draw of paper and light reads inside the crop of a 25 % margin; strong's perspective may pass it."""
    side, margin = 64, 16
    for name in ("light", "paper"):
        policy = load_policy(name)
        draw = draw_factors(policy, 3000, tf.constant([1, 1], tf.int64))
        x, y = view_places(matrices(motion_of(draw, tf.constant(3000), side), margin, policy.keep), side, side)
        for place in (x, y):
            assert float(tf.reduce_min(place)) > -0.51
            assert float(tf.reduce_max(place)) < side + 2 * margin - 0.49


@pytest.mark.parametrize("margin", [0, 16])
def test_the_disc_of_the_roi_stays_in_view(margin: int) -> None:
    side, keep = 64, 0.8
    ranges = {"rotation_deg": [-180, 180], "zoom": [0.8, 1.25], "shift": [-0.5, 0.5], "flip_x": None}
    policy = load_policy({"operations": {name: {"range": r} if r else {} for name, r in ranges.items()}, "keep": keep})
    draw = draw_factors(policy, 2000, tf.constant([1, 2], tf.int64))
    forward = np.linalg.inv(matrices(motion_of(draw, tf.constant(2000), side), margin, keep).numpy())
    angle = np.linspace(0, 2 * np.pi, 64)
    radius = keep * side / 2
    circle = np.stack([np.cos(angle) * radius, np.sin(angle) * radius, np.zeros(64)]) + np.array(
        [[margin + (side - 1) / 2], [margin + (side - 1) / 2], [1]]
    )
    seen = (forward @ circle)[:, :2]
    assert seen.min() > -0.52
    assert seen.max() < side - 0.48


def test_a_shift_that_fits_is_not_reduced() -> None:
    draw = draw_of(shift=[[0.1, -0.05]])
    matrix = matrices(motion_of(draw, tf.constant(1), 100), 25, keep=0.8).numpy()
    np.testing.assert_allclose(matrix[0], [[1, 0, 15], [0, 1, 30], [0, 0, 1]], atol=1e-4)


def test_one_resampling_keeps_more_detail_than_a_chain(crops: np.ndarray) -> None:
    """Gradient energy of one resampling against rotation, zoom and shift one after the other."""
    noise = np.random.default_rng(3).random(crops.shape).astype(np.float32)
    at_once = view(noise, rotation_deg=[10.0] * 3, zoom=[1.1] * 3, shift=[[0.03, 0.02]] * 3)
    chain = noise
    for factors in ({"rotation_deg": [10.0] * 3}, {"zoom": [1.1] * 3}, {"shift": [[0.03, 0.02]] * 3}):
        matrix = matrices(motion_of(draw_of(**factors), tf.constant(3), noise.shape[1]), 0, keep=0)
        chain = sample(tf.constant(chain), *view_places(matrix, noise.shape[1], noise.shape[1])).numpy()
    chain = central_slice(chain, SIDE, MARGIN)
    energy = [np.mean(np.diff(images, axis=1) ** 2) for images in (at_once, np.asarray(chain))]
    assert energy[0] > 1.5 * energy[1]


def test_antialiasing_takes_out_what_a_smaller_view_cannot_show() -> None:
    """A pattern of two pixels' period, shrunk by 2.2: moiré without, grey with; a broad pattern stays."""
    stripes = np.tile((np.arange(120) % 2).astype(np.float32), (120, 1))[None, ..., None]
    broad = 0.5 + 0.4 * np.sin(np.tile(np.arange(120) / 10, (120, 1))).astype(np.float32)[None, ..., None]
    draw = draw_of(zoom=[1 / 2.2])
    left = {}
    for antialias in (False, True):
        policy = load_policy({"operations": {"zoom": {"range": [0.4, 1]}}, "antialias": antialias})
        left[antialias] = [apply_geometry(tf.constant(x), draw, policy, 48, 36).numpy().std() for x in (stripes, broad)]
    assert left[True][0] < 0.1 * left[False][0]
    assert left[True][1] > 0.95 * left[False][1]


def test_antialiasing_leaves_what_is_magnified() -> None:
    matrix = matrices(motion_of(draw_of(zoom=[1.0, 1.3, 0.5], rotation_deg=[30.0] * 3), tf.constant(3), SIDE), MARGIN)
    np.testing.assert_allclose(skipped_sigma(matrix), [0, 0, np.sqrt(3) / 2], atol=2e-3)
