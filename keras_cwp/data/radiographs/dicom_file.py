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

from keras_cwp.errors import DataError

BEGINNING = 132  # bytes that show whether a file is DICOM: 128 of preamble, then DICM
_PREAMBLE = 128
# The first element of a file without preamble is of group 2, or of group 8 where that is missing too.
_FIRST_TAGS = tuple(group.to_bytes(2, order) for group in (2, 8) for order in ("little", "big"))
_FIRST_VRS = (b"UL", b"OB", b"UI", b"CS", b"SH", b"DA", b"TM", b"LO", b"IS", b"DT", b"AE", b"SQ")
_LONGEST_FIRST = 1 << 16  # bytes of the first element in implicit encoding, which has no letters to recognise
_START_OF_FRAME = {  # second byte of a JPEG marker (ISO 10918-1, table B.1; ISO 14495-1 for F7)
    0xC0: JPEGBaseline8Bit,
    0xC1: JPEGExtended12Bit,
    0xC3: JPEGLosslessSV1,
    0xF7: JPEGLSLossless,
}
_JPEG, _JPEG2000 = b"\xff\xd8", b"\xff\x4f\xff\x51"
_ITEM_HEADER = 8  # bytes: tag and length


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


def is_dicomdir(path: Path) -> bool:
    """Whether a file is the index of a CD or of another DICOM medium (PS3.3, F), which holds no picture.

    Raises:
        OSError: the file cannot be read.
    """
    with open(path, "rb") as file:
        if file.read(BEGINNING)[_PREAMBLE:] != b"DICM":
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
    """The transfer syntax that the first fragment behind the offset table shows."""
    offsets = int.from_bytes(fragments[4:_ITEM_HEADER], "little")
    frame = fragments[2 * _ITEM_HEADER + offsets :]
    if frame.startswith(_JPEG2000):
        return JPEG2000
    if frame.startswith(_JPEG):
        place = len(_JPEG)
        while len(head := frame[place : place + 4]) == 4 and head[0] == 0xFF:
            if head[1] in _START_OF_FRAME:
                return _START_OF_FRAME[head[1]]
            place += 2 + int.from_bytes(head[2:], "big")
    elif 1 <= int.from_bytes(frame[:4], "little") <= 15:  # segments of an RLE frame (PS3.5, G.5)
        return RLELossless
    raise DataError("compressed pixel data, but no transfer syntax of such is stated; export it again")
