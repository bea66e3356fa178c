"""What TensorFlow Addons offered for images, on today's TensorFlow: same arguments, same numbers.

Addons ended in 2024 and cannot be imported beside Keras 3. Its outputs on fixed inputs are golden numbers of
the tests. Images are [batch, height, width, channels]; results are float32 unless said otherwise.
"""

from __future__ import annotations

import tensorflow as tf

from keras_cwp.augment.intensity import gaussian_blur
from keras_cwp.augment.sampling import sample, view_places


def transform(images: tf.Tensor, transforms: tf.Tensor, fill: str = "constant") -> tf.Tensor:
    """Projective, bilinear. transforms: [batch, 8], a₀ a₁ a₂ b₀ b₁ b₂ c₀ c₁, output → input, pixels."""
    ones = tf.ones([tf.shape(transforms)[0], 1])
    matrix = tf.reshape(tf.concat([transforms, ones], axis=1), [-1, 3, 3])
    return sample(images, *view_places(matrix, int(images.shape[1]), int(images.shape[2])), fill)


def rotate(images: tf.Tensor, angles_rad: tf.Tensor, fill: str = "constant") -> tf.Tensor:
    """Counter-clockwise about the centre. angles_rad: [batch]."""
    cos, sin = tf.cos(angles_rad), tf.sin(angles_rad)
    middle_x, middle_y = (images.shape[2] - 1) / 2, (images.shape[1] - 1) / 2
    off_x = middle_x - cos * middle_x + sin * middle_y
    off_y = middle_y - sin * middle_x - cos * middle_y
    zero = tf.zeros_like(cos)
    return transform(images, tf.stack([cos, -sin, off_x, sin, cos, off_y, zero, zero], axis=1), fill)


def translate(images: tf.Tensor, translations_xy: tf.Tensor, fill: str = "constant") -> tf.Tensor:
    """Content moves right and down by [batch, 2] pixels."""
    one = tf.ones_like(translations_xy[:, 0])
    x, y = translations_xy[:, 0], translations_xy[:, 1]
    return transform(images, tf.stack([one, 0 * one, -x, 0 * one, one, -y, 0 * one, 0 * one], axis=1), fill)


def dense_image_warp(images: tf.Tensor, flow_yx: tf.Tensor) -> tf.Tensor:
    """Each pixel is read at its place minus flow [batch, height, width, 2 (y, x)]; the border's pixel goes on."""
    height, width = int(images.shape[1]), int(images.shape[2])
    y = tf.range(height, dtype=tf.float32)[None, :, None] - flow_yx[..., 0]
    x = tf.range(width, dtype=tf.float32)[None, None, :] - flow_yx[..., 1]
    return sample(images, tf.clip_by_value(x, 0.0, width - 1.0), tf.clip_by_value(y, 0.0, height - 1.0))


def cutout(images: tf.Tensor, size_px: int, offset_yx: tf.Tensor, value: float = 0.0) -> tf.Tensor:
    """A square of even side about offset [batch, 2] becomes `value`; it ends at the image's border."""
    rows, columns = tf.range(int(images.shape[1])), tf.range(int(images.shape[2]))
    half = size_px // 2

    def inside(place: tf.Tensor, centre: tf.Tensor) -> tf.Tensor:
        return (place[None] >= centre[:, None] - half) & (place[None] < centre[:, None] + half)

    hidden = inside(rows, offset_yx[:, 0])[:, :, None] & inside(columns, offset_yx[:, 1])[:, None, :]
    return tf.where(hidden[..., None], tf.cast(value, images.dtype), images)


def gaussian_filter2d(images: tf.Tensor, filter_px: int, sigma_px: float) -> tf.Tensor:
    """An odd filter of `filter_px` taps a side; the border is mirrored about its pixel."""
    return gaussian_blur(images, tf.fill([tf.shape(images)[0]], sigma_px), filter_px // 2)


def sharpness(images: tf.Tensor, factor: float) -> tf.Tensor:
    """uint8 → uint8. 0 is PIL's smoothed image, 1 the image, above sharper; the border's pixels stay."""
    pixels = tf.cast(images, tf.float32)
    neighbours = tf.add_n([tf.roll(pixels, (i, j), (1, 2)) for i in (-1, 0, 1) for j in (-1, 0, 1)])
    # PIL's kernel: 5 in the centre, 1 around, over 13; it works on whole levels.
    smooth = tf.floor(tf.clip_by_value((neighbours + 4 * pixels) / 13, 0, 255))
    height, width = images.shape[1], images.shape[2]
    edge_y = (tf.range(height) % (height - 1) == 0)[None, :, None, None]
    edge_x = (tf.range(width) % (width - 1) == 0)[None, None, :, None]
    smooth = tf.where(edge_y | edge_x, pixels, smooth)
    return tf.cast(tf.clip_by_value(smooth + factor * (pixels - smooth), 0, 255), tf.uint8)


def equalize(images: tf.Tensor) -> tf.Tensor:
    """uint8 → uint8: histogram equalised by channel, in PIL's whole-number arithmetic."""
    shape = tf.shape(images)
    levels = tf.reshape(tf.transpose(tf.cast(images, tf.int32), [0, 3, 1, 2]), [shape[0] * shape[3], -1])
    planes = tf.range(tf.shape(levels)[0])[:, None]
    counts = tf.math.bincount(tf.reshape(levels + 256 * planes, [-1]), minlength=256 * tf.size(planes))
    table = _equalizing_table(tf.reshape(counts, [-1, 256]))
    mapped = tf.reshape(tf.gather(table, levels, batch_dims=1), [shape[0], shape[3], shape[1], shape[2]])
    return tf.cast(tf.transpose(mapped, [0, 2, 3, 1]), tf.uint8)


def _equalizing_table(counts: tf.Tensor) -> tf.Tensor:
    """Histograms [planes, 256] → new levels [planes, 256]."""
    present = tf.where(counts > 0, tf.range(256)[None], -1)
    last = tf.gather(counts, tf.reduce_max(present, axis=1), batch_dims=1)
    step = (tf.reduce_sum(counts, axis=1) - last) // 255
    below = tf.cumsum(counts, axis=1, exclusive=True)
    table = (below + (step // 2)[:, None]) // tf.maximum(step, 1)[:, None]
    return tf.where(step[:, None] == 0, tf.range(256)[None], tf.clip_by_value(table, 0, 255))
