"""DICOM radiographs: stored values → modality LUT → VOI LUT or window → bone bright, in [0, 1].

Every step maps one stored value to one output value, so the chain is computed once for the at most 65,536
stored values and then looked up (DICOM PS3.3, C.11.1 and C.11.2).

The VOI LUT or window is applied exactly once, also to images FOR PRESENTATION: PS3.3 C.8.11.1.1.1 defines them as
meant for viewing after the grey-scale transformations that the object specifies. An export whose pixels went
through its window before (some archives write such secondary captures) is read with `window=None`.
"""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pydicom
from pydicom.dataset import FileMetaDataset
from pydicom.multival import MultiValue
from pydicom.pixels import apply_modality_lut, pixel_array
from pydicom.pixels.processing import apply_voi

from keras_cwp.data.radiographs.dicom_file import parse, syntax_of
from keras_cwp.errors import DataError

LATERAL_VIEWS = ("LL", "RL", "LATERAL", "LAT")
_NOT_PIXELS = 1 << 16  # bytes; longer values are left in the file when only the header is wanted
_ROWS = 32  # of a radiograph looked up at a time: their indices stay in the cache
_SQUARE_TOLERANCE = 0.01  # of row against column spacing
_GREY = ("MONOCHROME1", "MONOCHROME2")
_LUMA_THOUSANDTHS = (299, 587, 114)  # ITU-R BT.601; sums of integers are the same on every processor


@dataclass(frozen=True)
class DicomHeader:
    """The fields of `radiograph.Header`, in its order."""

    width: int
    height: int
    bits: int
    spacing_mm: float | None
    patient_id: str | None
    metadata: dict[str, str]
    issuer: str | None
    study: str | None

    def __iter__(self) -> Any:
        return iter(
            (
                self.width,
                self.height,
                self.bits,
                self.spacing_mm,
                self.patient_id,
                self.metadata,
                self.issuer,
                self.study,
            )
        )


def decode_header(stream: BinaryIO, path: Path, max_pixels: int, lateral: bool) -> DicomHeader:
    """Size, depth, spacing, patient and acquisition.

    Raises:
        DataError: not a single-frame radiograph of 8 to 16 bits, larger than `max_pixels`, or a lateral view
            without `lateral`.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom warns of values that break the standard; many scanners' do
        return _header(parse(stream, path, defer_size=_NOT_PIXELS), path, max_pixels, lateral)


def decode(
    content: bytes, path: Path, max_pixels: int, lateral: bool, window: int | None
) -> tuple[np.ndarray, DicomHeader]:
    """float32 pixels [height, width] in [0, 1], bone bright, and the header.

    Args:
        window: which of several windows or VOI LUTs, from 0; None to apply none.

    Raises:
        DataError: as `decode_header`, or a transfer syntax without a decoder, or broken pixel data.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dataset = parse(io.BytesIO(content), path)
        header = _header(dataset, path, max_pixels, lateral)
        stored = _stored(dataset, path)
        try:
            return _render(stored, dataset, window), header
        except DataError as error:
            raise DataError(f"image {path}: {error}") from None
        except Exception as error:  # a table or window that contradicts the pixels
            raise DataError(f"image {path}: its look-up tables or windows cannot be applied: {error}") from None


def window_values(values: np.ndarray, center: float, width: float, function: str = "LINEAR") -> np.ndarray:
    """Map modality values to [0, 1] by a window, PS3.3 C.11.2.1.2.1 and C.11.2.1.3.

    Args:
        values: modality values, any shape.
        function: LINEAR, LINEAR_EXACT or SIGMOID.

    Raises:
        DataError: a width that the function does not allow, or another function.
    """
    least = 1 if function == "LINEAR" else 0
    if width < least or (width == 0 and function != "LINEAR"):
        raise DataError(f"window width {width} is too small for the function {function}")
    if function == "LINEAR":
        center, width = center - 0.5, width - 1
    if function in ("LINEAR", "LINEAR_EXACT"):
        if width == 0:
            return (values > center).astype(np.float64)
        return np.clip((values - center) / width + 0.5, 0, 1)
    if function == "SIGMOID":
        return 1 / (1 + np.exp(np.clip(-4 * (values - center) / width, -700, 700)))
    raise DataError(f"window function {function!r}; expected LINEAR, LINEAR_EXACT or SIGMOID")


