"""The encoding of records, against TensorFlow's own reader and writer."""

from __future__ import annotations

import numpy as np
import pytest

from keras_cwp.data.records import encode_example, pixel_offsets, read_pixels, shard_name, write_shard
from keras_cwp.errors import DataError


@pytest.mark.parametrize(("label", "row"), [(0, 0), (2, 127), (127, 128), (128, 16383), (300, 16384), (1, 2**40)])
def test_example_is_what_protocol_buffers_read(label, row):
    import tensorflow as tf

    example = tf.train.Example.FromString(encode_example(label, row, b"\x00\xffpixels", b"{}"))
    feature = example.features.feature
    assert sorted(feature) == ["about", "label", "pixels", "row"]
    assert feature["label"].int64_list.value[:] == [label]
    assert feature["row"].int64_list.value[:] == [row]
    assert feature["about"].bytes_list.value[:] == [b"{}"]
    assert feature["pixels"].bytes_list.value[:] == [b"\x00\xffpixels"]


@pytest.mark.parametrize("size", [1, 60, 80, 90, 100, 127, 128, 16_300, 16_330, 16_345, 16_384])
@pytest.mark.parametrize("first", [0, 120, 16_370])
def test_offsets_lead_to_the_pixels(size, first, tmp_path):
    """Sizes and rows around the places where a length takes one byte more."""
    labels = np.array([0, 1, 127, 128, 5] * 4)
    pixels = np.random.default_rng(size).integers(0, 256, (len(labels), size), dtype=np.uint8)
    path = tmp_path / shard_name(0, 1)
    write_shard(
        path, (encode_example(int(x), first + i, pixels[i].tobytes(), bytes(first)) for i, x in enumerate(labels))
    )
    offsets = pixel_offsets(labels, first, size, first)
    assert offsets[-1] == path.stat().st_size
    for offset, expected in zip(offsets, pixels, strict=False):
        got = np.empty(size, dtype=np.uint8)
        read_pixels(path, int(offset), got)
        np.testing.assert_array_equal(got, expected)


def test_disk_that_refuses(tmp_path):
    with pytest.raises(DataError, match=r"cannot write .*none.*shard"):
        write_shard(tmp_path / "none" / "shard", iter([b"x"]))
