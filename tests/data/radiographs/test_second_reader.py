"""Every picture of pydicom's test files, and every odd file of ours, against dcmtk. Rows explain what differs."""

from __future__ import annotations

import re
import warnings
from pathlib import Path

import numpy as np
import pydicom
import pytest
from support.dcmtk import need_tools, rendered
from support.odd_dicom import all_cases

from keras_cwp.data.radiographs.dicom_file import is_dicom_file
from keras_cwp.data.radiographs.radiograph import read_radiograph
from keras_cwp.errors import DataError

FILES = Path(pydicom.__file__).parent / "data" / "test_files"
EQUAL = 0.0005  # of 1: dcmtk computes windows in tables of whole numbers
# Files that differ by more: by how much, and why.
_CLIPPED = "luma as stored; dcmtk clips saturated red, green and blue on the way to RGB and back"
_SMOOTHED = "luma as stored; dcmtk rounds to RGB of 8 bits, and smooths the colours between pixels"
_LOSSY = "lossy; another inverse cosine transform, a level of 256"
DIFFERENT = {
    "SC_jpeg_no_color_transform.dcm": (0.004, _LOSSY),
    "SC_jpeg_no_color_transform_2.dcm": (0.004, _LOSSY),
    "SC_rgb_dcmtk_+eb+cr.dcm": (0.004, _LOSSY),
    "SC_rgb_jpeg_app14_dcmd.dcm": (0.004, _LOSSY),
    "SC_rgb_dcmtk_+eb+cy+n1.dcm": (0.034, _CLIPPED),
    "SC_rgb_dcmtk_+eb+cy+np.dcm": (0.034, _CLIPPED),
    "SC_rgb_jpeg_lossy_gdcm.dcm": (0.034, _CLIPPED),
    "SC_rgb_dcmtk_+eb+cy+n2.dcm": (0.008, _SMOOTHED),
    "SC_rgb_dcmtk_+eb+cy+s2.dcm": (0.008, _SMOOTHED),
    "SC_rgb_dcmtk_+eb+cy+s4.dcm": (0.008, _SMOOTHED),
    "SC_rgb_jpeg_dcmtk.dcm": (0.008, _SMOOTHED),
    "SC_ybr_full_422_uncompressed.dcm": (0.008, _SMOOTHED),
    "SC_rgb_small_odd_jpeg.dcm": (0.002, _SMOOTHED),
    "JPGExtended.dcm": (0.004, "lossy; another inverse cosine transform, a unit of 12 bits"),
}
# Files that dcmtk refuses and this package reads.
ONLY_HERE = {"SC_rgb_jpeg.dcm": "dcmtk says that its stream ends early; pixels are complete"}
# Files that dcmtk shows and this package refuses: the message.
ONLY_THERE = {
    "JPEG-lossy.dcm": "misplaced marker segment",
    "6293": "pixels that are not square",
    "6924": "pixels that are not square",
    "6154": "a lateral view",
    "examples_palette.dcm": "PALETTE COLOR",
    "MR_truncated.dcm": "less than expected",
}
_OF_ANOTHER_KIND = "frames; a radiograph has one|bits stored in|no Columns|cannot decode transfer syntax JPEG 2000"


def pictures() -> list[Path]:
    """The files with pixel data."""
    files = sorted(path for path in FILES.rglob("*") if path.is_file() and is_dicom_file(path))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom's, of the odd files among its own
        return [path for path in files if "PixelData" in pydicom.dcmread(path, force=True, defer_size=1024)]


def refusal(path: Path) -> str:
    """What this package says of a file that it does not read, else nothing."""
    try:
        read_radiograph(path)
    except DataError as error:
        return str(error)
    return ""


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("path", pictures(), ids=lambda path: path.name)
def test_pydicoms_file(path, tmp_path):
    need_tools()
    refused = refusal(path)
    if path.name in ONLY_THERE or re.search(_OF_ANOTHER_KIND, refused):
        assert re.search(ONLY_THERE.get(path.name, _OF_ANOTHER_KIND), refused)
        return
    assert not refused
    expected = rendered(path, tmp_path)
    assert (expected is None) == (path.name in ONLY_HERE)
    if expected is not None:
        shades = read_radiograph(path).to_unit()
        np.testing.assert_allclose(shades, expected, rtol=0, atol=DIFFERENT.get(path.name, (EQUAL, ""))[0])


