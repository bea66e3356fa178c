"""Intensity: neutral factors, hand-made figures, scipy and NumPy as oracles, and the physics that is claimed."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from scipy import ndimage, stats

from keras_cwp.augment import intensity
from keras_cwp.augment.intensity import RANGE_NATS

RNG = np.random.default_rng(0)
IMAGES = ndimage.gaussian_filter(RNG.random((3, 48, 48, 1)), (0, 3, 3, 0)).astype(np.float32)
IMAGES = (IMAGES - IMAGES.min()) / (IMAGES.max() - IMAGES.min())
ZERO, ONE = tf.zeros([3]), tf.ones([3])
NORMAL = tf.random.stateless_normal([3, 48, 48, 1], [1, 2])
FIELD = tf.random.stateless_normal([3, 5, 5], [1, 3])


@pytest.mark.parametrize(
    "unchanged",
    [
        lambda x: intensity.scatter_beam(x, ZERO),
        lambda x: intensity.shade(x, ZERO, FIELD),
        lambda x: intensity.gaussian_blur(x, ZERO, 3),
        lambda x: intensity.add_noise(x, ZERO, ZERO, NORMAL),
        lambda x: intensity.sharpen(x, ZERO),
        lambda x: intensity.adjust_local_contrast(x, ZERO),
        lambda x: intensity.adjust_exposure_contrast(x, ZERO, ONE),
        lambda x: intensity.adjust_window(x, tf.zeros([3, 2])),
        lambda x: intensity.adjust_gamma(x, ONE),
    ],
)
def test_a_neutral_factor_leaves_the_image(unchanged) -> None:
    np.testing.assert_allclose(unchanged(tf.constant(IMAGES)), IMAGES, atol=2e-6)


def test_each_image_has_its_own_factor() -> None:
    factors = tf.constant([0.5, 1.0, 2.0])
    together = intensity.adjust_gamma(IMAGES, factors)
    for b in range(3):
        np.testing.assert_allclose(together[b], IMAGES[b] ** factors[b], atol=1e-5)


def test_gamma_keeps_black_and_white_for_every_exponent_of_the_table() -> None:
    ends = np.tile([[[[0.0], [1.0]]]], (2, 1, 1, 1)).astype(np.float32)
    np.testing.assert_allclose(intensity.adjust_gamma(ends, tf.constant([0.2, 5.0])), ends, atol=2e-6)


def test_contrast_turns_about_the_mean_and_exposure_adds() -> None:
    image = np.array([0.2, 0.4, 0.6, 0.8], np.float32).reshape(1, 2, 2, 1)
    ours = intensity.adjust_exposure_contrast(image, tf.constant([0.05]), tf.constant([2.0]))
    np.testing.assert_allclose(np.ravel(ours), [-0.05, 0.35, 0.75, 1.15], atol=1e-6)


def test_window_moves_the_ends() -> None:
    image = np.array([0.1, 0.5, 0.9], np.float32).reshape(1, 1, 3, 1)
    ours = intensity.adjust_window(image, tf.constant([[0.1, -0.1]]))
    np.testing.assert_allclose(np.ravel(ours), [0, 0.5, 1], atol=1e-6)


@pytest.mark.parametrize("sigma", [0.4, 1.0, 1.7])
def test_blur_is_that_of_scipy(sigma: float) -> None:
    ours = intensity.gaussian_blur(IMAGES, tf.fill([3], sigma), 5)
    theirs = ndimage.gaussian_filter(IMAGES, (0, sigma, sigma, 0), mode="mirror", radius=(0, 5, 5, 0))
    np.testing.assert_allclose(ours, theirs, atol=1e-6)


def test_sharpness_minus_one_blurs_and_plus_one_mirrors_that() -> None:
    blurred = intensity.sharpen(IMAGES, tf.fill([3], -1.0)).numpy()
    np.testing.assert_allclose(
        blurred, ndimage.gaussian_filter(IMAGES, (0, 1, 1, 0), mode="mirror", radius=(0, 3, 3, 0)), atol=1e-6
    )
    np.testing.assert_allclose(intensity.sharpen(IMAGES, ONE), 2 * IMAGES - blurred, atol=1e-5)


@pytest.mark.parametrize("level", [0.1, 0.5, 0.9])
def test_quantum_noise_is_that_of_counted_photons(level: float) -> None:
    photons = 2000
    flat = np.full((1, 200, 200, 1), level, np.float32)
    ours = intensity.add_noise(
        flat, tf.constant([photons**-0.5]), tf.zeros([1]), tf.random.stateless_normal(flat.shape, [4, 5])
    ).numpy()
    counted = RNG.poisson(photons * np.exp(-RANGE_NATS * flat))
    theirs = -np.log(counted / photons) / RANGE_NATS
    assert ours.std() == pytest.approx(theirs.std(), rel=0.03)
    assert ours.mean() == pytest.approx(theirs.mean(), abs=3e-3)


def test_electronic_noise_grows_as_the_beam_fades() -> None:
    flat = np.full((2, 200, 200, 1), [[[[0.2]]], [[[0.8]]]], np.float32)
    noisy = intensity.add_noise(flat, tf.zeros([2]), tf.fill([2], 0.01), tf.random.stateless_normal(flat.shape, [4, 6]))
    spread = np.std(noisy, axis=(1, 2, 3))
    np.testing.assert_allclose(spread, 0.01 * np.exp(RANGE_NATS * np.array([0.2, 0.8])) / RANGE_NATS, rtol=0.03)


@pytest.mark.parametrize("width", [63, 64])
def test_bits_become_independent_normal_numbers(width: int) -> None:
    bits = tf.random.stateless_uniform([4, 300, (width + 1) // 2, 1], [7, 8], None, None, tf.int32)
    normal = intensity.normal_of_bits(bits, width).numpy()
    assert normal.shape == (4, 300, width, 1)
    assert stats.kstest(normal.ravel(), "norm").pvalue > 1e-4
    halves = normal[:, :, : width // 2].ravel(), normal[:, :, (width + 1) // 2 :].ravel()
    assert abs(np.corrcoef(*halves)[0, 1]) < 5 / np.sqrt(len(halves[0]))


def test_every_bit_pattern_is_finite_and_half_are_negative() -> None:
    levels = np.arange(-(2**15), 2**15, dtype=np.int32).reshape(1, 256, 256, 1) << 16
    normal = intensity.normal_of_bits(tf.constant(levels), 256).numpy()
    assert np.isfinite(normal).all()
    np.testing.assert_allclose(np.sort(normal.ravel()), stats.norm.ppf((np.arange(2**16) + 0.5) / 2**16), atol=1e-3)


def test_scatter_lowers_contrast_where_tissue_is_dense_and_keeps_the_range() -> None:
    image = np.full((1, 48, 48, 1), 0.1, np.float32)
    image[:, 16:32, 16:32] = 0.9
    scattered = intensity.scatter_beam(image, tf.constant([0.4])).numpy()
    assert scattered.min() >= 0
    assert scattered.max() <= 0.9 + 1e-6
    fall_dense, rise_thin = image[0, 24, 24, 0] - scattered[0, 24, 24, 0], scattered[0, 2, 2, 0] - image[0, 2, 2, 0]
    assert fall_dense > 0.1
    assert fall_dense > 5 * abs(rise_thin)


def test_local_mean_keeps_constants_and_follows_slopes() -> None:
    flat = np.full((1, 40, 40, 1), 0.37, np.float32)
    np.testing.assert_allclose(intensity.local_mean(flat, 8), flat, atol=1e-6)
    slope = np.tile(np.linspace(0, 1, 64, dtype=np.float32)[None, None, :, None], (1, 64, 1, 1))
    inside = intensity.local_mean(slope, 8)[:, :, 8:56]
    np.testing.assert_allclose(inside, slope[:, :, 8:56], atol=0.01)


def test_local_contrast_evens_out_what_clahe_would() -> None:
    """A faint texture left, a strong one right: the ratio of their spreads falls, and rises when taken away."""
    texture = RNG.normal(0, 1, (1, 64, 64, 1)).astype(np.float32)
    strength = np.where(np.arange(64) < 32, 0.02, 0.08).astype(np.float32)[None, None, :, None]
    image = 0.5 + texture * strength

    def ratio(images: np.ndarray) -> float:
        return np.std(images[:, :, 40:]) / np.std(images[:, :, :24])

    more = intensity.adjust_local_contrast(image, tf.constant([1.0])).numpy()
    less = intensity.adjust_local_contrast(image, tf.constant([-0.5])).numpy()
    assert ratio(more) < 0.6 * ratio(image)
    assert ratio(less) > ratio(image)


def test_shading_is_smooth_and_of_the_drawn_rms() -> None:
    flat = np.full((200, 48, 48, 1), 0.5, np.float32)
    control = tf.random.stateless_normal([200, 5, 5], [3, 4])
    shaded = intensity.shade(flat, tf.fill([200], 0.1), control).numpy() - flat
    assert np.sqrt(np.mean(shaded**2)) == pytest.approx(0.1, rel=0.05)
    assert np.abs(np.diff(shaded, axis=1)).max() < 0.03
