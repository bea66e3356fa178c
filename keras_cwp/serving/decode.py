"""From the bytes of a PNG or JPEG file to grey values, inside the graph, without ever failing a batch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

OK = "ok"
UNREADABLE = "the bytes are not a readable PNG or JPEG image"
CMYK = "the JPEG has the colours of print (CMYK), which are not read; send it in grey or RGB"
_CMYK_CHANNELS = 4
_PNG_HEAD = b"\x89PNG\r\n\x1a\n"
_PNG_SIDES = 16  # byte offset of IHDR's width and height, big-endian 32 bits each; PNG specification, 11.2.2
# Pixels that a byte of a file can hold at most, so that a small file cannot claim a large image and keep the
# processor busy: deflate expands 1032 times, and a PNG has at least one bit a pixel; a JPEG has at least one bit for
# each block of 64 pixels.
_PNG_PIXELS_A_BYTE = 8 * 1032
_JPEG_PIXELS_A_BYTE = 8 * 64
_LUMA_16_BIT = (19595, 38470, 7471)
_HALF_16_BIT = 1 << 15
_PARALLEL_ROWS = 8


def decode_grey(image_bytes: Any, max_pixels: int) -> Any:
    """Grey values of one image.

    Args:
        image_bytes: string []; a PNG of 8 or 16 bits or a JPEG; colour is turned to grey
            as data/raster does. EXIF orientation is not applied.
        max_pixels: a larger image is refused before it is unpacked.

    Returns:
        float32 [H, W] in [0, 1].

    Raises:
        tf.errors.InvalidArgumentError: anything else, when the graph runs.
    """
    return tf.cond(
        tf.io.is_jpeg(image_bytes),
        lambda: _decode_jpeg(image_bytes, max_pixels),
        lambda: _decode_png(image_bytes, max_pixels),
    )


def is_cmyk(image_bytes: Any) -> Any:
    """Whether a file is a JPEG of four channels, which `decode_grey` refuses: bool [].

    Raises:
        tf.errors.InvalidArgumentError: a JPEG that is cut short, when the graph runs.
    """
    return tf.cond(
        tf.io.is_jpeg(image_bytes),
        lambda: tf.equal(tf.io.extract_jpeg_shape(image_bytes)[2], _CMYK_CHANNELS),
        lambda: tf.constant(False),
    )


def map_rows(
    function: Callable[..., Any],
    rows: tuple[Any, ...],
    fallback: tuple[Any, ...],
    others: tuple[Callable[..., Any], ...] = (),
) -> tuple[Any, ...]:
    """Apply a function that may fail to each row; a row that fails gets the fallback, its neighbours their result.

    A graph has no `try`; a tf.data pipeline does (ignore_errors), and it may be part of a graph. One pipeline for all
    rows, for a pipeline of each row's own costs as much as decoding a small file.

    Args:
        function: one row of each of `rows` → tensors shaped as `fallback`.
        rows: tensors [B, ...]; B may be 0.
        fallback: tensors, the result of a row that fails.
        others: functions that are run too; a row gets the result of the first one that did not fail.

    Returns:
        Tensors [B, ...] in the order of the rows.
    """
    count = tf.shape(rows[0])[0]
    numbered = tf.data.Dataset.from_tensor_slices((tf.range(count), *rows))
    parts = [_that_succeed(each, numbered) for each in (function, *others)]
    found = parts[0]
    for part in (*parts[1:], tf.data.Dataset.from_tensors((count, *fallback))):
        found = found.concatenate(part)
    most = tf.cast(count * len(parts) + 1, tf.int64)
    numbers, *results = found.batch(most).get_single_element()
    last = tf.size(numbers) - 1  # where the fallback is
    first = tf.math.unsorted_segment_min(tf.range(last), numbers[:-1], count)
    place = tf.minimum(first, last)  # a row that no result has the number of gets the largest integer as its first
    return tuple(tf.gather(each, place) for each in results)


def _that_succeed(function: Callable[..., Any], numbered: tf.data.Dataset) -> tf.data.Dataset:
    """(number, *result) of each row that the function does not fail at."""
    results = numbered.map(
        lambda number, *row: (number, *function(*row)), num_parallel_calls=_PARALLEL_ROWS, deterministic=False
    )
    return results.ignore_errors(log_warning=False)


def _decode_jpeg(image_bytes: Any, max_pixels: int) -> Any:
    shape = tf.io.extract_jpeg_shape(image_bytes)
    with tf.control_dependencies(
        [_check_size(shape[0], shape[1], _most_pixels(image_bytes, _JPEG_PIXELS_A_BYTE, max_pixels))]
    ):
        # one channel is the stored luma; the accurate transform is what data/raster uses, not TensorFlow's default
        pixels = tf.io.decode_jpeg(image_bytes, channels=1, dct_method="INTEGER_ACCURATE")
    return tf.cast(pixels[..., 0], tf.float32) / 255


def _decode_png(image_bytes: Any, max_pixels: int) -> Any:
    start = tf.strings.join([tf.strings.substr(image_bytes, 0, _PNG_SIDES + 8), b"\0" * (_PNG_SIDES + 8)])
    sides = tf.strings.substr(start, _PNG_SIDES, 8)
    is_png = tf.debugging.Assert(tf.equal(tf.strings.substr(start, 0, len(_PNG_HEAD)), _PNG_HEAD), [UNREADABLE])
    width, height = tf.unstack(tf.io.decode_raw(sides, tf.int32, little_endian=False), num=2)
    with tf.control_dependencies(
        [is_png, _check_size(height, width, _most_pixels(image_bytes, _PNG_PIXELS_A_BYTE, max_pixels))]
    ):
        # 16 bits hold an 8-bit file exactly: each value times 257
        pixels = tf.io.decode_png(image_bytes, channels=0, dtype=tf.uint16)
    return tf.cond(tf.shape(pixels)[2] == 1, lambda: tf.cast(pixels[..., 0], tf.float32) / 65535, lambda: _luma(pixels))


def _luma(pixels: Any) -> Any:
    """Grey of a PNG with colour or transparency: of its upper 8 bits, as Pillow converts it; opacity is ignored."""
    values = tf.bitwise.right_shift(tf.cast(pixels, tf.int32), 8)
    # ITU-R BT.601 in 16-bit fixed point, rounded, as Pillow's convert("L")
    grey = tf.cond(
        tf.shape(pixels)[2] == 2,
        lambda: values[..., 0],
        lambda: tf.bitwise.right_shift(tf.tensordot(values[..., :3], _LUMA_16_BIT, 1) + _HALF_16_BIT, 16),
    )
    return tf.cast(grey, tf.float32) / 255


def _most_pixels(image_bytes: Any, pixels_a_byte: int, max_pixels: int) -> Any:
    """The largest image that may be, and that a file of this length can be."""
    length = tf.cast(tf.strings.length(image_bytes), tf.int64)
    return tf.minimum(tf.constant(max_pixels, tf.int64), length * pixels_a_byte)


def _check_size(height: Any, width: Any, most: Any) -> Any:
    pixels = tf.cast(height, tf.int64) * tf.cast(width, tf.int64)
    return tf.debugging.assert_less_equal(pixels, most)
