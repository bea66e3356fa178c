"""dcmtk's rendering of a DICOM file, a second reader to compare with (Debian: apt-get install dcmtk libgdcm-tools)."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.uid import JPEG2000TransferSyntaxes, JPEGLSTransferSyntaxes

_TOOLS = {"dcmj2pnm": "dcmtk", "dcml2pnm": "dcmtk", "gdcmconv": "libgdcm-tools"}
_LUMA = (0.299, 0.587, 0.114)


def need_tools() -> None:
    """Skip the test, and say what is missing, on a machine without dcmtk or GDCM."""
    for tool, package in _TOOLS.items():
        if not shutil.which(tool):
            pytest.skip(f"no {tool}: apt-get install {package}")


def rendered(path: Path, folder: Path) -> np.ndarray | None:
    """float64 [height, width] in [0, 1], by VOI LUT, else window, else least and greatest value; None if refused.

    Args:
        folder: for a decompressed copy of JPEG 2000, which Debian's dcmtk does not read and GDCM does.
    """
    dataset = pydicom.dcmread(path, force=True)
    syntax = getattr(dataset, "file_meta", {}).get("TransferSyntaxUID")
    if syntax in JPEG2000TransferSyntaxes:
        plain = folder / "plain.dcm"
        if subprocess.run(["gdcmconv", "--raw", str(path), str(plain)], capture_output=True, check=False).returncode:
            return None
        path = plain
    tool = "dcml2pnm" if syntax in JPEGLSTransferSyntaxes else "dcmj2pnm"
    for window in _windows(dataset):
        command = [tool, "--quiet", "--no-overlays", "--write-16-bit-pnm", *window, str(path)]
        result = subprocess.run(command, capture_output=True, check=False)
        if not result.returncode:
            return _picture(result.stdout)
    return None


def _windows(dataset: pydicom.Dataset) -> list[list[str]]:
    """Options to try in turn."""
    if (dataset.get("SamplesPerPixel") or 1) == 3:
        return [[]]
    if dataset.get("VOILUTSequence"):
        return [["+Wl", "1"]]
    return [["+Wi", "1"], ["+Wm"]] if "WindowCenter" in dataset else [["+Wm"]]


def _picture(pnm: bytes) -> np.ndarray:
    """From a grey or coloured picture in text form; colour by its luma."""
    lines = [line for line in pnm.split(b"\n") if not line.startswith(b"#")]
    width, height, white, *samples = map(int, b" ".join(lines[1:]).split())
    if lines[0] == b"P2":
        return np.array(samples).reshape(height, width) / white
    return np.array(samples).reshape(height, width, 3) / white @ np.array(_LUMA)