def _header(dataset: pydicom.Dataset, path: Path, max_pixels: int, lateral: bool) -> DicomHeader:
    try:
        if "DirectoryRecordSequence" in dataset:
            raise DataError("a DICOMDIR, the index of a medium; it holds no picture")
        if "PixelData" not in dataset:
            raise DataError("no pixel data in it")
        width, height, bits = int(dataset.Columns), int(dataset.Rows), int(dataset.BitsStored)
        _check_kind(dataset, width, height, bits, max_pixels)
        view = str(dataset.get("ViewPosition", "") or "").strip().upper()
        if view in LATERAL_VIEWS and not lateral:
            raise DataError(f"a lateral view (ViewPosition {view}); leave it out, or ask for lateral views")
        patient, issuer, study = (
            str(dataset.get(name, "") or "").strip() or None
            for name in ("PatientID", "IssuerOfPatientID", "StudyInstanceUID")
        )
        return DicomHeader(width, height, bits, _spacing(dataset), patient, _metadata(dataset, view), issuer, study)
    except DataError as error:
        raise DataError(f"image {path}: {error}") from None
    except Exception as error:
        raise DataError(f"image {path}: its DICOM header cannot be used: {error}") from None


def _check_kind(dataset: pydicom.Dataset, width: int, height: int, bits: int, max_pixels: int) -> None:
    frames = int(dataset.get("NumberOfFrames", 1) or 1)
    photometric = str(dataset.get("PhotometricInterpretation", ""))
    if frames != 1:
        raise DataError(f"{frames} frames; a radiograph has one")
    if width < 1 or height < 1 or width * height > max_pixels:
        raise DataError(f"{width} × {height} pixels; data.max_pixels allows 1 to {max_pixels}")
    if not 8 <= bits <= 16 or int(dataset.BitsAllocated) not in (8, 16):
        raise DataError(f"{bits} bits stored in {dataset.BitsAllocated}; only 8 to 16 are read")
    if photometric not in _GREY and int(dataset.get("SamplesPerPixel", 1)) != 3:
        raise DataError(f"PhotometricInterpretation {photometric!r}; grey or three-channel colour is read")


def _spacing(dataset: pydicom.Dataset) -> float | None:
    magnification = float(dataset.get("EstimatedRadiographicMagnificationFactor", 1) or 1)
    for name, factor in (("PixelSpacing", 1.0), ("ImagerPixelSpacing", magnification)):
        values = dataset.get(name)
        if values is None or len(values) != 2:
            continue
        row, column = float(values[0]) / factor, float(values[1]) / factor
        if row > 0 and abs(row - column) <= _SQUARE_TOLERANCE * row:
            return row
    return None


def _metadata(dataset: pydicom.Dataset, view: str) -> dict[str, str]:
    named = {
        "file_type": "dicom",
        "manufacturer": dataset.get("Manufacturer", ""),
        "modality": dataset.get("Modality", ""),
        "view": view,
        "intent": dataset.get("PresentationIntentType", ""),
        "photometric": dataset.get("PhotometricInterpretation", ""),
    }
    return {name: str(value).strip() for name, value in named.items() if str(value or "").strip()}


def _stored(dataset: pydicom.Dataset, path: Path) -> np.ndarray:
    try:
        dataset.file_meta = getattr(dataset, "file_meta", None) or FileMetaDataset()
        dataset.file_meta.TransferSyntaxUID = syntax_of(dataset)
        return pixel_array(dataset)
    except Exception as error:
        syntax = dataset.file_meta.get("TransferSyntaxUID")
        name = getattr(syntax, "name", syntax)
        reason = " ".join(str(error).split())
        raise DataError(f"image {path}: cannot decode transfer syntax {name}: {reason}") from None


