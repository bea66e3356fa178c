"""Which files are DICOM, and opening them, with or without preamble and file meta information (PS3.10, 7.1)."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import BinaryIO

import pydicom
from pydicom.filereader import read_file_meta_info
from pydicom.uid import (
    JPEG2000,
    UID,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    MediaStorageDirectoryStorage,
    RLELossless,
)

from keras_cwp.data.radiographs.codestream import first_frame, stream_of
from keras_cwp.errors import DataError

BEGINNING = 132  # bytes that show whether a file is DICOM: 128 of preamble, then DICM
_PREAMBLE = 128
# The first element of a file without preamble is of group 2, or of group 8 where that is missing too.
_FIRST_TAGS = tuple(group.to_bytes(2, order) for group in (2, 8) for order in ("little", "big"))
_FIRST_VRS = (b"UL", b"OB", b"UI", b"CS", b"SH", b"DA", b"TM", b"LO", b"IS", b"DT", b"AE", b"SQ")
_LONGEST_FIRST = 1 << 16  # bytes of the first element in implicit encoding, which has no letters to recognise
_SYNTAXES = {  # by `Stream.marker`
    0xC0: JPEGBaseline8Bit,
    0xC1: JPEGExtended12Bit,
    0xC3: JPEGLosslessSV1,
    0xF7: JPEGLSLossless,
    0x51: JPEG2000,
}
_RLE_SEGMENTS = 15  # at most in a frame; it begins with their number (PS3.5, G.5)


def is_dicom(content: bytes) -> bool:
    """Whether the bytes, of which BEGINNING suffice, start as a DICOM file does.

    That is 128 bytes, then DICM; or, in files without this preamble, a data element of group 2 or 8.
    """
    return content[_PREAMBLE:BEGINNING] == b"DICM" or _starts_with_element(content)


def is_dicom_file(path: Path) -> bool:
    """`is_dicom` of a file's beginning.

    Raises:
        OSError: the file cannot be read.
    """
    with open(path, "rb") as file:
        return is_dicom(file.read(BEGINNING))


def has_preamble(path: Path) -> bool:
    """Whether a file begins with 128 bytes, then DICM: DICOM beyond doubt, whatever its name.

    Raises:
        OSError: the file cannot be read.
    """
    with open(path, "rb") as file:
        return file.read(BEGINNING)[_PREAMBLE:] == b"DICM"


def is_dicomdir(path: Path) -> bool:
    """Whether a file is the index of a CD or of another DICOM medium (PS3.3, F), which holds no picture.

    Raises:
        OSError: the file cannot be read.
    """
    if not has_preamble(path):
        return False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            kind = read_file_meta_info(path).get("MediaStorageSOPClassUID")
    except Exception:  # pydicom raises of many kinds on broken files; the standard fixes the file's name
        kind = None
    return kind == MediaStorageDirectoryStorage or (kind is None and path.name.upper() == "DICOMDIR")


def parse(stream: BinaryIO, defer_size: int | None = None) -> pydicom.Dataset:
    """The data set of a file; its transfer syntax is `syntax_of`.

    Args:
        defer_size: bytes; longer values are left in the file.

    Raises:
        DataError: not readable.
    """
    try:
        return pydicom.dcmread(stream, defer_size=defer_size, force=True)
    except Exception as error:  # pydicom raises of many kinds on broken files
        raise DataError(f"not a readable DICOM file: {error}") from None


def syntax_of(dataset: pydicom.Dataset) -> UID:
    """The transfer syntax as stated, else as the encoding shows it; so too where compressed data are called plain.

    Raises:
        DataError: compressed in a way that nothing states or shows.
    """
    stated = getattr(dataset, "file_meta", {}).get("TransferSyntaxUID")
    compressed = dataset["PixelData"].is_undefined_length
    if stated and (UID(stated).is_private or UID(stated).is_encapsulated or not compressed):
        return UID(stated)
    if compressed:
        return _compression(dataset.PixelData)
    implicit, little = dataset.original_encoding
    if implicit:
        return ImplicitVRLittleEndian
    return ExplicitVRLittleEndian if little else ExplicitVRBigEndian


def _starts_with_element(content: bytes) -> bool:
    if content[:2] not in _FIRST_TAGS or len(content) < 8:
        return False
    if content[4:6] in _FIRST_VRS:
        return True
    return content[0] != 0 and int.from_bytes(content[4:8], "little") < _LONGEST_FIRST and content[3] == 0


def _compression(fragments: bytes) -> UID:
    """The transfer syntax that the first frame shows."""
    frame = first_frame(fragments)
    stream = stream_of(frame)
    if stream is not None and stream.marker in _SYNTAXES:
        return _SYNTAXES[stream.marker]
    if 1 <= int.from_bytes(frame[:4], "little") <= _RLE_SEGMENTS:
        return RLELossless
    raise DataError("compressed pixel data, but no transfer syntax of such is stated; export it again")
