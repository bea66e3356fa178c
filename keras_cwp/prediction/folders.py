"""The radiographs of a folder: which files are read, which are named because they are not, which are no images."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from keras_cwp.data.radiographs.dicom import BEGINNING, is_dicom
from keras_cwp.errors import DataError

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".dcm", ".dicom")
# Files that a user takes for radiographs, or that hold some. Others, such as tables and the viewer's files on a CD,
# are mentioned together.
_UNREAD = (".bmp", ".gif", ".webp", ".heic", ".heif", ".avif", ".jp2", ".j2k", ".jpx", ".jxl", ".jls", ".psd", ".pgm",
           ".ppm", ".raw", ".img", ".nii", ".nrrd", ".nhdr", ".mha", ".mhd", ".svs", ".pdf", ".npy", ".npz", ".zip",
           ".gz", ".tar", ".tgz", ".rar", ".7z", ".iso")  # fmt: skip
_INDEX = "DICOMDIR"
_INDEX_CLASS = b"1.2.840.10008.1.3.10"  # Media Storage Directory Storage, PS3.6
_META_BYTES = 1024  # a file's meta information, which names its class, is within them


def image_files(path: Path, refuse: Callable[[DataError, int], None], note: Callable[[str], None]) -> list[Path]:
    """The file itself, or every radiograph in a folder and below, sorted.

    Args:
        refuse: gets an error for each image of a type that is not read, and 1.
        note: gets a line about files that are no images.

    Raises:
        DataError: nothing is there, or the file is a DICOMDIR.
    """
    if path.is_file():
        if _is_index(path):
            raise DataError(f"INPUT {path}: a DICOMDIR is the index of a folder of radiographs; name the folder")
        return [path]
    if not path.is_dir():
        raise DataError(f"INPUT {path}: no such file or folder")
    files = [file for file in sorted(path.rglob("*")) if not _is_hidden(file, path) and file.is_file()]
    found = [file for file in files if _is_radiograph(file)]
    others = [file for file in files if file not in set(found) and not _is_index(file)]
    unread = [file for file in others if file.suffix.lower() in _UNREAD]
    for file in unread:
        types = ", ".join(IMAGE_SUFFIXES)
        refuse(
            DataError(f"image {file}: files of the type {file.suffix} are not read; convert it to one of {types}"), 1
        )
    rest = [file for file in others if file not in set(unread)]
    if rest:
        count = "1 file is no image" if len(rest) == 1 else f"{len(rest)} files are no images"
        note(f"{path}: {count}, such as {rest[0].relative_to(path)}")
    return found


def _is_hidden(file: Path, folder: Path) -> bool:
    return any(part.startswith(".") for part in file.relative_to(folder).parts)


def _is_radiograph(path: Path) -> bool:
    """By its suffix, or by its first bytes: exports of archives often have no suffix, or part of a UID as one."""
    if path.suffix.lower() in IMAGE_SUFFIXES:
        return True
    return is_dicom(_start(path, BEGINNING)) and not _is_index(path)


def _is_index(path: Path) -> bool:
    """Whether it is a DICOMDIR, under this name or another."""
    if path.suffix.lower() in IMAGE_SUFFIXES:
        return False
    start = _start(path, _META_BYTES)
    return is_dicom(start) and (path.name.upper() == _INDEX or _INDEX_CLASS in start)


def _start(path: Path, length: int) -> bytes:
    """The first bytes; none of a file that cannot be read, which is named when it is scored."""
    try:
        with open(path, "rb") as file:
            return file.read(length)
    except OSError:
        return b""
