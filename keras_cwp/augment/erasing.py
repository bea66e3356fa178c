"""Erasing: parts of an image are covered, so that no single spot decides. Pure functions of images and factors."""

from __future__ import annotations

import tensorflow as tf

from keras_cwp.augment.intensity import each

# A rectangle's width over its height is drawn log-uniformly between 1/3 and 3. Zhong et al., arXiv 1708.04896.
_ASPECT = 3.0
# The grid mask's pitch is drawn between these shares of the side. Chen et al., arXiv 2001.04086.
_PITCH = (1 / 8, 1 / 3)


def erase_rectangle(images: tf.Tensor, area: tf.Tensor, place: tf.Tensor) -> tf.Tensor:
    """A rectangle becomes the image's mean. area: [batch], share of the image; place: [batch, 3], 0 to 1."""
    aspect = tf.sqrt(_ASPECT ** (2 * place[:, 2] - 1))
    width, height = tf.sqrt(area) * aspect, tf.sqrt(area) / aspect
    inside = rectangle(images, place[:, :2], width, height)
    return tf.where(inside, tf.reduce_mean(images, axis=[1, 2, 3], keepdims=True), images)


def mask_grid(images: tf.Tensor, ratio: tf.Tensor, place: tf.Tensor) -> tf.Tensor:
    """Square holes on a grid become the image's mean. ratio: [batch], hole's side over the pitch."""
    pitch = _PITCH[0] + (_PITCH[1] - _PITCH[0]) * place[:, 2]
    x, y = _axes(images)
    in_x = tf.math.floormod(x / each(pitch) + each(place[:, 0]), 1.0) < each(ratio)
    in_y = tf.math.floormod(y / each(pitch) + each(place[:, 1]), 1.0) < each(ratio)
    return tf.where(in_x & in_y, tf.reduce_mean(images, axis=[1, 2, 3], keepdims=True), images)


def rectangle(images: tf.Tensor, centre: tf.Tensor, width: tf.Tensor, height: tf.Tensor) -> tf.Tensor:
    """Which pixels lie inside: bool [batch, height, width, 1]. centre: [batch, 2]; all are shares of the sides."""
    x, y = _axes(images)
    across = tf.abs(x - each(centre[:, 0])) < each(width) / 2
    return across & (tf.abs(y - each(centre[:, 1])) < each(height) / 2)


def _axes(images: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Pixel centres as shares of the sides: [1, 1, width, 1] and [1, height, 1, 1]."""
    height, width = int(images.shape[1]), int(images.shape[2])
    x = (tf.range(width, dtype=tf.float32) + 0.5) / width
    y = (tf.range(height, dtype=tf.float32) + 0.5) / height
    return x[None, None, :, None], y[None, :, None, None]
