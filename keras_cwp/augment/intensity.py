"""Intensity: what the beam, the detector and the processing change. Pure functions of images and factors.

Images are float32 [batch, height, width, 1], 0 to 1, bone bright. A pixel is taken as log-attenuation:
exposure then adds, beam quality multiplies, and the beam behind the patient is exp(−RANGE_NATS × pixel).
Factors are [batch]; a neutral factor leaves an image as it is. Results are not clipped unless it says so.
"""

from __future__ import annotations

import math

import numpy as np
import tensorflow as tf

from keras_cwp.augment.sampling import smooth_field

# Attenuation from the darkest to the brightest pixel: the exit beam of a chest varies about twentyfold.
RANGE_NATS = math.log(20)
# Cells of the grid of local means, on a side; CLAHE's customary tiling. Zuiderveld, Graphics Gems IV (1994) 474.
LOCAL_CELLS = 8
# The same for scatter, which spreads over centimetres: as wide as an ROI.
SCATTER_CELLS = 3
# The most that local contrast multiplies: CLAHE's limit, so that flat regions do not become noise.
LOCAL_GAIN_LIMIT = 3.0
# Radius that holds the widest focal spot of the table: two sigma and a half.
FOCAL_SPOT_RADIUS_PX = 5
# Unsharp mask: sigma in pixels and the radius that holds 99 % of it.
SHARPNESS_SIGMA_PX, SHARPNESS_RADIUS_PX = 1.0, 3


def scatter_beam(images: tf.Tensor, share: tf.Tensor) -> tf.Tensor:
    """A share of the exit beam arrives spread out: local contrast falls, most behind dense tissue."""
    beam = tf.exp(-RANGE_NATS * images)
    mixed = beam + each(share) * (local_mean(beam, SCATTER_CELLS) - beam)
    return -tf.math.log(mixed) / RANGE_NATS


def shade(images: tf.Tensor, rms: tf.Tensor, control: tf.Tensor) -> tf.Tensor:
    """A smooth field (heel effect, off-centre grid) is added. control: [batch, points, points]."""
    field = smooth_field(control, int(images.shape[1]))
    return images + each(rms) * field[..., None]


def add_noise(images: tf.Tensor, quantum: tf.Tensor, electronic: tf.Tensor, normal: tf.Tensor) -> tf.Tensor:
    """Photon and read-out noise of the log signal, normal as both are beyond some twenty photons a pixel.

    With N photons in the open beam, n = N·exp(−RANGE·x) arrive: the log's variance is 1/n of the photons
    and (electronic·N/n)² of the read-out; dense tissue is noisiest.

    Args:
        quantum: 1/sqrt(N).
        electronic: rms, share of the open beam's signal.
        normal: standard normal, like images.
    """
    attenuation = tf.exp(RANGE_NATS * tf.clip_by_value(images, 0.0, 1.0))
    variance = tf.square(each(quantum)) * attenuation + tf.square(each(electronic) * attenuation)
    return images + normal * (tf.sqrt(variance) / RANGE_NATS)


def add_noise_of_bits(images: tf.Tensor, quantum: tf.Tensor, electronic: tf.Tensor, bits: tf.Tensor) -> tf.Tensor:
    """`add_noise` with the normal numbers that `normal_of_bits` makes."""
    return add_noise(images, quantum, electronic, normal_of_bits(bits, int(images.shape[2])))


def normal_of_bits(bits: tf.Tensor, width_px: int) -> tf.Tensor:
    """Two normal numbers from each random int32: half the generator's work, which dominates noise on a CPU.

    Args:
        bits: int32 [batch, height, ceil(width / 2), 1], uniform over all values.

    Returns:
        float32 [batch, height, width, 1]: quantiles of 2^16 levels, within ± 4.2.
    """
    low = tf.bitwise.right_shift(tf.bitwise.left_shift(bits, 16), 16)
    halves = tf.concat([tf.bitwise.right_shift(bits, 16), low], axis=2)[:, :, :width_px]
    return tf.math.ndtri((tf.cast(halves, tf.float32) + 2**15 + 0.5) / 2**16)


