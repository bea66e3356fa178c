"""PNG, JPEG and TIFF, decoded to one channel."""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from PIL import Image, ImageOps

from keras_cwp.errors import DataError

_FORMATS = ("PNG", "JPEG", "TIFF")
_DICOM_SUFFIXES = (".dcm", ".dicom")
_SIXTEEN_BIT_MODES = ("I;16", "I;16L", "I;16B", "I;16N", "I")  # "I": 32-bit integers, which may hold 16-bit values
_ORIENTATION = 0x0112  # EXIF tag; values from 5 exchange rows and columns
_FIRST_TURNED = 5
_PNG_EXIF = {"exif", "Raw profile type exif", "XML:com.adobe.xmp"}  # in Pillow's info when it stands before the pixels
_PHOTOMETRIC = 262  # TIFF tag
_WHITE_IS_ZERO = 0


def decode_header(
    stream: BinaryIO, path: Path, max_pixels: int
) -> tuple[int, int, int, None, None, dict[str, str], None, None, int]:
    """The fields of `radiograph.Header`, in its order.

    Raises:
        DataError: not PNG, JPEG or TIFF, broken, several frames, or more than `max_pixels`.
    """
    with _opened(stream, path, max_pixels) as image:
        width, height = image.size
        orientation = _orientation(image, stream)
        if orientation >= _FIRST_TURNED:
            width, height = height, width
        bits = 16 if image.mode in _SIXTEEN_BIT_MODES else 8
        kind = {"file_type": str(image.format).lower()}
        return width, height, bits, None, None, kind, None, None, orientation


def decode(content: bytes, path: Path, max_pixels: int) -> tuple[np.ndarray, int, dict[str, str]]:
    """Pixels uint8 or uint16 [height, width], bits, metadata. Colour becomes luma; EXIF orientation is applied.

    Raises:
        DataError: as `decode_header`, or pixels that are truncated, broken or of more than 16 bits.
    """
    stream = io.BytesIO(content)
    with _opened(stream, path, max_pixels) as image:
        kind = {"file_type": str(image.format).lower()}
        inverted = image.format == "TIFF" and image.tag_v2.get(_PHOTOMETRIC) == _WHITE_IS_ZERO
        image.draft("L", image.size)  # JPEG: take the luma channel as stored, skip the colours
        upright = image if _orientation(image, stream) == 1 else ImageOps.exif_transpose(image)
        if image.mode == "F":
            raise DataError(f"image {path}: floating-point values; save it with 8 or 16 bits")
        if image.mode in _SIXTEEN_BIT_MODES:
            pixels = _sixteen_bit(np.asarray(upright), path)
            return (65535 - pixels if inverted else pixels), 16, kind
        return np.asarray(upright if upright.mode == "L" else upright.convert("L")), 8, kind


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


class _opened:  # noqa: N801 - used as a with statement only
    """Open an image and turn whatever a decoder raises, here or in the block, into a DataError."""

    def __init__(self, stream: BinaryIO, path: Path, max_pixels: int) -> None:
        self._stream, self._path, self._max_pixels = stream, path, max_pixels
        self._warnings = warnings.catch_warnings()

    def __enter__(self) -> Any:
        self._warnings.__enter__()
        warnings.simplefilter("ignore")  # the pixel limit below is ours; odd tags are not the user's concern
        try:
            return self._open()
        except DataError:
            self._warnings.__exit__(None, None, None)
            raise

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        self._warnings.__exit__(None, None, None)
        if isinstance(error, Exception) and not isinstance(error, DataError):
            raise DataError(f"image {self._path}: cannot be decoded: {_reason(error)}") from None

    def _open(self) -> Any:
        try:
            image = Image.open(self._stream, formats=_FORMATS)
            frames = getattr(image, "n_frames", 1)
        except Exception as error:  # Pillow's plugins raise of every kind on broken input
            if self._path.suffix.lower() in _DICOM_SUFFIXES:
                raise DataError(
                    f"image {self._path}: DICOM without its file header (128 bytes, then DICM); export it as a file"
                ) from None
            raise DataError(f"image {self._path}: not a readable PNG, JPEG, TIFF or DICOM: {_reason(error)}") from None
        width, height = image.size
        if width * height > self._max_pixels:
            raise DataError(
                f"image {self._path}: {width} × {height} pixels, more than data.max_pixels = {self._max_pixels}"
            )
        if frames > 1:
            raise DataError(f"image {self._path}: {frames} frames; a radiograph has one")
        return image


def _sixteen_bit(values: np.ndarray, path: Path) -> np.ndarray:
    if values.min() < 0 or values.max() > np.iinfo(np.uint16).max:
        raise DataError(f"image {path}: values from {values.min()} to {values.max()} do not fit 16 bits")
    return values.astype(np.uint16)


def _reason(error: Exception) -> str:
    text = str(error) or type(error).__name__
    return "unknown format" if "cannot identify image file" in text else text