CASES = all_cases()
_DIVISOR = "dcmtk divides by 2 to the depth, this package by the greatest entry of that depth"
_ROUNDED = "dcmtk rounds to RGB of 8 bits"
ODD_DIFFERENT = {  # shown alike but for this much of 1
    "voi table of 8 bits": (0.004, _DIVISOR),
    "voi table of 8 bits, words": (0.004, _DIVISOR),
    "voi table of 8 bits, packed": (0.004, _DIVISOR),
    "voi table of 8 bits, packed, an odd number": (0.004, _DIVISOR),
    "voi table of 10 bits": (0.001, _DIVISOR),
    "voi table of 10 bits, words": (0.001, _DIVISOR),
    "YBR": (0.003, _ROUNDED),
}
_DEPTH = "dcmtk believes the depth in the descriptor; the film is dark, or its brightness jumps"
_NOT_FINITE = "dcmtk shows one grey"
_HIGH = "dcmtk reads the bits that HighBit names, which hold no values"
_PADDING = "dcmtk does not leave padding out"
_HEADER = "dcmtk believes the header; grey is washed out or misplaced"
ODD_OTHERWISE = {  # shown otherwise, or refused by dcmtk, because
    "voi table of 12 bits called 16": _DEPTH,
    "voi table of 12 bits called 10": _DEPTH,
    "voi table of 16 bits called 8": _DEPTH,
    "voi table written as signed": "dcmtk leaves such a table out",
    "empty BitsStored": "dcmtk refuses",
    "empty PixelRepresentation": "dcmtk refuses",
    "window NaN NaN": _NOT_FINITE,
    "window 2048 nan": _NOT_FINITE,
    "window inf 100": _NOT_FINITE,
    "window 2048 inf": _NOT_FINITE,
    "window 2048 1e400": _NOT_FINITE,
    "window 20,48 4096": "dcmtk reads the number as far as the comma",
    "window 2048 4_096": "dcmtk reads the number as far as the dash",
    "the second window is good": "dcmtk was asked for the first, which is no number",
    "window beside all values": _NOT_FINITE,
    "window far too wide": _NOT_FINITE,
    "slope NaN": _NOT_FINITE,
    "slope inf": _NOT_FINITE,
    "slope -inf": _NOT_FINITE,
    "intercept NaN": _NOT_FINITE,
    "high bit stated, value in the lowest": _HIGH,
    "signed, high bit stated, value in the lowest": _HIGH,
    "high bit below the value": "dcmtk refuses",
    "high bit beyond the word": "dcmtk refuses",
    "foreign bits above the value, JPEG 2000": "GDCM, which decompresses for dcmtk, does not keep to the bits stored",
    "signed padding written as unsigned": _PADDING,
    "unsigned padding written as signed": _PADDING,
    "padding of ones beyond the stored bits": _PADDING,
    "YBR called RGB": _HEADER,
    "RGB called YBR": _HEADER,
    "whole colours called half": _HEADER,
    "three samples called grey": _HEADER,
    "YBR of studio range": "the header states half colours, and the file has whole ones",
}


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("name", CASES)
def test_odd_file(name, tmp_path):
    """As expected by hand, but for the rows above; a row that is not true any more fails."""
    need_tools()
    case = CASES[name]
    found = rendered(case.write(tmp_path / "a.dcm"), tmp_path)
    atol = ODD_DIFFERENT.get(name, (EQUAL, ""))[0]
    same = found is not None and np.allclose(found, case.shades, rtol=0, atol=atol)
    assert same == (name not in ODD_OTHERWISE)


def test_every_row_is_of_a_case():
    assert set(ODD_DIFFERENT) | set(ODD_OTHERWISE) <= set(CASES)
    assert set(DIFFERENT) | set(ONLY_HERE) | set(ONLY_THERE) <= {path.name for path in pictures()}