def gaussian_blur(images: tf.Tensor, sigma_px: tf.Tensor, radius_px: int) -> tf.Tensor:
    """Separable Gaussian of 2·radius + 1 taps; the border is mirrored about its pixel (d c b | a b c d)."""
    distance = tf.range(radius_px + 1, dtype=tf.float32)
    spread = tf.maximum(sigma_px, 1e-3)[:, None]  # 0 would divide by 0; 0.001 leaves the centre alone
    kernel = tf.exp(-0.5 * tf.square(distance / spread))
    kernel /= 2 * tf.reduce_sum(kernel, axis=1, keepdims=True) - 1
    height, width, radius = images.shape[1], images.shape[2], radius_px
    padded = tf.pad(images, [[0, 0], [radius, radius], [radius, radius], [0, 0]], "REFLECT")
    taps = [each(kernel[:, abs(k)]) * padded[:, radius + k : radius + k + height] for k in range(-radius, radius + 1)]
    down = tf.add_n(taps)
    taps = [each(kernel[:, abs(k)]) * down[:, :, radius + k : radius + k + width] for k in range(-radius, radius + 1)]
    return tf.add_n(taps)


def blur_focal_spot(images: tf.Tensor, sigma_px: tf.Tensor) -> tf.Tensor:
    """Gaussian blur for the table's range of sigma."""
    return gaussian_blur(images, sigma_px, FOCAL_SPOT_RADIUS_PX)


def sharpen(images: tf.Tensor, amount: tf.Tensor) -> tf.Tensor:
    """Unsharp mask; −1 is the blurred image, 0 the image."""
    sigma = tf.fill(tf.shape(amount), SHARPNESS_SIGMA_PX)
    return images + each(amount) * (images - gaussian_blur(images, sigma, SHARPNESS_RADIUS_PX))


def adjust_local_contrast(images: tf.Tensor, amount: tf.Tensor) -> tf.Tensor:
    """Towards equal mean and spread everywhere, the gain limited: what CLAHE does, without histograms.

    At 1 the local mean is halfway to the global one and the local spread is the global one; below 0
    local contrast is taken away.
    """
    mean, spread = _moments(images)
    local = local_mean(images, LOCAL_CELLS)
    local_spread = tf.sqrt(tf.nn.relu(local_mean(tf.square(images), LOCAL_CELLS) - tf.square(local)) + 1e-6)
    gain = tf.clip_by_value(spread / local_spread, 1 / LOCAL_GAIN_LIMIT, LOCAL_GAIN_LIMIT)
    equalised = (local + mean) / 2 + gain * (images - local)
    return images + each(amount) * (equalised - images)


def adjust_exposure_contrast(images: tf.Tensor, exposure: tf.Tensor, contrast: tf.Tensor) -> tf.Tensor:
    """Gain about the image's mean, then an offset."""
    mean = tf.reduce_mean(images, axis=[1, 2, 3], keepdims=True)
    return images * each(contrast) + (mean * (1 - each(contrast)) + each(exposure))


def adjust_window(images: tf.Tensor, ends: tf.Tensor) -> tf.Tensor:
    """The display window's low and high end move by ends [batch, 2] from 0 and 1."""
    low, high = each(ends[:, 0]), 1 + each(ends[:, 1])
    return (images - low) / (high - low)


def adjust_gamma(images: tf.Tensor, gamma: tf.Tensor) -> tf.Tensor:
    """clip(x, 0, 1) ** gamma."""
    # exp of log: a third of tf.pow's time on a CPU. The floor keeps 0 below 1e-6 for the table's gammas.
    return tf.exp(each(gamma) * tf.math.log(tf.clip_by_value(images, 1e-30, 1.0)))


def local_mean(images: tf.Tensor, cells: int) -> tf.Tensor:
    """Triangle-weighted means at the nodes of a grid, interpolated: two thin matrix products a side."""
    hats = _hats(int(images.shape[1]), cells)
    wide = tf.constant(hats, tf.float32)
    thin = tf.constant((hats / hats.sum(axis=0)).T, tf.float32)
    means = tf.einsum("pi,bijc,qj->bpqc", thin, images, thin)
    return tf.einsum("ip,bpqc,jq->bijc", wide, means, wide)


def each(factor: tf.Tensor) -> tf.Tensor:
    """[batch] → [batch, 1, 1, 1]."""
    return factor[:, None, None, None]


def _moments(images: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    mean = tf.reduce_mean(images, axis=[1, 2, 3], keepdims=True)
    square = tf.reduce_mean(tf.square(images), axis=[1, 2, 3], keepdims=True)
    return mean, tf.sqrt(tf.nn.relu(square - tf.square(mean)) + 1e-6)


def _hats(side_px: int, cells: int) -> np.ndarray:
    """Hat functions of linear interpolation between cells + 1 nodes: [side, nodes]; a row sums to 1."""
    place = (np.arange(side_px) + 0.5) / side_px * cells
    return np.maximum(0, 1 - np.abs(place[:, None] - np.arange(cells + 1)))
