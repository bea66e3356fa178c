"""The crop of data/crops.py inside a graph: the same pixels for the same image and box."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from keras_cwp.serving.decode import OK

BAD_BOX = "the box has no area on the image"
_LEAST_PX = 1e-6  # of a box on the image, as data/plan has it


@dataclass(frozen=True)
class Geometry:
    """How a box becomes the network's input.

    Args:
        image_size: side of the network's input, pixels.
        margin: context of the training crops on each side, pixels of the crop.
        square: `pad` (the shorter side grows about its middle; beyond the image it is mirrored) or `stretch`.
    """

    image_size: int
    margin: int
    square: str


def whole_image(grey: Any) -> Any:
    """The box of an image [H, W] from edge to edge: float32 [4], x, y, width, height."""
    height, width = tf.unstack(tf.cast(tf.shape(grey), tf.float32), num=2)
    return tf.stack([tf.zeros([]), tf.zeros([]), width, height])


def crop_box(grey: Any, box: Any, geometry: Geometry, side: Any = None) -> tuple[Any, Any]:
    """One ROI as the network sees it: the central part, without context, of what data/crops.crop_roi gives.

    Args:
        grey: float32 [H, W] in [0, 1].
        box: float32 [4]; x, y, width, height in pixels, 0-based, end-exclusive; what lies outside the image is cut off.
        side: float32 [] or None: as in data/crops.roi_window; NaN counts as None.

    Returns:
        float32 [image_size, image_size, 1] and a status string []: OK or BAD_BOX, then the pixels are zero.
    """
    start = tf.maximum(box[:2], 0.0)
    clipped = tf.minimum(box[:2] + box[2:], whole_image(grey)[2:]) - start  # as data/plan.place_box
    usable = tf.reduce_all(tf.math.is_finite(box)) & tf.reduce_all(clipped > _LEAST_PX)
    blank = tf.zeros([geometry.image_size, geometry.image_size, 1])
    region = tf.concat([start, clipped], 0)
    pixels = tf.cond(usable, lambda: _crop(grey, region, geometry, side), lambda: blank)
    return pixels, tf.where(usable, OK, BAD_BOX)


def _crop(grey: Any, box: Any, geometry: Geometry, side: Any) -> Any:
    start, length = _square(box, geometry.square, side)
    shape = tf.cast(tf.shape(grey), tf.float32)
    # The filter reads mirrored lines as far as the training crop, context included, leaves the image; beyond
    # that its weights are renormalised.
    context = length * (geometry.margin / geometry.image_size)
    low = -tf.maximum(0.0, tf.math.ceil(context - start))
    high = shape + tf.maximum(0.0, tf.math.ceil(start + length + context - shape))
    reach = tf.math.ceil(tf.maximum(length / geometry.image_size, 1)) + 1
    first = tf.maximum(tf.math.floor(start - reach), low)
    count = tf.cast(tf.minimum(tf.math.ceil(start + length + reach), high) - first, tf.int32)
    patch = _mirrored(_mirrored(grey, first[0], count[0], 0), first[1], count[1], 1)
    scale = geometry.image_size / length
    resized = tf.raw_ops.ScaleAndTranslate(
        images=patch[None, :, :, None],
        size=[geometry.image_size, geometry.image_size],
        scale=scale,
        translation=(first - start) * scale,
        kernel_type="triangle",
        antialias=True,
    )
    return tf.ensure_shape(resized[0], [geometry.image_size, geometry.image_size, 1])


def _square(box: Any, square: str, side: Any) -> tuple[Any, Any]:
    """Start and length float32 [2] of the region, rows first; data/crops.roi_window."""
    start, length = box[1::-1], box[:1:-1]
    grown = length if square == "stretch" else tf.fill([2], tf.reduce_max(length))
    grown = grown if side is None else tf.where(tf.math.is_nan(side), grown, side)
    return start + (length - grown) / 2, grown


def _mirrored(grey: Any, first: Any, count: Any, axis: int) -> Any:
    """`count` lines from `first` on; beyond the edge the image is mirrored about its outermost line."""
    last = tf.shape(grey)[axis] - 1
    period = tf.maximum(2 * last, 1)
    place = tf.math.floormod(tf.range(count) + tf.cast(first, tf.int32), period)
    return tf.gather(grey, tf.minimum(place, period - place), axis=axis)