def _luma(colours: np.ndarray, bits: int) -> np.ndarray:
    """float32 [height, width] in [0, 1] from unsigned integers [height, width, 3] of so many bits.

    Each pixel is computed from integers by itself. A matrix product would sum in an order that depends on the
    processor and on the place in the array.
    """
    weighted = [colours[..., channel].astype(np.int64) * weight for channel, weight in enumerate(_LUMA_THOUSANDTHS)]
    return (sum(weighted) / (1000 * (2**bits - 1))).astype(np.float32)


def _render(stored: np.ndarray, dataset: pydicom.Dataset, window: int | None) -> np.ndarray:
    if stored.ndim == 3:
        return _luma(stored, int(dataset.BitsStored))
    pattern = stored.view(f"u{stored.itemsize}")
    every = np.arange(1 << 8 * stored.itemsize, dtype=pattern.dtype).view(stored.dtype)  # value of each bit pattern
    padding = _padding(every, dataset)
    shown = _voi(apply_modality_lut(every, dataset), dataset, window)
    if shown is None:
        shown = _stretched(apply_modality_lut(every, dataset), _used(pattern, len(every)) & ~padding)
    if dataset.PhotometricInterpretation == "MONOCHROME1":
        shown = 1 - shown
    shown[padding] = 0
    return _looked_up(shown.astype(np.float32), pattern)


def _looked_up(table: np.ndarray, pattern: np.ndarray) -> np.ndarray:
    """`table[pattern]`; a few rows at a time, for NumPy widens indices to 64 bits."""
    shades = np.empty(pattern.shape, dtype=table.dtype)
    for start in range(0, len(pattern), _ROWS):
        rows = slice(start, start + _ROWS)
        np.take(table, pattern[rows], out=shades[rows], mode="clip")
    return shades


def _used(pattern: np.ndarray, values: int) -> np.ndarray:
    """bool [values]: which occur."""
    used = np.zeros(values, dtype=bool)
    for start in range(0, len(pattern), _ROWS):
        used[pattern[start : start + _ROWS]] = True
    return used


def _voi(values: np.ndarray, dataset: pydicom.Dataset, window: int | None) -> np.ndarray | None:
    """Modality values to [0, 1] by VOI LUT or window; None where there is neither or `window` is None."""
    if window is None:
        return None
    if dataset.get("VOILUTSequence"):
        number = min(window, len(dataset.VOILUTSequence) - 1)
        shown = apply_voi(np.rint(values).astype(np.int64), dataset, index=number)
        return shown / (2 ** int(dataset.VOILUTSequence[number].LUTDescriptor[2]) - 1)
    if dataset.get("WindowCenter") is None or dataset.get("WindowWidth") is None:
        return None
    function = str(dataset.get("VOILUTFunction", "") or "LINEAR")
    return window_values(values, _pick(dataset.WindowCenter, window), _pick(dataset.WindowWidth, window), function)


def _stretched(values: np.ndarray, used: np.ndarray) -> np.ndarray:
    """From the least to the greatest value in use."""
    low, high = (float(end(values[used])) if used.any() else 0.0 for end in (np.min, np.max))
    return np.clip((values - low) / max(high - low, 1e-9), 0, 1)


def _pick(value: Any, window: int) -> float:
    return float(value[min(window, len(value) - 1)] if isinstance(value, MultiValue) else value)


def _padding(every: np.ndarray, dataset: pydicom.Dataset) -> np.ndarray:
    first = dataset.get("PixelPaddingValue")
    if first is None:
        return np.zeros(len(every), dtype=bool)
    last = dataset.get("PixelPaddingRangeLimit", first)
    low, high = sorted((int(first), int(last)))
    return (every >= low) & (every <= high)
