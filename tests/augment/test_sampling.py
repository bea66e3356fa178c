"""The sampler against scipy.ndimage and TensorFlow's own kernel; the elastic field against scipy's B-splines."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from scipy import interpolate, ndimage

from keras_cwp.augment.sampling import _spline_basis, sample, smooth_field, view_places

RNG = np.random.default_rng(1)
IMAGES = RNG.random((2, 13, 17, 2)).astype(np.float32)
X = RNG.uniform(-40, 55, (2, 9, 11)).astype(np.float32)
Y = RNG.uniform(-30, 42, (2, 9, 11)).astype(np.float32)
MATRICES = np.stack(
    [np.eye(3) + RNG.normal(0, 1, (3, 3)) * [[0.2, 0.2, 4], [0.2, 0.2, 4], [3e-3, 3e-3, 0]] for _ in "ab"]
)


def oracle(images: np.ndarray, x: np.ndarray, y: np.ndarray, mode: str, order: int) -> np.ndarray:
    out = np.empty((*x.shape, images.shape[3]))
    for b in range(len(images)):
        for c in range(images.shape[3]):
            out[b, ..., c] = ndimage.map_coordinates(
                images[b, ..., c].astype(float), [y[b], x[b]], order=order, mode=mode
            )
    return out


@pytest.mark.parametrize(("fill", "mode"), [("reflect", "reflect"), ("constant", "grid-constant")])
def test_bilinear_is_that_of_scipy_far_outside_too(fill: str, mode: str) -> None:
    np.testing.assert_allclose(sample(IMAGES, X, Y, fill), oracle(IMAGES, X, Y, mode, 1), atol=1e-4)


def test_nearest_is_that_of_scipy() -> None:
    ours = sample(IMAGES, X, Y, "reflect", "nearest")
    np.testing.assert_allclose(ours, oracle(IMAGES, X, Y, "reflect", 0), atol=1e-6)


def test_bicubic_is_exact_for_quadratics() -> None:
    y, x = np.mgrid[:20, :20].astype(np.float32)
    surface = 0.3 * x**2 - 0.2 * y**2 + 0.1 * x * y + x
    px, py = RNG.uniform(2, 17, (2, 1, 6, 6)).astype(np.float32)
    ours = sample(surface[None, ..., None], px, py, interpolation="bicubic")
    np.testing.assert_allclose(ours[..., 0], 0.3 * px**2 - 0.2 * py**2 + 0.1 * px * py + px, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear", "bicubic"])
def test_a_pixel_read_at_its_place_is_the_pixel(interpolation: str) -> None:
    y, x = np.mgrid[:13, :17].astype(np.float32)
    ours = sample(IMAGES, np.stack([x, x]), np.stack([y, y]), interpolation=interpolation)
    np.testing.assert_allclose(ours, IMAGES, atol=1e-6)


@pytest.mark.parametrize("fill", ["reflect", "constant"])
def test_projective_is_that_of_tensorflows_own_kernel(fill: str) -> None:
    theirs = tf.raw_ops.ImageProjectiveTransformV3(
        images=IMAGES,
        transforms=(MATRICES / MATRICES[:, 2:, 2:]).reshape(2, 9)[:, :8].astype(np.float32),
        output_shape=[12, 12],
        interpolation="BILINEAR",
        fill_mode=fill.upper(),
        fill_value=0.0,
    )
    ours = sample(IMAGES, *view_places(tf.constant(MATRICES, tf.float32), 12, 12), fill)
    np.testing.assert_allclose(ours, theirs, atol=1e-4)


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
def test_compiled_by_xla_it_is_the_same(interpolation: str) -> None:
    compiled = tf.function(lambda i, x, y: sample(i, x, y, "reflect", interpolation), jit_compile=True)
    np.testing.assert_allclose(compiled(IMAGES, X, Y), sample(IMAGES, X, Y, "reflect", interpolation), atol=1e-5)


def test_one_pixel_wide_is_no_special_case() -> None:
    ours = sample(np.full((1, 1, 1, 1), 0.7, np.float32), X[:1], Y[:1])
    np.testing.assert_allclose(ours, 0.7, rtol=1e-6)


def test_spline_basis_is_that_of_scipy() -> None:
    side, cells = 23, 4
    knots = np.arange(-3, cells + 4)
    places = (np.arange(side) + 0.5) / side * cells
    expected = interpolate.BSpline.design_matrix(places, knots, 3).toarray()
    np.testing.assert_allclose(_spline_basis(side, cells + 3), expected, atol=1e-12)


def test_smooth_field_has_unit_rms_on_average() -> None:
    control = tf.random.stateless_normal([400, 2, 8, 8], [1, 2])
    rms = np.sqrt(np.mean(np.square(smooth_field(control, 40))))
    assert rms == pytest.approx(1, abs=0.02)
