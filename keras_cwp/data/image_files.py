"""Which files are radiographs, by name and by content, and walking a folder without hidden files."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from keras_cwp.data.radiographs.dicom_file import is_dicom_file

RASTER_SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff")
DICOM_SUFFIXES = (".dcm", ".dicom")
IMAGE_SUFFIXES = (*RASTER_SUFFIXES, *DICOM_SUFFIXES)
# Pictures and archives in which radiographs may lie, and which are not read.
UNREAD_SUFFIXES = (
    ".bmp", ".gif", ".webp", ".heic", ".heif", ".avif", ".jfif", ".jp2", ".j2k", ".jpx", ".jxl", ".jls", ".psd", ".pgm",
    ".ppm", ".svg", ".svs", ".pdf", ".nii", ".nrrd", ".nhdr", ".mha", ".mhd", ".npy", ".npz", ".raw", ".ima", ".img",
    ".zip", ".gz", ".tar", ".tgz", ".rar", ".7z", ".iso",
)  # fmt: skip
_HIDDEN_FOLDERS = ("__MACOSX", "@eaDir", "$RECYCLE.BIN", "System Volume Information")
_SYSTEM_FILES = ("thumbs.db", "desktop.ini", "dicomdir")


def visible_files(folder: Path) -> Iterator[Path]:
    """Regular files in a folder and below, sorted by path; none that an operating system wrote for itself.

    Names with a leading dot (AppleDouble's `._a.png` too), `__MACOSX`, thumbnail stores and a DICOMDIR, which is an
    index of other files, are left out.
    """
    for root, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name not in _HIDDEN_FOLDERS)
        for name in sorted(names):
            path = Path(root, name)
            if not name.startswith(".") and name.casefold() not in _SYSTEM_FILES and path.is_file():
                yield path


def is_radiograph(path: Path) -> bool:
    """Whether a visible file is one to read: by its suffix, or as DICOM by its content.

    Archives often give DICOM files no suffix, or a part of a UID as one.
    """
    suffix = path.suffix.lower()
    if suffix in IMAGE_SUFFIXES:
        return True
    if suffix and not suffix[1:].isdigit():
        return False
    try:
        return is_dicom_file(path)
    except OSError:
        return False
