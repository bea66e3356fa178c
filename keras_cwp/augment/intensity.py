"""Intensity: what the beam, the detector and the processing change. Pure functions of images and factors.

Images are float32 [batch, height, width, 1], 0 to 1, bone bright. A pixel is taken as log-attenuation: exposure
then adds, and beam quality multiplies. Factors are [batch]. A neutral factor leaves an image as it is.
"""

from __future__ import annotations

import tensorflow as tf


def adjust_exposure_contrast(images: tf.Tensor, exposure: tf.Tensor, contrast: tf.Tensor) -> tf.Tensor:
    """Gain about the image's mean, then an offset; not clipped."""
    mean = tf.reduce_mean(images, axis=[1, 2, 3], keepdims=True)
    return images * each(contrast) + (mean * (1 - each(contrast)) + each(exposure))


def adjust_gamma(images: tf.Tensor, gamma: tf.Tensor) -> tf.Tensor:
    """x ** gamma, of the range [0, 1]."""
    return tf.pow(tf.clip_by_value(images, 0.0, 1.0), each(gamma))


def each(factor: tf.Tensor) -> tf.Tensor:
    """[batch] → [batch, 1, 1, 1]."""
    return factor[:, None, None, None]
