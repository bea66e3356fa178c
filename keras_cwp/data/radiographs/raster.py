"""PNG, JPEG and TIFF, decoded to one channel."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from PIL import Image, ImageOps

from keras_cwp.data.image_files import DICOM_SUFFIXES
from keras_cwp.data.radiographs.header import Header
from keras_cwp.data.radiographs.spacing import NEARLY_SQUARE
from keras_cwp.errors import DataError

_FORMATS = ("PNG", "JPEG", "TIFF")
_SIXTEEN_BIT_MODES = ("I;16", "I;16L", "I;16B", "I;16N", "I")  # "I": 32-bit integers, which may hold 16-bit values
_WHITE = 65535
_LEAST_DEPTH = 14  # bits; a 16-bit picture whose values fit in them uses a quarter of its range at most
_ORIENTATION = 0x0112  # EXIF tag; values from 5 exchange rows and columns
_FIRST_TURNED = 5
_PNG_EXIF = {"exif", "Raw profile type exif", "XML:com.adobe.xmp"}  # in Pillow's info when it stands before the pixels
_BITS_PER_SAMPLE, _PHOTOMETRIC = 258, 262  # TIFF tags
_WHITE_IS_ZERO = 0
_UNKNOWN = "unknown format"
_OTHERS = {  # first bytes of files that are often taken for radiographs
    b"BM": "a BMP picture",
    b"GIF8": "a GIF picture",
    b"RIFF": "a WebP picture",
    b"\0\0\0\x0cjP  ": "a JPEG 2000 picture",
    b"\xff\x4f\xff\x51": "a JPEG 2000 picture",
    b"%PDF": "a PDF document",
    b"PK\x03\x04": "a ZIP archive",
    b"\x1f\x8b": "a gzip archive",
    b"<": "text or HTML, not a picture",
}
_OWN = {b"\x89PNG": "PNG", b"\xff\xd8\xff": "JPEG", b"II*\0": "TIFF", b"MM\0*": "TIFF"}
_CONTAINER = "an HEIC, AVIF or video file"  # of ISO's base media format, known by bytes 4 to 7


def decode_header(stream: BinaryIO, path: Path, max_pixels: int) -> Header:
    """Size, depth and orientation; spacing and patient are unknown.

    Raises:
        DataError: not PNG, JPEG or TIFF, broken, several frames, or more than `max_pixels`.
    """
    with _opened(stream, path, max_pixels) as image:
        orientation = _orientation(image, stream)
        width, height = image.size if orientation < _FIRST_TURNED else image.size[::-1]
        return Header(
            width,
            height,
            _bits(image),
            metadata=_metadata(image),
            orientation=orientation,
            notes=_not_square(image),
        )


def decode(content: bytes, path: Path, max_pixels: int) -> tuple[np.ndarray, Header]:
    """Pixels uint8 or uint16 [height, width], and the header with notes.

    Colour becomes luma; EXIF orientation is applied.

    Raises:
        DataError: as `decode_header`, or pixels that are truncated, broken or of more than 16 bits.
    """
    stream = io.BytesIO(content)
    with _opened(stream, path, max_pixels) as image:
        bits, metadata, orientation = _bits(image), _metadata(image), _orientation(image, stream)
        inverted = image.format == "TIFF" and image.tag_v2.get(_PHOTOMETRIC) == _WHITE_IS_ZERO
        image.draft("L", image.size)  # JPEG: take the luma channel as stored, skip the colours
        upright = image if orientation == 1 else ImageOps.exif_transpose(image)
        notes = _not_square(image)
        if image.mode == "F":
            raise DataError(f"image {path}: floating-point values; save it with 8 or 16 bits")
        if image.mode in _SIXTEEN_BIT_MODES:
            pixels, further = _sixteen_bit(np.asarray(upright), path, bits, inverted)
            notes += further
        else:
            pixels = np.asarray(upright if upright.mode == "L" else upright.convert("L"))
        height, width = pixels.shape
        return pixels, Header(width, height, bits, metadata=metadata, orientation=orientation, notes=notes)


def _metadata(image: Image.Image) -> dict[str, str]:
    return {"file_type": str(image.format).lower()}


def _not_square(image: Image.Image) -> tuple[str, ...]:
    """A note where the resolutions across and down differ; many programs write any value there, so none is believed."""
    across, down = map(float, image.info.get("dpi", (1, 1)))
    if not (across > 0 and down > 0) or max(across, down) <= NEARLY_SQUARE * min(across, down):
        return ()
    return (f"its resolution of {across:g} × {down:g} dpi means pixels that are not square; they are taken as square",)


def _bits(image: Any) -> int:
    if image.mode not in _SIXTEEN_BIT_MODES:
        return 8
    stated = image.tag_v2.get(_BITS_PER_SAMPLE, (16,))[0] if image.format == "TIFF" else 16
    return min(int(stated), 16)


def _sixteen_bit(values: np.ndarray, path: Path, bits: int, inverted: bool) -> tuple[np.ndarray, tuple[str, ...]]:
    """uint16 with white at 65535, and a note where the values seem to be of fewer bits than the file has.

    Values are not scaled by the greatest of them: two films of one machine would come out at two scales, and a
    server, which sees a part of a film only, could not do the same.
    """
    least, greatest = int(values.min()), int(values.max())
    if least < 0 or greatest > _WHITE:
        raise DataError(f"image {path}: values from {least} to {greatest} do not fit 16 bits")
    white = (1 << bits) - 1
    pixels = values if bits == 16 else (values.astype(np.uint32) * _WHITE + white // 2) // white
    pixels = pixels.astype(np.uint16)
    depth = greatest.bit_length()
    if inverted:
        pixels = _WHITE - pixels
    if bits < 16 or not 0 < depth <= _LEAST_DEPTH:
        return pixels, ()
    depth = max(depth + depth % 2, 8)
    factor = 1 << (16 - depth)
    note = (
        f"16 bits, but its values look like {depth}-bit ones saved as they are, which leaves 1/{factor} of the "
        f"range; multiply them by {factor} and save it again"
    )
    return pixels, (note,)


def _orientation(image: Image.Image, stream: BinaryIO) -> int:
    """As the file asks for, 1 if it does not; a PNG is not decoded for that, as Pillow would."""
    if image.format == "PNG" and not _PNG_EXIF & image.info.keys() and not _has_exif_chunk(stream):
        return 1
    return int(image.getexif().get(_ORIENTATION, 1))


def _has_exif_chunk(stream: BinaryIO) -> bool:
    """Whether a PNG has an eXIf chunk, which may stand behind the pixels; the stream is left where it was."""
    place = stream.tell()
    stream.seek(len(b"\x89PNG\r\n\x1a\n"))
    while len(head := stream.read(8)) == 8 and head[4:] not in (b"eXIf", b"IEND"):
        stream.seek(int.from_bytes(head[:4], "big") + 4, io.SEEK_CUR)  # its content and checksum
    stream.seek(place)
    return head[4:] == b"eXIf"


@contextmanager
def _opened(stream: BinaryIO, path: Path, max_pixels: int) -> Iterator[Any]:
    """Open an image and turn whatever a decoder raises, here or in the block, into a DataError."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the pixel limit below is ours; odd tags are not the user's concern
        try:
            image, frames = _open(stream)
        except Exception as error:  # Pillow's plugins raise of every kind on broken input
            raise DataError(f"image {path}: {_unread(stream, path, error)}") from None
        width, height = image.size
        if width * height > max_pixels:
            raise DataError(f"image {path}: {width} × {height} pixels, more than data.max_pixels = {max_pixels}")
        if frames > 1:
            raise DataError(f"image {path}: {frames} frames; a radiograph has one")
        try:
            yield image
        except DataError:
            raise
        except Exception as error:
            raise DataError(f"image {path}: cannot be decoded: {_reason(error)}") from None


def _open(stream: BinaryIO) -> tuple[Any, int]:
    image = Image.open(stream, formats=_FORMATS)
    return image, getattr(image, "n_frames", 1)


def _unread(stream: BinaryIO, path: Path, error: Exception) -> str:
    """Why a file cannot be opened, by its first bytes."""
    stream.seek(0)
    start = stream.read(12)
    if path.suffix.lower() in DICOM_SUFFIXES:
        return "no DICOM file: neither DICM behind 128 bytes nor a data element at its start; export it again"
    kind = _CONTAINER if start[4:8] == b"ftyp" else next((_OTHERS[key] for key in _OTHERS if start.startswith(key)), "")
    if kind:
        return f"{kind}; PNG, JPEG, TIFF and DICOM are read"
    own = next((_OWN[key] for key in _OWN if start.startswith(key)), "")
    if own and _reason(error) == _UNKNOWN:
        return f"a damaged {own}, or one of a kind that is not read; save it again with 8 or 16 bits"
    return f"not a readable PNG, JPEG, TIFF or DICOM: {_reason(error)}"


def _reason(error: Exception) -> str:
    text = str(error) or type(error).__name__
    return _UNKNOWN if "cannot identify image file" in text else text
