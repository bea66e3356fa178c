"""VGG Image Annotator, version 3, JSON project and CSV: rectangles and polygons in spatial metadata."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

from keras_cwp.data.annotations.boxes import bounding_box, checked_box
from keras_cwp.data.annotations.class_attribute import class_attribute, label_of
from keras_cwp.data.annotations.delimited import Table
from keras_cwp.data.annotations.reading import AnnotationFile, Reading
from keras_cwp.data.annotations.roi import Box, Outline, Roi
from keras_cwp.errors import DataError

_RECTANGLE, _POLYLINE, _POLYGON = 2, 6, 7  # the first number of a metadata entry's `xy`
_COLUMNS = ("file_list", "spatial_coordinates", "metadata")
_ATTRIBUTES = ("# ATTRIBUTE = ", "# ATTRIBUTES = ")  # the comment that names them; early versions wrote the second


class _Entry(NamedTuple):
    """One entry of the metadata.

    Args:
        files: names of the files of its view.
        xy: the shape's number and its coordinates; [] marks a whole file or a stretch of time.
        av: values by the attributes' numbers.
    """

    where: str
    files: Any
    xy: Any
    av: Any


def is_via3(tree: Any) -> bool:
    """Whether a JSON tree has the parts of a VIA 3 project."""
    parts = ("file", "view", "metadata", "attribute")
    return isinstance(tree, dict) and all(isinstance(tree.get(name), dict) for name in parts)


def is_via3_csv(table: Any) -> bool:
    """Whether a table has the columns of VIA 3's CSV export."""
    return isinstance(table, Table) and set(_COLUMNS) <= set(table.header)


def read_via3(file: AnnotationFile, reading: Reading) -> list[Roi]:
    """Spatial metadata in file order; the name of the picture's file, and the class from its attributes.

    Raises:
        DataError: no clear class attribute. What is wrong with one entry is gathered: a shape that is neither
            rectangle nor polygon, a view of no or several files, no class.
    """
    tree: dict[str, Any] = file.content
    entries = [
        _of_json(f"{file.path}, metadata {key!r}", entry, tree, reading) for key, entry in tree["metadata"].items()
    ]
    return _read([entry for entry in entries if entry is not None], tree["attribute"], file, reading)


def read_via3_csv(file: AnnotationFile, reading: Reading) -> list[Roi]:
    """Rows of a CSV file in its order. Otherwise as `read_via3`."""
    table: Table = file.content
    attributes = _attributes(table.comments)
    if not any(isinstance(attribute, dict) for attribute in attributes.values()):
        reading.note(f"{file.path}: the names of the attributes' options are not stated; classes are called as stored")
    entries = []
    for line, row in table.rows(reading.faults):
        where = f"{file.path}, line {line}"
        with reading.faults.gathered():
            entries.append(_Entry(where, *(_cell(row[name], name, where) for name in _COLUMNS)))
    return _read(entries, attributes, file, reading)


def _read(
    entries: Sequence[_Entry], attributes: Mapping[str, Any], file: AnnotationFile, reading: Reading
) -> list[Roi]:
    spatial = [entry for entry in entries if entry.xy != []]
    values = [_values(entry.av, attributes) for entry in spatial]
    name = class_attribute(values, reading, file.path)
    rois = []
    for number, (entry, stated) in enumerate(zip(spatial, values, strict=True), start=1):
        with reading.faults.gathered():
            where = entry.where
            image, radiograph = reading.images.find(_file_name(entry), where, file.path.parent)
            box, outline = _shape(entry.xy, where)
            label = label_of(stated, name, where)
            rois.append(Roi(image, radiograph, None, label, box, f"{file.prefix}{number}:{image}", where, outline))
    return rois


def _of_json(where: str, entry: Any, tree: Mapping[str, Any], reading: Reading) -> _Entry | None:
    """An entry of a project; None for one that is malformed, which is gathered."""
    with reading.faults.gathered():
        if not isinstance(entry, dict):
            raise DataError(f"{where}: it is {entry!r}, expected an object")
        view = tree["view"].get(str(entry.get("vid")))
        listed = view.get("fid_list") if isinstance(view, dict) else None
        files = [tree["file"].get(str(each)) for each in listed] if isinstance(listed, list) else None
        names = files and [each.get("fname") if isinstance(each, dict) else None for each in files]
        return _Entry(where, names, entry.get("xy"), entry.get("av"))
    return None


def _attributes(comments: Sequence[str]) -> dict[str, Any]:
    """The attributes by their numbers, as a project has them; only their names in files of early versions."""
    for line in comments:
        for beginning in _ATTRIBUTES:
            if line.startswith(beginning):
                try:
                    found = json.loads(line.removeprefix(beginning).rstrip(",;\t "))
                except (ValueError, RecursionError):
                    return {}
                return found if isinstance(found, dict) else {}
    return {}


def _cell(text: str, name: str, where: str) -> Any:
    try:
        return json.loads(text or "null")
    except (ValueError, RecursionError):
        raise DataError(f"{where}: {name} is {text!r:.80}, expected JSON such as [2,10,20,30,40]") from None


def _values(stated: Any, attributes: Mapping[str, Any]) -> dict[str, Any]:
    """An entry's attributes by their names, options by their texts."""
    found: dict[str, Any] = {}
    for key, value in (stated if isinstance(stated, dict) else {}).items():
        attribute = attributes.get(key)
        if isinstance(attribute, str):
            attribute = {"aname": attribute}
        attribute = attribute if isinstance(attribute, dict) else {}
        options = attribute.get("options")
        options = options if isinstance(options, dict) else {}
        chosen = [part for part in str(value).split(",") if part in options]
        found[str(attribute.get("aname", key))] = {str(options[part]): True for part in chosen} if chosen else value
    return found


def _file_name(entry: _Entry) -> str:
    if not isinstance(entry.files, list) or len(entry.files) != 1:
        raise DataError(f"{entry.where}: its view has the files {entry.files!r}, expected one")
    name = entry.files[0]
    if not isinstance(name, str) or not name.strip():
        raise DataError(f"{entry.where}: its file has the name {name!r}, expected a text")
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
