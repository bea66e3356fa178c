"""The folder of radiographs: finds a file in it by any spelling that is certain, and nothing outside it."""

from __future__ import annotations

import difflib
import os
from functools import cached_property
from pathlib import Path, PurePosixPath

from keras_cwp.data.annotations.faults import MissingImageError
from keras_cwp.data.identity import file_key, near_key
from keras_cwp.data.image_files import IMAGE_SUFFIXES, visible_files
from keras_cwp.errors import DataError
from keras_cwp.wording import plural

_HINTS = 20  # messages that name the nearest file; finding it takes a while in a large folder
_MARKS = (".csv", ".tsv", ".txt", ".json", ".xml", ".yaml", ".yml")  # of files that hold marks, not pictures


class ImageFolder:
    """A folder and what is in it.

    Raises:
        DataError: there is no such folder, or nothing but tables and annotation files is in it.
    """

    def __init__(self, path: Path | str) -> None:
        if not Path(path).is_dir():
            raise DataError(f"images folder {path}: no such folder; name the one that holds the radiographs")
        if all(file.suffix.lower() in _MARKS for file in visible_files(Path(path))):
            raise DataError(f"images folder {path}: no radiograph in it; give the folder that holds them with --images")
        self.path = Path(path)
        self._real = Path(os.path.realpath(path))
        self._found: dict[tuple[str, Path | None], tuple[str, Path]] = {}
        self._hints_left = _HINTS

    def find(self, name: str, where: str, beside: Path | None = None) -> tuple[str, Path]:
        """The name and the path of a radiograph.

        A name that differs from the file's own in case, Unicode form, invisible characters, or that lacks the suffix
        is accepted when only one file fits.

        Args:
            name: path below this folder; a backslash is read as a slash.
            where: file and line that ask for it.
            beside: a folder that the name may be relative to instead, such as that of the annotation file.

        Raises:
            DataError: an empty or absolute name, one that leads out of the folder (also by a symbolic link), no
                regular file there, or several files that fit.
        """
        key = (name, beside)
        if key not in self._found:
            self._found[key] = self._look(name, where, beside)
        return self._found[key]

    def resolve(self, name: str) -> str | None:
        """The file's own name where one visible file has this name, in any spelling that `find` accepts; else None."""
        key = file_key(name)
        fitting = self._by_key.get(key, []) or self._by_stem.get(key, [])
        exact = [known for known in fitting if known == name]
        return exact[0] if exact else fitting[0] if len(fitting) == 1 else None

    def contains(self, path: Path) -> str | None:
        """The name below this folder of a path anywhere, None when it lies outside or is no file."""
        real = Path(os.path.realpath(path))
        inside = _is_file(real) and real.is_relative_to(self._real)
        return real.relative_to(self._real).as_posix() if inside else None

    def _look(self, name: str, where: str, beside: Path | None) -> tuple[str, Path]:
        pure = PurePosixPath(name.replace("\\", "/"))
        if not pure.parts or not name.strip() or "\0" in name:
            raise DataError(f"{where}: the image name {name!r} is empty or not a file name")
        if pure.is_absolute() or ".." in pure.parts or ":" in pure.parts[0]:
            raise DataError(f"{where}: image {name!r} leads out of the images folder; give its path below it")
        path = self.path / pure
        if not os.path.realpath(path).startswith(os.path.join(self._real, "")):
            raise DataError(f"{where}: image {name!r} is a link out of the images folder {self.path}; copy the file in")
        near = self.contains(beside / pure) if beside is not None else None
        if _is_file(path):
            if near is not None and near != self.contains(path):
                raise DataError(
                    f"{where}: image {name!r} is in the images folder {self.path} and beside the annotation file; give "
                    "its path below the images folder"
                )
            return pure.as_posix(), path
        return (near, self.path / near) if near is not None else self._by_spelling(pure, name, where)

    def _by_spelling(self, pure: PurePosixPath, name: str, where: str) -> tuple[str, Path]:
        key = file_key(pure.as_posix())
        fitting = self._by_key.get(key, []) or self._by_stem.get(key, [])
        if len(fitting) > 1:
            raise DataError(
                f"{where}: no image {name!r} in {self.path}; {fitting[0]!r} and {fitting[1]!r} are spelt alike: name "
                "the file exactly"
            )
        if not fitting:
            raise MissingImageError(
                f"{where}: no image {name!r} in {self.path}{self._nearest(pure.name)}", name, self.path
            )
        return fitting[0], self.path / fitting[0]

    def with_stem(self, stem: str) -> list[str]:
        """Radiographs anywhere in the folder whose file name without suffix is `stem`."""
        return self._by_bare_stem.get(file_key(stem), [])

    @cached_property
    def names(self) -> list[str]:
        """Names of all visible files below the folder, sorted."""
        return sorted(path.relative_to(self.path).as_posix() for path in visible_files(self.path))

    @cached_property
    def _by_key(self) -> dict[str, list[str]]:
        return _grouped({name: file_key(name) for name in self.names})

    @cached_property
    def _by_stem(self) -> dict[str, list[str]]:
        """Radiographs by their name without the suffix."""
        return _grouped({name: file_key(str(Path(name).with_suffix(""))) for name in self._pictures})

    @cached_property
    def _by_bare_stem(self) -> dict[str, list[str]]:
        return _grouped({name: file_key(Path(name).stem) for name in self._pictures})

    @cached_property
    def _pictures(self) -> list[str]:
        return [name for name in self.names if Path(name).suffix.lower() in IMAGE_SUFFIXES]

    def _nearest(self, name: str) -> str:
        if self._hints_left == 0:
            return ""
        self._hints_left -= 1
        last = {PurePosixPath(known).name: known for known in reversed(self.names)}
        same = [known for known in last if near_key(known) == near_key(name)]
        near = same or difflib.get_close_matches(name, last, n=1)
        return f"; nearest name there: {last[near[0]]!r}" if near else f"; {plural(len(last), 'other name')} there"


def _grouped(keys: dict[str, str]) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {}
    for name, key in keys.items():
        groups.setdefault(key, []).append(name)
    return groups


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a name longer than the file system allows
        return False
