"""DICOM radiographs: header and pixels of one file.

The rooms: `dicom_file` opens, `layout` and `dicom_header` read what is stated, `words` decodes, `grey` (with `bits`,
`padding`, `tables`, `windows`) or `colour` renders.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import numpy as np

from keras_cwp.data.radiographs import colour, grey
from keras_cwp.data.radiographs.attributes import Attributes
from keras_cwp.data.radiographs.dicom_file import parse
from keras_cwp.data.radiographs.dicom_header import check_kind, header_of
from keras_cwp.data.radiographs.header import Header
from keras_cwp.data.radiographs.layout import Layout, layout_of
from keras_cwp.data.radiographs.words import words_of
from keras_cwp.errors import DataError

_NOT_PIXELS = 1 << 16  # bytes; longer values are left in the file when only the header is wanted


def decode_header(stream: BinaryIO, path: Path, max_pixels: int, lateral: bool) -> Header:
    """Size, depth, spacing, patient and acquisition.

    Raises:
        DataError: not a single-frame radiograph of 8 to 16 bits, larger than `max_pixels`, pixels that are not
            square, or a lateral view without `lateral`.
    """
    with _of_file(path):
        return _header(Attributes(parse(stream, defer_size=_NOT_PIXELS)), max_pixels, lateral)[1]


def decode(content: bytes, path: Path, max_pixels: int, lateral: bool, window: int | None) -> tuple[np.ndarray, Header]:
    """float32 pixels [height, width] in [0, 1], bone bright, and the header with further notes.

    Args:
        window: which of several windows or VOI LUTs, from 0; None to apply none.

    Raises:
        DataError: as `decode_header`, or a transfer syntax without a decoder, or broken pixel data.
    """
    with _of_file(path):
        tags = Attributes(parse(io.BytesIO(content)))
        layout, header = _header(tags, max_pixels, lateral)
        words, space = words_of(tags, layout)
        if layout.samples == 1:
            shades = grey.grey_of(tags, layout, words, window)
        else:
            shades = colour.grey_of(tags, words & ((1 << layout.stored) - 1), space, layout.stored)
        return shades, replace(header, notes=tags.notes)


def _header(tags: Attributes, max_pixels: int, lateral: bool) -> tuple[Layout, Header]:
    check_kind(tags, lateral)
    layout = layout_of(tags, max_pixels)
    return layout, header_of(tags, layout)


@contextmanager
def _of_file(path: Path) -> Iterator[None]:
    """Name the file in errors, and turn whatever a broken file makes pydicom raise into one."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom warns of values that break the standard; many scanners' do
        try:
            yield
        except DataError as error:
            raise DataError(f"image {path}: {error}") from None
        except Exception as error:
            raise DataError(f"image {path}: this DICOM file cannot be understood: {error}") from None
