"""TensorFlow Addons' numbers, as it gave them under TensorFlow 2.15 (shared/golden/tensorflow_addons_0.23.npz)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from keras_cwp.augment import addons


@pytest.fixture(scope="module")
def golden(shared: Path) -> dict[str, np.ndarray]:
    with np.load(shared / "golden" / "tensorflow_addons_0.23.npz", allow_pickle=False) as file:
        return dict(file)


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        ("rotate_bilinear_constant0", lambda g: addons.rotate(g["images"], g["angles_rad"])),
        ("translate_bilinear_constant0", lambda g: addons.translate(g["images"], g["translations_xy"])),
        ("transform_bilinear_constant0", lambda g: addons.transform(g["images"], g["projective"])),
        ("transform_bilinear_reflect", lambda g: addons.transform(g["images"], g["projective"], "reflect")),
        ("dense_image_warp", lambda g: addons.dense_image_warp(g["images"], g["flow_yx"])),
        ("cutout_24x24", lambda g: addons.cutout(g["images"], 24, g["cutout_offset_yx"])),
        ("gaussian_filter2d_5_s1p2", lambda g: addons.gaussian_filter2d(g["images"], 5, 1.2)),
    ],
)
def test_float_operations_agree_everywhere_borders_included(golden, name, ours) -> None:
    np.testing.assert_allclose(ours(golden), golden[name], atol=1e-4)


@pytest.mark.parametrize(
    ("name", "channels", "ours"),
    [("equalize_uint8", 1, addons.equalize), ("sharpness_0p4", 3, lambda levels: addons.sharpness(levels, 0.4))],
)
def test_whole_number_operations_agree_to_a_level(golden, name, channels, ours) -> None:
    levels = np.repeat(np.round(golden["images"] * 255).astype(np.uint8), channels, axis=3)
    result = ours(tf.constant(levels))
    assert result.dtype == tf.uint8
    assert np.abs(result.numpy().astype(int) - golden[name].astype(int)).max() <= 1


def test_equalize_leaves_what_has_one_level() -> None:
    flat = np.full((2, 5, 5, 1), 77, np.uint8)
    np.testing.assert_array_equal(addons.equalize(tf.constant(flat)), flat)
