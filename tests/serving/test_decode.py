"""Decoding inside the graph against data/radiograph, for every kind of file; rows that fail alone."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from keras_cwp.data.radiographs.radiograph import decode
from keras_cwp.serving.decode import decode_grey, is_cmyk, map_rows

MAX_PIXELS = 1_000_000


def encoded(pixels: np.ndarray, kind: str = "PNG", mode: str | None = None) -> bytes:
    file = io.BytesIO()
    image = Image.fromarray(pixels)
    (image.convert(mode) if mode else image).save(file, kind, quality=90)
    return file.getvalue()


def noise(*shape: int, dtype: type = np.uint8) -> np.ndarray:
    return np.random.default_rng(0).integers(0, np.iinfo(dtype).max, shape, dtype=dtype, endpoint=True)


FILES = {
    "8-bit PNG": encoded(noise(30, 41)),
    "16-bit PNG": encoded(noise(30, 41, dtype=np.uint16)),
    "1-bit PNG": encoded(noise(30, 41), mode="1"),
    "colour PNG": encoded(noise(30, 41, 3)),
    "colour PNG with opacity": encoded(noise(30, 41, 4)),
    "grey PNG with opacity": encoded(noise(30, 41, 2)),
    "palette PNG": encoded(noise(30, 41, 3), mode="P"),
    "grey JPEG": encoded(noise(30, 41), "JPEG"),
    "colour JPEG": encoded(noise(30, 41, 3), "JPEG"),
}


@pytest.mark.parametrize("content", FILES.values(), ids=FILES.keys())
def test_graph_and_reader_give_the_same_grey(content: bytes) -> None:
    expected = decode(content, Path("test")).to_unit()
    np.testing.assert_array_equal(decode_grey(tf.constant(content), MAX_PIXELS).numpy(), expected)


def test_real_radiographs_give_the_same_grey(shared: Path) -> None:
    files = [
        *sorted((shared / "data/cwp_sim/images").glob("*.jpg"))[:2],
        *(shared / "data/tbx11k_sample").rglob("*.png"),
    ]
    assert len(files) > 2
    for path in files:
        content = path.read_bytes()
        expected = decode(content, path).to_unit()
        np.testing.assert_array_equal(decode_grey(tf.constant(content), 10**8).numpy(), expected)


def bomb() -> bytes:
    """A PNG whose header claims 60,000 × 60,000 pixels."""
    head = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0)
    chunk = b"IHDR" + head
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk)) + b"\0" * 50


def claiming(content: bytes, place: int, sides: bytes) -> bytes:
    """A file whose header claims other sides than it holds."""
    return content[:place] + sides + content[place + len(sides) :]


def test_a_small_file_that_claims_a_large_image_is_refused_before_it_is_unpacked() -> None:
    jpeg, png = FILES["grey JPEG"], FILES["8-bit PNG"]
    frame = jpeg.index(b"\xff\xc0") + 5  # height and width of the start of frame
    for content in (
        claiming(jpeg, frame, struct.pack(">HH", 9_000, 9_000)),
        claiming(png, 16, struct.pack(">II", 9_000, 9_000)),
    ):
        with pytest.raises(tf.errors.InvalidArgumentError, match=r"x <= y did not hold"):
            decode_grey(tf.constant(content), 10**8)


def test_blank_images_which_compress_most_are_read() -> None:
    blank = np.zeros((3000, 3000), np.uint8)
    for content in (encoded(blank, mode="1"), encoded(blank), encoded(blank, "JPEG")):
        assert decode_grey(tf.constant(content), 10**8).shape == (3000, 3000)


UNREADABLE_FILES = {
    "nothing": b"",
    "text": b"not an image",
    "truncated PNG": FILES["8-bit PNG"][:200],
    "truncated JPEG": FILES["grey JPEG"][:300],
    "PNG head alone": FILES["8-bit PNG"][:8],
    "larger than allowed": bomb(),
    "GIF": encoded(noise(30, 41), "GIF"),
    "BMP": encoded(noise(30, 41), "BMP"),
}


def test_the_colours_of_print_are_told_from_others() -> None:
    cmyk = encoded(noise(30, 41, 3), "JPEG", mode="CMYK")
    assert [bool(is_cmyk(tf.constant(each))) for each in (cmyk, FILES["colour JPEG"], FILES["8-bit PNG"], b"x")] == [
        True, False, False, False,
    ]  # fmt: skip


@pytest.mark.parametrize("content", UNREADABLE_FILES.values(), ids=UNREADABLE_FILES.keys())
def test_whatever_else_is_an_error_of_the_input(content: bytes) -> None:
    with pytest.raises(tf.errors.InvalidArgumentError):
        decode_grey(tf.constant(content), MAX_PIXELS)
    with pytest.raises(tf.errors.InvalidArgumentError):
        tf.function(decode_grey)(tf.constant(content), MAX_PIXELS)


@pytest.mark.parametrize("rows", [0, 1, 2, 19])
def test_rows_that_fail_leave_their_neighbours_alone_and_in_order(rows: int) -> None:
    good = [index % 3 != 1 for index in range(rows)]
    contents = [encoded(np.full((4 + index, 5), index, np.uint8)) if ok else b"junk" for index, ok in enumerate(good)]

    def mean(content: tf.Tensor, number: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return tf.reduce_mean(decode_grey(content, MAX_PIXELS)) * 255, number

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
    def batch(contents: tf.Tensor) -> tuple[tf.Tensor, ...]:
        numbers = tf.range(tf.shape(contents)[0])
        return map_rows(mean, (contents, numbers), (tf.constant(-1.0), tf.constant(-1)))

    means, numbers = batch(tf.constant(contents, tf.string))
    expected = [index if ok else -1 for index, ok in enumerate(good)]
    np.testing.assert_allclose(means, expected, atol=1e-4)
    assert numbers.numpy().tolist() == expected
