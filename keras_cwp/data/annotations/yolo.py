"""YOLO's label files: a text file a radiograph, each line a class number and a box or outline in shares of its sides.

The classes' names stand in a file of their own, beside the labels or in a folder above them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import yaml

from keras_cwp.config import DataConfig
from keras_cwp.data.annotations.boxes import bounding_box, checked_box
from keras_cwp.data.annotations.reading import WITHOUT_REGION, AnnotationFile, Reading
from keras_cwp.data.annotations.roi import Box, Outline, Roi
from keras_cwp.data.identity import tidy
from keras_cwp.data.radiographs.header import Header
from keras_cwp.data.radiographs.radiograph import read_header
from keras_cwp.errors import DataError
from keras_cwp.settings_file import parse_yaml

_LINE = re.compile(r"\d+(?:[ \t]+[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?){4,}")
_LOOKED_AT = 4096  # bytes of a file
_NAMES_FILES = ("classes.txt", "obj.names", "predefined_classes.txt")  # a name a line; of several tools
_YAML = (".yaml", ".yml")  # Ultralytics' data.yaml: `names`, a list or a mapping from numbers
_ABOVE = 2  # folders above the labels in which names are looked for: DATA/labels/train
_BEYOND = 1.05  # a share above this is in pixels
_LABELS, _IMAGES = "labels", "images"  # the two trees of a YOLO data set
_ANY = DataConfig(max_pixels=2**40, lateral=True)  # what is not to be read is refused later, with its reason


class YoloLabels(NamedTuple):
    """The lines of a file that hold anything, with their numbers."""

    lines: tuple[tuple[int, tuple[float, ...]], ...]


def is_yolo(text: str) -> bool:
    """Whether every line is a class number and at least four numbers, with blanks between."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return bool(lines) and all(_LINE.fullmatch(line) for line in lines)


def yolo_files(files: Iterable[Path]) -> list[Path]:
    """The YOLO label files among some."""
    return [file for file in files if file.suffix.lower() == ".txt" and is_yolo(_text(file, _LOOKED_AT))]


def open_yolo(path: Path, among_others: bool) -> YoloLabels | None:
    """The lines of a YOLO file; None of any other file.

    Args:
        among_others: in a folder of them, where an empty one says that there is no region.
    """
    text = _text(path)
    if not is_yolo(text) and (path.stat().st_size or not among_others):
        return None
    numbered = enumerate(text.splitlines(), start=1)
    return YoloLabels(tuple((n, tuple(map(float, line.split()))) for n, line in numbered if line.strip()))


def is_yolo_labels(content: Any) -> bool:
    """Whether a file was opened as YOLO's."""
    return isinstance(content, YoloLabels)


def read_yolo(file: AnnotationFile, reading: Reading) -> list[Roi]:
    """Lines in file order; the radiograph is the one of the file's own name. Outlines count by their bounding box.

    Raises:
        DataError: no radiograph of that name, no or several lists of names. What is wrong with one line is gathered:
            a number without a name, a box without area, numbers that are no shares.
    """
    labels: YoloLabels = file.content
    image, path = _radiograph(file.path, reading)
    if not labels.lines:
        reading.oddities[WITHOUT_REGION] += 1
        return []
    names = {} if reading.to_predict else _names(file.path, reading)
    header = read_header(path, _ANY)
    rois = []
    for line, numbers in labels.lines:
        where = f"{file.path}, line {line}"
        with reading.faults.gathered():
            label = "" if reading.to_predict else _label(int(numbers[0]), names, where)
            box, outline = _shape(numbers[1:], header, where)
            rois.append(Roi(image, path, None, label, box, f"{file.prefix}{line}:{image}", where, outline))
    return rois


def _text(path: Path, limit: int = -1) -> str:
    """A text file, or its first bytes without a line that is cut; "" where it is not in UTF-8."""
    try:
        with open(path, "rb") as file:
            content = file.read(limit)
            text = content.decode("utf-8-sig")
    except (OSError, UnicodeDecodeError):
        return ""
    return text.rpartition("\n")[0] if len(content) == limit else text


