"""Which files are DICOM, which are an index, and files without preamble or file meta information."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.uid import (
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    RLELossless,
)
from support.dicom_file import dicom

from keras_cwp.data.radiographs.dicom_file import is_dicom, is_dicom_file, is_dicomdir
from keras_cwp.data.radiographs.radiograph import read_header, read_radiograph
from keras_cwp.errors import DataError

RAMP = np.arange(0, 4096, 273, dtype=np.uint16).reshape(4, 4)
FILES = Path(pydicom.__file__).parent / "data" / "test_files"


def test_every_dicomdir_of_pydicom_is_an_index():
    found = {path.relative_to(FILES).as_posix() for path in FILES.rglob("*") if path.is_file() and is_dicomdir(path)}
    assert found == {path.relative_to(FILES).as_posix() for path in FILES.rglob("DICOMDIR*")}
    assert len(found) == 8


def test_a_damaged_index_is_known_by_its_name(tmp_path):
    for name, expected in (("DICOMDIR", True), ("dicomdir", True), ("film.dcm", False)):
        (tmp_path / name).write_bytes(bytes(128) + b"DICM\2\0")
        assert is_dicomdir(tmp_path / name) is expected


def test_a_dicomdir_is_named():
    with pytest.raises(DataError, match="DICOMDIR: a DICOMDIR, the index of a medium; it holds no picture"):
        read_header(FILES / "dicomdirtests" / "DICOMDIR")


@pytest.mark.parametrize(
    "start", [b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0", b"II*\0", b"MM\0*", b"BM", b"", b"image,"]
)
def test_other_files_are_not_dicom(start, tmp_path):
    assert not is_dicom(start + bytes(200))
    (tmp_path / "a").write_bytes(start + bytes(200))
    assert not is_dicom_file(tmp_path / "a")
    assert not is_dicomdir(tmp_path / "a")


def without_meta(path: Path, syntax: str, preamble: bool) -> Path:
    """The same film with group 2 left out."""
    dataset = pydicom.dcmread(path)
    start = 132 + 12 + dataset.file_meta.FileMetaInformationGroupLength
    if syntax == ImplicitVRLittleEndian:
        dataset.file_meta.TransferSyntaxUID = syntax
        dataset.save_as(path, implicit_vr=True)
        start = 132 + 12 + pydicom.dcmread(path).file_meta.FileMetaInformationGroupLength
    film = path.read_bytes()
    path.write_bytes((film[:132] if preamble else b"") + film[start:])
    return path


@pytest.mark.parametrize("preamble", [True, False])
@pytest.mark.parametrize(
    "syntax",
    [ExplicitVRLittleEndian, ImplicitVRLittleEndian, RLELossless, JPEG2000Lossless],
)
def test_without_group_2(syntax, preamble, tmp_path):
    pixels = np.kron(RAMP, np.ones((16, 16), np.uint16))
    written = syntax if syntax in (RLELossless, JPEG2000Lossless) else ExplicitVRLittleEndian
    path = without_meta(dicom(tmp_path / "a.dcm", pixels, syntax=written), syntax, preamble)
    assert is_dicom_file(path)
    np.testing.assert_array_equal(read_radiograph(path).to_unit(), (pixels / 4095).astype(np.float32))


def test_big_endian_without_group_2(tmp_path):
    film = (FILES / "MR_small_bigendian.dcm").read_bytes()
    start = 132 + 12 + pydicom.dcmread(FILES / "MR_small_bigendian.dcm").file_meta.FileMetaInformationGroupLength
    (tmp_path / "a").write_bytes(film[start:])
    expected = read_radiograph(FILES / "MR_small.dcm").to_unit()
    np.testing.assert_array_equal(read_radiograph(tmp_path / "a").to_unit(), expected)


def test_without_preamble(tmp_path):
    path = dicom(tmp_path / "a.dcm", RAMP)
    path.write_bytes(path.read_bytes()[132:])
    np.testing.assert_array_equal(read_radiograph(path).to_unit(), (RAMP / 4095).astype(np.float32))


@pytest.mark.parametrize("syntax", [RLELossless, JPEG2000Lossless])
def test_compressed_pixels_under_a_plain_transfer_syntax(syntax, tmp_path):
    """The stream shows what it is; its first bytes must not be taken for pixels."""
    pixels = np.random.default_rng(0).integers(0, 4096, (64, 64), dtype=np.uint16)
    path = dicom(tmp_path / "a.dcm", pixels, syntax=syntax)
    stated = syntax.encode() + b"\0" * (len(syntax) % 2)
    plain = ExplicitVRLittleEndian.encode().ljust(len(stated), b"\0")
    path.write_bytes(path.read_bytes().replace(stated, plain, 1))
    expected = (pixels - pixels.min()) / np.ptp(pixels)
    np.testing.assert_allclose(read_radiograph(path).to_unit(), expected, atol=1e-6)
