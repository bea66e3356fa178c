"""Odd DICOM files of many kinds: each is shown as it should be, and what was odd is said."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.filewriter import dcmwrite
from pydicom.uid import ExplicitVRBigEndian, ImplicitVRLittleEndian, JPEG2000Lossless
from support.dicom_file import dicom
from support.odd_dicom import AS_IS, GREY8, RAMP, Odd, all_cases, tables

from keras_cwp.data.radiographs.radiograph import Radiograph, read_header, read_radiograph
from keras_cwp.errors import DataError

CASES = all_cases()


@pytest.mark.filterwarnings("ignore::UserWarning")  # pydicom's, while the odd file is written
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_odd_file(case: Odd, tmp_path):
    path = case.write(tmp_path / "a.dcm")
    radiograph = read_radiograph(path)
    np.testing.assert_allclose(radiograph.to_unit(), case.shades, atol=2e-6)
    if case.note:
        assert re.search(case.note, "\n".join(radiograph.notes))
    else:
        assert not radiograph.notes
    header = read_header(path)
    assert set(header.notes) <= set(radiograph.notes)
    assert (header.width, header.height) == (64, 64)


def rewritten(path: Path, syntax: str) -> Path:
    """The same film in another encoding; words of unknown use (OW) change their order of bytes with it."""
    dataset = pydicom.dcmread(path)
    other = Dataset()
    other.update({element.tag: element for element in dataset})
    if syntax == ExplicitVRBigEndian:
        other.PixelData = _swapped(other.PixelData)
        for sequence in ("VOILUTSequence", "ModalityLUTSequence"):
            for item in other.get(sequence, []):
                item.LUTData = _swapped(item.LUTData) if isinstance(item.LUTData, bytes) else item.LUTData
    other.file_meta = dataset.file_meta
    other.file_meta.TransferSyntaxUID = syntax
    little, implicit = syntax != ExplicitVRBigEndian, syntax == ImplicitVRLittleEndian
    dcmwrite(path, other, implicit_vr=implicit, little_endian=little, enforce_file_format=True)
    return path


def _swapped(content: bytes) -> bytes:
    return np.frombuffer(content, "<u2").astype(">u2").tobytes()


TABLES = tables()


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian])
@pytest.mark.parametrize("case", TABLES.values(), ids=TABLES)
def test_tables_in_other_encodings(case: Odd, syntax, tmp_path):
    """Without types, and with the other order of bytes."""
    radiograph = read_radiograph(rewritten(case.write(tmp_path / "a.dcm"), syntax))
    np.testing.assert_allclose(radiograph.to_unit(), case.shades, atol=2e-6)


def test_fewer_bits_compressed_than_stated(tmp_path):
    path = dicom(tmp_path / "a.dcm", GREY8, bits=8, syntax=JPEG2000Lossless)
    dataset = pydicom.dcmread(path)
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 12, 11
    dataset.save_as(path)
    radiograph = read_radiograph(path)
    np.testing.assert_allclose(radiograph.to_unit(), GREY8 / 255, atol=2e-6)
    assert radiograph.notes == ("compressed with 8 bits a pixel, BitsStored is 12; see whether the picture is dark",)
    assert not read_radiograph(dicom(tmp_path / "b.dcm", RAMP, syntax=JPEG2000Lossless)).notes
    np.testing.assert_allclose(read_radiograph(tmp_path / "b.dcm").to_unit(), AS_IS, atol=2e-6)


# Texts that stand in decimal strings of real files, and a few worse ones.
TEXTS = (
    "",
    " ",
    "NaN",
    "nan\\nan",
    "inf",
    "-inf",
    "1e999",
    "abc",
    "0",
    "-0",
    "0,5",
    "1_0",
    "\\",
    "2048\\",
    "1\\x",
    "0x10",
)
ATTRIBUTES = (
    "WindowCenter", "WindowWidth", "RescaleSlope", "RescaleIntercept", "PixelSpacing", "ImagerPixelSpacing",
    "EstimatedRadiographicMagnificationFactor",
)  # fmt: skip
WHOLE_NUMBERS = {
    "HighBit": (0, 5, 10, 12, 15, 16, 255, 65535),
    "BitsStored": (0, 1, 7, 8, 10, 13, 16, 17, 65535),
    "BitsAllocated": (0, 1, 8, 12, 32, 64),
    "PixelRepresentation": (1, 2, 65535),
    "SamplesPerPixel": (0, 2, 3, 4),
    "PlanarConfiguration": (1, 2, 65535),
    "PixelPaddingValue": (0, 1, 4095, 65535),
    "Rows": (0, 1, 32, 63, 65, 128, 65535),
    "Columns": (0, 1, 32, 63, 65, 128, 65535),
}


def drawn(random: np.random.Generator) -> tuple[dict[str, str], dict[str, DataElement]]:
    """One to three odd attributes."""
    texts: dict[str, str] = {}
    numbers: dict[str, DataElement] = {}
    for _ in range(random.integers(1, 4)):
        if random.random() < 0.6:
            texts[str(random.choice(ATTRIBUTES))] = str(random.choice(TEXTS))
        else:
            name = str(random.choice(list(WHOLE_NUMBERS)))
            numbers[name] = DataElement(name, "US", int(random.choice(WHOLE_NUMBERS[name])))
    return texts, numbers


def attempted(path: Path) -> tuple[Radiograph | None, str]:
    """The radiograph, or why it is refused."""
    try:
        return read_radiograph(path), ""
    except DataError as error:
        return None, str(error)


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("seed", range(400))
def test_nothing_odd_is_silent(seed, tmp_path):
    """Whatever attributes say: refused with the file's name, or noted, or a picture that rises with its values."""
    texts, numbers = drawn(np.random.default_rng(seed))
    path = dicom(tmp_path / "a.dcm", RAMP, texts=texts, **({"WindowCenter": "2048", "WindowWidth": "4096"} | numbers))
    radiograph, refusal = attempted(path)
    if radiograph is None:
        assert refusal.startswith(f"image {path}: ")
        return
    shades = radiograph.to_unit()
    assert np.isfinite(shades).all()
    assert shades.min() >= 0
    assert shades.max() <= 1
    if not radiograph.notes:
        assert shades.shape == RAMP.shape
        assert (np.diff(shades.ravel()[1:-1]) >= 0).all()  # one end may be padding
        assert np.ptp(shades) > 1 / 8