def _radiograph(file: Path, reading: Reading) -> tuple[str, Path]:
    """By the path below the folder of labels, in the tree of images that goes with one of labels; else by the name."""
    images = reading.images
    for base in (reading.root, images.path):
        inside = base is not None and file.is_relative_to(base)
        below = PurePosixPath(file.relative_to(base).as_posix() if base and inside else file.name)
        parts = below.with_suffix("").parts
        beside = [_IMAGES if part.lower() == _LABELS else part for part in parts]
        for name in ("/".join(parts), "/".join(beside), "/".join(part for part in parts if part.lower() != _LABELS)):
            if (found := images.resolve(name)) is not None:
                return found, images.path / found
    own = images.with_stem(file.stem)
    if len(own) == 1:
        return own[0], images.path / own[0]
    several = f"{own[0]!r} and {own[1]!r}" if own else "none"
    raise DataError(f"{file}: one radiograph of the file's own name is wanted in {images.path}, found {several}")


def _names(file: Path, reading: Reading) -> dict[int, str]:
    """The classes' names by number, from the nearest folder that has a list."""
    folder = file.parent
    highest = (reading.root or folder).resolve().parent
    for _ in range(len(folder.resolve().parts) - len(highest.parts) + _ABOVE):
        lists = dict(_lists(folder))
        if len({tuple(sorted(names.items())) for names in lists.values()}) > 1:
            one, other, *_ = lists
            raise DataError(f"{one} and {other} name the classes differently; leave one of them")
        if lists:
            return next(iter(lists.values()))
        if folder.resolve() == highest or folder.resolve().parent == folder.resolve():
            break
        folder = folder.parent if folder.name not in ("", "..") else folder.resolve().parent
    raise DataError(
        f"{file}: YOLO labels name classes by number only; put {_NAMES_FILES[0]}, a name a line from class 0 on, or "
        "the data set's data.yaml beside them"
    )


def _lists(folder: Path) -> Iterator[tuple[Path, dict[int, str]]]:
    """Each file of a folder that names classes, and the names by number."""
    for path in sorted(folder.iterdir()):
        if path.name.lower() in _NAMES_FILES:
            lines = _text(path).strip().splitlines()
            yield path, {number: tidy(line) for number, line in enumerate(lines)}
        elif path.suffix.lower() in _YAML and (names := _of_yaml(path)):
            yield path, names


def _of_yaml(path: Path) -> dict[int, str]:
    """The names of a data.yaml; empty for any other YAML file."""
    try:
        tree = parse_yaml(_text(path))
        names = tree.get("names") if isinstance(tree, dict) else None
        pairs = enumerate(names) if isinstance(names, list) else names.items() if isinstance(names, dict) else ()
        return {int(number): tidy(str(name)) for number, name in pairs}
    except (yaml.YAMLError, RecursionError, ValueError):
        return {}


def _label(number: int, names: dict[int, str], where: str) -> str:
    if not names.get(number):
        raise DataError(f"{where}: class {number} has no name; there are {len(names)} names, from class 0 on")
    return names[number]


def _shape(numbers: tuple[float, ...], header: Header, where: str) -> tuple[Box, Outline | None]:
    """A box as centre and size, with or without a confidence after it; or the corners of an outline."""
    if max(map(abs, numbers)) > _BEYOND:
        raise DataError(f"{where}: {numbers} are no shares of the picture's sides, from 0 to 1; are they pixels?")
    if len(numbers) in (4, 5):
        x, y, width, height = numbers[:4]
        left, top = (x - width / 2) * header.width, (y - height / 2) * header.height
        return checked_box((left, top, width * header.width, height * header.height), where), None
    if len(numbers) % 2:
        raise DataError(f"{where}: {len(numbers)} numbers are neither a box nor an outline of x, y pairs")
    corners = zip(numbers[::2], numbers[1::2], strict=True)
    outline = tuple((x * header.width, y * header.height) for x, y in corners)
    return bounding_box(outline, where), outline
