"""Writes small DICOM radiographs for tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.tag import Tag
from pydicom.uid import (
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    RLELossless,
    SecondaryCaptureImageStorage,
    generate_uid,
)


def dicom(
    path: Path,
    pixels: np.ndarray,
    bits: int = 12,
    syntax: str = ExplicitVRLittleEndian,
    texts: dict[str, str] | None = None,
    **elements,
) -> Path:
    """Write a small single-frame radiograph; further elements by keyword, or whole under any name.

    Args:
        texts: values of decimal strings as they stand in the file, malformed ones too.
    """
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = SecondaryCaptureImageStorage
    dataset.file_meta.MediaStorageSOPInstanceUID = generate_uid(entropy_srcs=["test"])
    dataset.SOPClassUID = SecondaryCaptureImageStorage
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID
    dataset.Rows, dataset.Columns = pixels.shape[:2]
    dataset.SamplesPerPixel = pixels.shape[2] if pixels.ndim == 3 else 1
    dataset.PhotometricInterpretation = "RGB" if pixels.ndim == 3 else "MONOCHROME2"
    if pixels.ndim == 3:
        dataset.PlanarConfiguration = 0
    dataset.BitsAllocated = 8 * pixels.dtype.itemsize
    dataset.BitsStored, dataset.HighBit = bits, bits - 1
    dataset.PixelRepresentation = int(pixels.dtype.kind == "i")
    dataset.PixelData = pixels.tobytes()
    dataset["PixelData"].VR = "OW" if pixels.dtype.itemsize == 2 else "OB"
    for name, value in elements.items():
        if isinstance(value, DataElement):
            dataset.add(value)
        else:
            setattr(dataset, name, value)
    if syntax in (RLELossless, JPEG2000Lossless):
        dataset.compress(syntax)
    elif syntax != ExplicitVRLittleEndian:
        dataset.file_meta.TransferSyntaxUID = syntax
    for name, text in (texts or {}).items():
        dataset.add_new(name, "LO", text)
    dataset.save_as(path, enforce_file_format=True)
    if texts:
        path.write_bytes(_as_decimal_strings(path.read_bytes(), list(texts)))
    return path


def _as_decimal_strings(content: bytes, names: list[str]) -> bytes:
    for name in names:
        tag = Tag(name)
        start = tag.group.to_bytes(2, "little") + tag.element.to_bytes(2, "little")
        assert content.count(start + b"LO") == 1
        content = content.replace(start + b"LO", start + b"DS")
    return content
