"""The crop of data/crops.py inside a graph: the same pixels for the same image and box."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import tensorflow as tf

from keras_cwp.serving.decode import OK

BAD_BOX = "the box has no area on the image"
_F64 = partial(tf.constant, dtype=tf.float64)
_LEAST_PX = 1e-6  # of a box on the image, as data/plan has it


@dataclass(frozen=True)
class Geometry:
    """How a box becomes the network's input.

    Args:
        image_size: side of the network's input, pixels.
        margin: context of the training crops on each side, pixels of the crop.
        square: `pad` (the shorter side grows about its middle; beyond the image it is mirrored) or `stretch`.
        kept: how many of the margin's pixels stay in the crop.
    """

    image_size: int
    margin: int
    square: str
    kept: int = 0

    @property
    def side(self) -> int:
        """Of the crop, pixels."""
        return self.image_size + 2 * self.kept


def whole_image(grey: Any) -> Any:
    """The box of an image [H, W] from edge to edge: float32 [4], x, y, width, height."""
    height, width = tf.unstack(tf.cast(tf.shape(grey), tf.float32), num=2)
    return tf.stack([tf.zeros([]), tf.zeros([]), width, height])


def crop_box(grey: Any, box: Any, geometry: Geometry, side: Any = None) -> tuple[Any, Any]:
    """One ROI: what data/crops.crop_roi gives, without the part of the context that is not kept.

    Args:
        grey: float32 [H, W] in [0, 1].
        box: float32 [4]; x, y, width, height in pixels, 0-based, end-exclusive; what lies outside the image is cut off.
        side: float32 [] or None: as in data/crops.roi_window; NaN counts as None.

    Returns:
        float32 [geometry.side, geometry.side, 1] and a status string []: OK or BAD_BOX, then the pixels are zero.
    """
    if geometry.kept:
        return _cut_out(grey, box, geometry, side)
    # An image of the network's size from edge to edge: the crop is the image, without the operations that find that.
    own_size = tf.reduce_all(tf.equal(tf.shape(grey), geometry.image_size))
    from_edge_to_edge = tf.reduce_all(tf.equal(box, [0.0, 0.0, geometry.image_size, geometry.image_size]))
    unchanged = own_size & from_edge_to_edge & (True if side is None else tf.math.is_nan(side))
    shape = [geometry.side, geometry.side, 1]
    return tf.cond(
        unchanged,
        lambda: (tf.ensure_shape(grey[..., None], shape), tf.constant(OK)),
        lambda: _cut_out(grey, box, geometry, side),
    )


def _cut_out(grey: Any, box: Any, geometry: Geometry, side: Any) -> tuple[Any, Any]:
    """`crop_box` of any image and box."""
    stated = tf.cast(box, tf.float64)
    start = tf.maximum(stated[:2], 0)
    clipped = tf.minimum(stated[:2] + stated[2:], tf.cast(whole_image(grey)[2:], tf.float64)) - start
    usable = tf.reduce_all(tf.math.is_finite(stated)) & tf.reduce_all(clipped > _LEAST_PX)  # data/plan.place_box
    blank = tf.zeros([geometry.side, geometry.side, 1])
    region = tf.concat([start, clipped], 0)
    pixels = tf.cond(usable, lambda: _crop(grey, region, geometry, side), lambda: blank)
    return pixels, tf.where(usable, OK, BAD_BOX)


def _crop(grey: Any, box: Any, geometry: Geometry, side: Any) -> Any:
    """The crop itself; positions in float64, for a thousandth of a pixel shows in a probability."""
    starts, lengths = _square(box, geometry.square, side)
    # On the grid of the image's own pixels the filter's weights are 0 and 1: the same crop in a tenth of the time.
    on_grid = tf.reduce_all(tf.equal(lengths, geometry.image_size) & tf.equal(starts, tf.floor(starts)))
    crop = tf.cond(
        on_grid,
        lambda: _cut(grey, starts, geometry),
        lambda: _resampled(grey, starts, lengths, geometry),
    )
    return tf.ensure_shape(crop[..., None], [geometry.side, geometry.side, 1])


def _cut(grey: Any, starts: Any, geometry: Geometry) -> Any:
    """Pixels as they are, mirrored beyond the image: float32 [side, side]."""
    corner = tf.cast(starts, tf.int32) - geometry.kept
    rows, columns = (_mirrored(corner[axis] + tf.range(geometry.side), tf.shape(grey)[axis]) for axis in range(2))
    return tf.gather(tf.gather(grey, rows, axis=0), columns, axis=1)


def _resampled(grey: Any, starts: Any, lengths: Any, geometry: Geometry) -> Any:
    """Pixels through the filter: float32 [side, side]."""
    rows, down = _axis(starts[0], lengths[0], geometry, tf.shape(grey)[0])
    columns, across = _axis(starts[1], lengths[1], geometry, tf.shape(grey)[1])
    patch = tf.gather(tf.gather(grey, rows, axis=0), columns, axis=1)
    half = tf.sparse.sparse_dense_matmul(down, patch)
    return tf.transpose(tf.sparse.sparse_dense_matmul(across, tf.transpose(half)))


def _axis(start: Any, length: Any, geometry: Geometry, pixels: Any) -> tuple[Any, Any]:
    """Source lines int32 [n] along one axis, and the weights, sparse [side, n], that make the crop of them.

    As data/crops._axis: the filter reads mirrored lines as far as the training crop, context included, leaves the
    image; weights beyond that are left out and the rest made to sum to 1.
    """
    edge = tf.cast(pixels, tf.float64)
    side, share = geometry.side, geometry.margin / geometry.image_size
    low = -tf.maximum(_F64(0), tf.math.ceil(length * share - start))
    high = edge + tf.maximum(_F64(0), tf.math.ceil(start + length * (1 + share) - edge))
    step = length / geometry.image_size
    radius = tf.maximum(step, 1)
    center = start + (tf.range(side, dtype=tf.float64) - geometry.kept + 0.5) * step
    first = tf.maximum(tf.math.ceil(center - radius - 0.5), low)
    last = tf.minimum(tf.math.floor(center + radius - 0.5), high - 1)
    taps = tf.range(tf.reduce_max(last - first) + 1)
    index = tf.minimum(first[:, None] + taps, last[:, None])
    weight = tf.maximum(_F64(0), 1 - tf.abs(index + 0.5 - center[:, None]) / radius)
    weight = tf.where(first[:, None] + taps > last[:, None], _F64(0), weight)
    weight = tf.cast(weight / tf.reduce_sum(weight, axis=1, keepdims=True), tf.float32)
    lines = tf.range(tf.reduce_min(first), tf.reduce_max(last) + 1)
    row = tf.repeat(tf.range(side, dtype=tf.int64), tf.size(taps))
    place = tf.reshape(tf.cast(index - lines[0], tf.int64), [-1])
    shape = tf.stack([tf.constant(side, tf.int64), tf.size(lines, tf.int64)])
    matrix = tf.SparseTensor(tf.stack([row, place], axis=1), tf.reshape(weight, [-1]), shape)
    return _mirrored(tf.cast(lines, tf.int32), pixels), matrix


def _square(box: Any, square: str, side: Any) -> tuple[Any, Any]:
    """Start and length float64 [2] of the region, rows first; data/crops.roi_window."""
    start, length = tf.gather(box, [1, 0]), tf.gather(box, [3, 2])  # Grappler's remapper fails on a step of -1
    grown = length if square == "stretch" else tf.fill([2], tf.reduce_max(length))
    grown = grown if side is None else tf.where(tf.math.is_nan(side), grown, tf.cast(side, tf.float64))
    return start + (length - grown) / 2, grown


def _mirrored(index: Any, length: Any) -> Any:
    """Indices beyond [0, length) reflected at the first and last line, which are not repeated."""
    period = tf.maximum(2 * (length - 1), 1)
    place = tf.math.floormod(index, period)
    return tf.minimum(place, period - place) * tf.cast(length > 1, tf.int32)
