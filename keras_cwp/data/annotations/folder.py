"""A folder of annotations: files of one format in it and below, or class folders. What is found is said."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from keras_cwp.data.annotations.class_tree import read_class_tree
from keras_cwp.data.annotations.formats import (
    JSON,
    TEXT,
    XML,
    YOLO,
    Format,
    UnknownFormatError,
    open_annotations,
    say_what_is_lacking,
)
from keras_cwp.data.annotations.reading import AnnotationFile, Reading
from keras_cwp.data.annotations.roi import Roi
from keras_cwp.data.annotations.yolo import yolo_files
from keras_cwp.data.identity import file_key
from keras_cwp.data.image_files import is_radiograph, visible_files
from keras_cwp.errors import DataError
from keras_cwp.wording import plural

_SIDECARS = (".md", ".html", ".log", ".py", ".ipynb", ".yaml", ".yml", ".ini", ".cfg", ".bib")
_SHOWN = 5  # names in a note


def read_folder(path: Path, reading: Reading) -> list[Roi]:
    """ROIs of all annotation files in a folder and below, sorted by path; of the class folders where there are none.

    Raises:
        DataError: several formats, a file of none, or what `read_class_tree` refuses.
    """
    files = sorted(visible_files(path))
    radiographs = [file for file in files if is_radiograph(file)]
    stems = {file_key(file.stem) for file in radiographs}
    trees = [file for file in files if file.suffix.lower() in JSON + XML]
    opened, unknown = _open_all(path, trees, reading)
    yolo = _yolo(files, reading)
    if opened and yolo:
        reading.note(f"{path}: left out: {plural(len(yolo), 'YOLO file')}; the {opened[0][0].name} files are read")
    elif yolo:
        opened, _ = _open_all(path, yolo, reading)
    if opened:
        _sort_out(path, unknown, stems, reading)
        return _read_files(path, opened, radiographs, reading)
    for file, error in unknown.items():
        if file_key(file.stem) in stems or not radiographs:
            raise error
    if not radiographs and (tables := [file for file in files if file.suffix.lower() in TEXT]):
        raise DataError(f"{path}: no annotation files in it; give a table itself, such as {tables[0]}")
    _say_left_out(path, [file for file in files if file not in set(radiographs)], reading)
    return read_class_tree(path, radiographs, reading)


def _yolo(files: Sequence[Path], reading: Reading) -> list[Path]:
    """YOLO's label files, and empty ones beside them that are about a radiograph: it has no region."""
    yolo = set(yolo_files(files))
    texts = [file for file in files if yolo and file.suffix.lower() == YOLO and file not in yolo]
    empty = [file for file in texts if not file.stat().st_size and reading.images.with_stem(file.stem)]
    return sorted([*yolo, *empty])


def _sort_out(path: Path, unknown: Mapping[Path, DataError], stems: set[str], reading: Reading) -> None:
    """A file that cannot be parsed, or that a picture is named like, is a fault; any other is a tool's own file."""
    own = []
    for file, error in unknown.items():
        if isinstance(error, UnknownFormatError) and file_key(file.stem) not in stems:
            own.append(file.relative_to(path).as_posix())
        else:
            reading.faults.add(error)
    if own:
        reading.note(f"{path}: {plural(len(own), 'file')} of no annotation format left out: {', '.join(own[:_SHOWN])}")


def _open_all(
    path: Path, files: Sequence[Path], reading: Reading
) -> tuple[list[tuple[Format, AnnotationFile]], dict[Path, DataError]]:
    opened, unknown = [], {}
    for file in files:
        try:
            opened.append(open_annotations(file, reading.note, f"{file.relative_to(path).as_posix()}:"))
        except DataError as error:
            unknown[file] = error
    return opened, unknown


def _read_files(
    path: Path, opened: Sequence[tuple[Format, AnnotationFile]], radiographs: Sequence[Path], reading: Reading
) -> list[Roi]:
    counts = Counter(kind.name for kind, _ in opened)
    if len(counts) > 1:
        said = " and ".join(f"{count} {name}" for name, count in counts.items())
        raise DataError(f"{path}: annotation files of several formats ({said}); give the file or folder of one")
    rois, marking = [], 0
    for kind, file in opened:
        with reading.faults.gathered():
            found = kind.read(file, reading)
            rois += found
            marking += bool(found)
    (name,) = counts
    say_what_is_lacking(opened[0][0], path, reading.note)
    used = {roi.image for roi in rois}
    empty = f", {len(opened) - marking} of them without a region" if marking < len(opened) else ""
    read = f"{plural(len(opened), f'{name} file')}{empty}"
    found_on = f"{plural(len(rois), 'region')} on {plural(len(used), 'radiograph')}"
    without = sum((own := reading.images.contains(file)) is not None and own not in used for file in radiographs)
    beside = f"; left out: {plural(without, 'radiograph')} in the folder that no file is about" if without else ""
    reading.note(f"{path}: {read}; {found_on}{beside}")
    return rois


def _say_left_out(path: Path, files: Sequence[Path], reading: Reading) -> None:
    """Name what lies in a class tree and is no radiograph that can be read."""
    odd = [file for file in files if file.suffix.lower() not in _SIDECARS]
    if not odd:
        return
    kinds = Counter(file.suffix.lower() or "no suffix" for file in odd)
    said = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())
    shown = ", ".join(file.relative_to(path).as_posix() for file in odd[:_SHOWN]) + (" …" if len(odd) > _SHOWN else "")
    reading.note(f"{path}: left out: {plural(len(odd), 'file')} of types that are not read ({said}): {shown}")
