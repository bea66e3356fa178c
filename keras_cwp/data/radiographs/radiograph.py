"""One radiograph from a file: DICOM, PNG, JPEG or TIFF, to one channel with bone bright."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from keras_cwp.config import DataConfig
from keras_cwp.data.radiographs import dicom, raster
from keras_cwp.data.radiographs.dicom_file import BEGINNING, is_dicom
from keras_cwp.data.radiographs.header import Header
from keras_cwp.errors import DataError

_BYTES_PER_PIXEL = 8  # a file with more bytes than this per allowed pixel is not read at all


@dataclass(frozen=True, eq=False)
class Radiograph:
    """Decoded pixels.

    Args:
        pixels: [height, width], uint8, uint16 or float32, bone bright.
        white: the value of `pixels` that is 1.0: 255, 65535 or 1.
        notes: what the file says in an odd way, and how it was understood; those of the header and further ones.
    """

    pixels: np.ndarray
    white: float
    bits: int
    spacing_mm: float | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def to_unit(self) -> np.ndarray:
        """float32 [height, width] in [0, 1]."""
        return self.pixels.astype(np.float32) / np.float32(self.white)


# What is accepted and how DICOM is shown: the fields max_pixels, voi, window and lateral count here.
DEFAULT_RULES = DataConfig()


def read_header(path: Path | str, rules: DataConfig = DEFAULT_RULES) -> Header:
    """Size, depth and acquisition of a radiograph without decoding it, or reading more of the file than that takes.

    Raises:
        DataError: unreadable, of another format, too large, several frames, or a lateral view.
    """
    path = Path(path)
    _check_size(path, rules.max_pixels)
    try:
        with open(path, "rb") as stream:
            beginning = stream.read(BEGINNING)
            stream.seek(0)
            if is_dicom(beginning):
                return dicom.decode_header(stream, path, rules.max_pixels, rules.lateral)
            return raster.decode_header(stream, path, rules.max_pixels)
    except OSError as error:
        raise DataError(f"image {path}: cannot be read: {error.strerror}") from None


def read_radiograph(path: Path | str, rules: DataConfig = DEFAULT_RULES) -> Radiograph:
    """Read and decode one file.

    Raises:
        DataError: as `read_header`, or pixels that cannot be decoded.
    """
    path = Path(path)
    return decode(read_bytes(path, rules.max_pixels), path, rules)


def decode(content: bytes, path: Path, rules: DataConfig = DEFAULT_RULES) -> Radiograph:
    """`read_radiograph` of bytes that were read already; `path` is for messages."""
    if is_dicom(content):
        window = rules.window if rules.voi == "apply" else None
        pixels, header = dicom.decode(content, path, rules.max_pixels, rules.lateral, window)
        white = 1.0
    else:
        pixels, header = raster.decode(content, path, rules.max_pixels)
        white = float(np.iinfo(pixels.dtype).max)
    return Radiograph(pixels, white, header.bits, header.spacing_mm, header.metadata, header.notes)


def read_bytes(path: Path, max_pixels: int) -> bytes:
    """The file's bytes, if it is not larger than any radiograph of `max_pixels` could be.

    Raises:
        DataError: unreadable, empty or too large.
    """
    _check_size(path, max_pixels)
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"image {path}: cannot be read: {error.strerror}") from None


def _check_size(path: Path, max_pixels: int) -> None:
    try:
        size = path.stat().st_size
    except OSError as error:
        raise DataError(f"image {path}: cannot be read: {error.strerror}") from None
    if size > max_pixels * _BYTES_PER_PIXEL:
        raise DataError(f"image {path}: {size} bytes are more than {max_pixels} pixels can take (data.max_pixels)")
    if not size:
        raise DataError(f"image {path}: the file is empty")
