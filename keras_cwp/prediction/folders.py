"""The radiographs of a folder: which files are read, which are named because they are not, which are no images."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from keras_cwp.data.image_files import IMAGE_SUFFIXES, UNREAD_SUFFIXES, is_radiograph
from keras_cwp.data.radiographs.dicom_file import has_preamble, is_dicomdir
from keras_cwp.errors import DataError


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
    found = [file for file in files if (is_radiograph(file) or _has_preamble(file)) and not _is_index(file)]
    read = set(found)
    others = [file for file in files if file not in read and not _is_index(file)]
    unread = [file for file in others if file.suffix.lower() in UNREAD_SUFFIXES]
    for file in unread:
        types = ", ".join(IMAGE_SUFFIXES)
        refuse(
            DataError(f"image {file}: files of the type {file.suffix} are not read; convert it to one of {types}"), 1
        )
    rest = [file for file in others if file.suffix.lower() not in UNREAD_SUFFIXES]
    if rest:
        count = "1 file is no image" if len(rest) == 1 else f"{len(rest)} files are no images"
        note(f"{path}: {count}, such as {rest[0].relative_to(path)}")
    return found


def _is_hidden(file: Path, folder: Path) -> bool:
    return any(part.startswith(".") for part in file.relative_to(folder).parts)


def _has_preamble(path: Path) -> bool:
    """Whether it is DICOM under a suffix that says otherwise, such as .ima or .dc3."""
    try:
        return has_preamble(path)
    except OSError:
        return False


def _is_index(path: Path) -> bool:
    """Whether it is a DICOMDIR, under this name or another; a file that cannot be read is named when it is scored."""
    if path.suffix.lower() in IMAGE_SUFFIXES:
        return False
    try:
        return is_dicomdir(path)
    except OSError:
        return False
