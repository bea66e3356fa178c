"""A region of interest as an annotation file states it, and the folder that its radiograph must lie in."""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from keras_cwp.errors import DataError

NOTHING: Mapping[str, str] = {}  # shared by ROIs without further columns
Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Roi:
    """One marked region.

    Args:
        image: the radiograph's path below the images folder, with forward slashes.
        path: the file itself.
        patient_id: None where the annotation format has none; DICOM's own is taken then.
        label: class name as the file has it.
        box: x, y, width, height in pixels of the full radiograph, 0-based, end-exclusive, fractions kept;
            None means the whole radiograph.
        roi_id: unique in its file.
        where: file and line, for messages.
        polygon: x, y pairs of the outline where the annotation has one; `box` is its bounding box.
        extra: further columns by name.
    """

    image: str
    path: Path
    patient_id: str | None
    label: str
    box: Box | None
    roi_id: str
    where: str
    polygon: tuple[tuple[float, float], ...] | None = None
    extra: Mapping[str, str] = field(default_factory=lambda: NOTHING)


class ImageFolder:
    """The folder of radiographs; finds a file in it and nothing outside.

    Raises:
        DataError: there is no such folder.
    """

    def __init__(self, path: Path | str) -> None:
        if not Path(path).is_dir():
            raise DataError(f"images folder {path}: no such folder; name the one that holds the radiographs")
        self.path = Path(path)
        self._real = Path(os.path.realpath(path))
        self._found: dict[str, tuple[str, Path]] = {}

    def find(self, name: str, where: str) -> tuple[str, Path]:
        """The normalised name and the path of a radiograph.

        Args:
            name: path below this folder; a backslash is read as a slash.
            where: file and line that ask for it.

        Raises:
            DataError: an empty or absolute name, one that leads out of the folder (also by a symbolic link),
                or no regular file there.
        """
        if name not in self._found:
            self._found[name] = self._look(name, where)
        return self._found[name]

    def contains(self, path: Path) -> str | None:
        """The name below this folder of a path anywhere, None when it lies outside or is no file."""
        real = Path(os.path.realpath(path))
        inside = _is_file(real) and real.is_relative_to(self._real)
        return real.relative_to(self._real).as_posix() if inside else None

    def _look(self, name: str, where: str) -> tuple[str, Path]:
        pure = PurePosixPath(name.replace("\\", "/"))
        if not pure.parts or not name.strip() or "\0" in name:
            raise DataError(f"{where}: the image name {name!r} is empty or not a file name")
        if pure.is_absolute() or ".." in pure.parts or ":" in pure.parts[0]:
            raise DataError(f"{where}: image {name!r} leads out of the images folder; give its path below it")
        path = self.path / pure
        real = Path(os.path.realpath(path))
        if not real.is_relative_to(self._real):
            raise DataError(f"{where}: image {name!r} is a link out of the images folder {self.path}; copy the file in")
        if not _is_file(real):
            raise DataError(f"{where}: no image {name!r} in {self.path}{self._nearest(pure.name)}")
        return pure.as_posix(), path

    def _nearest(self, name: str) -> str:
        names = [entry.name for entry in self.path.iterdir()]
        near = difflib.get_close_matches(name, names, n=1)
        return f"; nearest name there: {near[0]!r}" if near else f"; the folder holds {len(names)} other names"


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a name longer than the file system allows
        return False
