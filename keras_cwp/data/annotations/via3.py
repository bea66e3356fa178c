"""VGG Image Annotator, version 3, JSON project: rectangles and polygons in spatial metadata."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from keras_cwp.data.annotations.boxes import bounding_box, checked_box
from keras_cwp.data.annotations.class_attribute import class_attribute, label_of
from keras_cwp.data.annotations.reading import AnnotationFile, Reading
from keras_cwp.data.annotations.roi import Box, Outline, Roi
from keras_cwp.errors import DataError

_RECTANGLE, _POLYLINE, _POLYGON = 2, 6, 7  # the first number of a metadata entry's `xy`


def is_via3(tree: Any) -> bool:
    """Whether a JSON tree has the parts of a VIA 3 project."""
    parts = ("file", "view", "metadata", "attribute")
    return isinstance(tree, dict) and all(isinstance(tree.get(name), dict) for name in parts)


def read_via3(file: AnnotationFile, reading: Reading) -> list[Roi]:
    """Spatial metadata in file order; the name of the picture's file, and the class from its attributes.

    Raises:
        DataError: no clear class attribute. What is wrong with one entry is gathered: a shape that is neither
            rectangle nor polygon, a view of no or several files, no class.
    """
    tree: dict[str, Any] = file.content
    entries = [
        (f"{file.path}, metadata {key!r}", entry)
        for key, entry in tree["metadata"].items()
        if not isinstance(entry, dict) or entry.get("xy") != []  # [] marks a whole file or a stretch of time
    ]
    values = {where: _values(entry, tree["attribute"]) for where, entry in entries}
    name = class_attribute(values.values(), reading, file.path)
    rois = []
    for number, (where, entry) in enumerate(entries, start=1):
        with reading.faults.gathered():
            if not isinstance(entry, dict):
                raise DataError(f"{where}: it is {entry!r}, expected an object")
            image, radiograph = reading.images.find(_file_name(entry, tree, where), where, file.path.parent)
            box, outline = _shape(entry.get("xy"), where)
            label = label_of(values[where], name, where)
            rois.append(Roi(image, radiograph, None, label, box, f"{file.prefix}{number}:{image}", where, outline))
    return rois


def _values(entry: Any, attributes: Mapping[str, Any]) -> dict[str, Any]:
    """An entry's attributes by their names, options by their texts."""
    stated = entry.get("av") if isinstance(entry, dict) else None
    found: dict[str, Any] = {}
    for key, value in (stated if isinstance(stated, dict) else {}).items():
        attribute = attributes.get(key)
        attribute = attribute if isinstance(attribute, dict) else {}
        options = attribute.get("options")
        options = options if isinstance(options, dict) else {}
        chosen = [part for part in str(value).split(",") if part in options]
        found[str(attribute.get("aname", key))] = {str(options[part]): True for part in chosen} if chosen else value
    return found


def _file_name(entry: Mapping[str, Any], tree: Mapping[str, Any], where: str) -> str:
    view = tree["view"].get(str(entry.get("vid")))
    files = view.get("fid_list") if isinstance(view, dict) else None
    if not isinstance(files, list) or len(files) != 1:
        raise DataError(f"{where}: its view has the files {files!r}, expected one")
    file = tree["file"].get(str(files[0]))
    name = file.get("fname") if isinstance(file, dict) else None
    if not isinstance(name, str) or not name.strip():
        raise DataError(f"{where}: its file {files[0]!r} has the name {name!r}, expected a text")
    return PurePosixPath(unquote(urlsplit(name).path)).name if "://" in name else name


def _shape(xy: Any, where: str) -> tuple[Box, Outline | None]:
    try:
        kind, *numbers = [float(value) for value in xy]
    except (TypeError, ValueError, OverflowError):
        raise DataError(f"{where}: xy is {xy!r:.80}, expected numbers") from None
    if kind == _RECTANGLE and len(numbers) == 4:
        return checked_box((numbers[0], numbers[1], numbers[2], numbers[3]), where), None
    if kind in (_POLYLINE, _POLYGON) and len(numbers) >= 6 and len(numbers) % 2 == 0:
        outline = tuple(zip(numbers[::2], numbers[1::2], strict=True))
        return bounding_box(outline, where), outline
    raise DataError(f"{where}: xy is {xy!r:.80}; only rectangle [2, x, y, width, height] and polygon mark a region")
