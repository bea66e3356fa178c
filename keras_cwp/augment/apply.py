"""The application: from images and a draw to pixels, in the order of the physics. No randomness."""

from __future__ import annotations

import tensorflow as tf

from keras_cwp.augment import intensity, mixing
from keras_cwp.augment.draw import Draw
from keras_cwp.augment.geometry import central_slice, matrices, skipped_sigma
from keras_cwp.augment.operations import OPERATIONS
from keras_cwp.augment.policy import Policy
from keras_cwp.augment.sampling import sample, smooth_field, view_places

# Radius that holds the widest focal spot of the table, in pixels: two sigma and a half.
_BLUR_RADIUS_PX = 5
# The same for antialiasing of a fourfold shrink, the table's widest: sigma 1.9.
_ANTIALIAS_RADIUS_PX = 5


def apply_draw(crops: tf.Tensor, draw: Draw, policy: Policy, side_px: int, margin_px: int) -> tf.Tensor:
    """Crops float [batch, side + 2 margin, …, 1] → views float32 [batch, side, side, 1], clipped to [0, 1]."""
    if not draw:
        return central_slice(tf.cast(crops, tf.float32), side_px, margin_px)
    views = apply_geometry(tf.cast(crops, tf.float32), draw, policy, side_px, margin_px)
    return tf.clip_by_value(hide(process(acquire(views, draw), draw), draw), 0.0, 1.0)


def apply_geometry(
    crops: tf.Tensor,
    draw: Draw,
    policy: Policy,
    side_px: int,
    margin_px: int,
    interpolation: str | None = None,
    fill: str | None = None,
) -> tf.Tensor:
    """The geometric part: one resampling. For masks: `interpolation="nearest", fill="constant"`."""
    if not any(OPERATIONS[name].stage == "geometry" for name in draw if name in OPERATIONS):
        return central_slice(crops, side_px, margin_px)
    matrix = matrices(draw, tf.shape(crops)[0], side_px, margin_px, policy.keep)
    if policy.antialias:
        crops = intensity.gaussian_blur(crops, skipped_sigma(matrix), _ANTIALIAS_RADIUS_PX)
    x, y = view_places(matrix, side_px, side_px)
    if "elastic" in draw:
        away = smooth_field(draw["elastic/field"], side_px) * (draw["elastic"] * side_px)[:, None, None, None]
        x, y = x + away[:, 0], y + away[:, 1]
    return sample(crops, x, y, fill or policy.fill, interpolation or policy.interpolation)


def acquire(images: tf.Tensor, draw: Draw) -> tf.Tensor:
    """What happens on the way to the detector: scatter, uneven beam, focal spot, noise."""
    if "scatter" in draw:
        images = intensity.scatter_beam(images, draw["scatter"])
    if "shading" in draw:
        images = intensity.shade(images, draw["shading"], draw["shading/field"])
    if "blur_px" in draw:
        images = intensity.gaussian_blur(images, draw["blur_px"], _BLUR_RADIUS_PX)
    if "noise/field" in draw:
        none = tf.zeros(tf.shape(images)[:1])
        quantum, electronic = draw.get("quantum_noise", none), draw.get("electronic_noise", none)
        normal = intensity.normal_of_bits(draw["noise/field"], int(images.shape[2]))
        images = intensity.add_noise(images, quantum, electronic, normal)
    return images


def process(images: tf.Tensor, draw: Draw) -> tf.Tensor:
    """What the console makes of it: sharpening, local contrast, exposure and contrast, window, gamma."""
    if "sharpness" in draw:
        images = intensity.sharpen(images, draw["sharpness"])
    if "local_contrast" in draw:
        images = intensity.adjust_local_contrast(images, draw["local_contrast"])
    if "exposure" in draw or "contrast" in draw:
        one = tf.ones(tf.shape(images)[:1])
        exposure, contrast = draw.get("exposure", 0 * one), draw.get("contrast", one)
        images = intensity.adjust_exposure_contrast(images, exposure, contrast)
    if "window" in draw:
        images = intensity.adjust_window(images, draw["window"])
    if "gamma" in draw:
        images = intensity.adjust_gamma(images, draw["gamma"])
    return images


def hide(images: tf.Tensor, draw: Draw) -> tf.Tensor:
    """Parts are covered, so that no single spot decides."""
    if "erase" in draw:
        images = mixing.erase_rectangle(images, draw["erase"], draw["erase/field"])
    if "grid_mask" in draw:
        images = mixing.mask_grid(images, draw["grid_mask"], draw["grid_mask/field"])
    return images
