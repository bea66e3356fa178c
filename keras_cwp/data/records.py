"""TFRecord shards of crops. Every record of a data set has its pixels last, so a row's place is known by arithmetic.

A record is a tf.train.Example with `label` (int64), `row` (int64, the row of the manifest), `about` (JSON: what a
shard that was parted from its data set needs to be understood) and `pixels` (the raw little-endian bytes of the
crop): any TFRecord reader reads it. The package itself reads rows by their offset.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from keras_cwp.errors import DataError

_HEAD_BYTES = 12  # TFRecord: length (8) and its checksum (4) before the data
_TAIL_BYTES = 4  # checksum of the data
_CHUNK_BYTES = 1 << 20
_ABOUT = ("format_version", "classes", "image_size", "crop_size", "context", "square", "spacing_mm", "dtype")


def shard_name(number: int, shards: int) -> str:
    return f"rois-{number:05d}-of-{shards:05d}.tfrecord"


def about_shards(meta: Mapping[str, Any]) -> bytes:
    """Version, class order and geometry of a data set as every record repeats them, in JSON."""
    return json.dumps({name: meta[name] for name in _ABOUT}, separators=(",", ":")).encode()


def encode_example(label: int, row: int, pixels: bytes, about: bytes = b"") -> bytes:
    """A serialized tf.train.Example with label, row, about and pixels, in this order."""
    entries = (
        _entry(b"label", _field(3, _field(1, _varint(label)))),
        _entry(b"row", _field(3, _field(1, _varint(row)))),
        _entry(b"about", _field(1, _field(1, about))),
        _entry(b"pixels", _field(1, _field(1, pixels))),
    )
    return _field(1, b"".join(_field(1, entry) for entry in entries))


def write_shard(path: Path, examples: Iterable[bytes]) -> None:
    """Write serialized examples as one TFRecord file.

    Raises:
        DataError: the disk refuses.
    """
    import tensorflow as tf

    try:
        with tf.io.TFRecordWriter(str(path)) as writer:
            for example in examples:
                writer.write(example)
    except tf.errors.OpError as error:
        raise DataError(f"cannot write {path}: {error.message}") from None


def pixel_offsets(labels: np.ndarray, first_row: int, pixel_bytes: int, about_bytes: int = 0) -> np.ndarray:
    """Where each record's pixels begin in its shard, and the shard's size.

    Args:
        labels: int [records] of the shard's rows, which are consecutive.
        first_row: row of its first record.
        about_bytes: length of `about_shards`.

    Returns:
        int64 [records + 1]; the last is the size of the file in bytes.
    """
    rows = first_row + np.arange(len(labels))
    sizes = _field_size(
        _entry_size("label", _field_size(_field_size(_varint_size(np.asarray(labels)))))
        + _entry_size("row", _field_size(_field_size(_varint_size(rows))))
        + _entry_size("about", _field_size(_field_size(np.array([about_bytes]))))
        + _entry_size("pixels", _field_size(_field_size(np.array([pixel_bytes]))))
    )
    ends = np.cumsum(sizes + _HEAD_BYTES + _TAIL_BYTES)
    return np.append(ends - _TAIL_BYTES - pixel_bytes, ends[-1])


def read_pixels(path: Path, offset: int, into: np.ndarray) -> None:
    """Fill a contiguous array with a crop's bytes.

    Raises:
        DataError: the file is gone or shorter than it was.
    """
    try:
        with open(path, "rb", buffering=0) as file:
            file.seek(offset)
            got = file.readinto(into.view(np.uint8).data)
    except OSError as error:
        raise DataError(f"shard {path}: {error.strerror}; prepare the data set again") from None
    if got != into.nbytes:
        raise DataError(f"shard {path}: ends within a record; prepare the data set again")


def file_sha256(path: Path) -> str:
    """Hexadecimal SHA-256 of a file, read in pieces."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def _entry(name: bytes, feature: bytes) -> bytes:
    return _field(1, name) + _field(2, feature)


def _field(number: int, content: bytes) -> bytes:
    """A length-delimited field of the protocol buffer wire format."""
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*encoded, value])


def _entry_size(name: str, feature_size: np.ndarray) -> np.ndarray:
    """Bytes of one named feature, its own head included, for the feature's bytes."""
    return _field_size(_field_size(np.array([len(name)])) + _field_size(feature_size))


def _field_size(size: np.ndarray) -> np.ndarray:
    return 1 + _varint_size(size) + size


def _varint_size(value: np.ndarray) -> np.ndarray:
    return 1 + (value[..., None] >= 1 << np.arange(7, 56, 7)).sum(axis=-1)
