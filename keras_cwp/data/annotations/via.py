"""VGG Image Annotator, versions 1 and 2, JSON and CSV: rectangles and polygons, the class among their attributes."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from keras_cwp.data.annotations.boxes import bounding_box, checked_box, number_or_none
from keras_cwp.data.annotations.class_attribute import class_attribute, label_of
from keras_cwp.data.annotations.delimited import Table
from keras_cwp.data.annotations.reading import WITHOUT_REGION, AnnotationFile, Oddity, Reading
from keras_cwp.data.annotations.roi import Box, Outline, Roi
from keras_cwp.errors import DataError

_PROJECT_KEY = "_via_img_metadata"  # a saved project; an exported annotation file is the table itself
_COLUMNS = ("filename", "region_shape_attributes", "region_attributes")
_OTHER_FILE = Oddity(
    "region is", "regions are", "on a file of another size in bytes than VIA saw: check that it is the same picture"
)


@dataclass(frozen=True)
class _Region:
    filename: str
    file_size: Any  # bytes, as VIA noted them; -1 or "" where it did not
    number: int
    where: str
    shape: Any
    attributes: Any


def is_via(tree: Any) -> bool:
    """Whether a JSON tree looks like a VIA project or its exported annotations."""
    if not isinstance(tree, dict):
        return False
    table = tree.get(_PROJECT_KEY, tree)
    entries = list(table.values()) if isinstance(table, dict) else []
    return bool(entries) and all(isinstance(item, dict) and {"filename", "regions"} <= item.keys() for item in entries)


def is_via_csv(table: Any) -> bool:
    """Whether a table has the columns of VIA's CSV export; version 1 writes `#filename`."""
    return isinstance(table, Table) and set(_COLUMNS) <= {name.lstrip("#") for name in table.header}


def read_via(file: AnnotationFile, reading: Reading) -> list[Roi]:
    """Regions of a JSON file, in its order. The format has no patient, so `patient_id` is None.

    Raises:
        DataError: an entry without regions, no clear class attribute. What is wrong with one region is gathered: a
            shape that is neither rect nor polygon, coordinates that are no numbers, no class.
    """
    return _read(list(_of_json(file, reading)), file, reading)


def read_via_csv(file: AnnotationFile, reading: Reading) -> list[Roi]:
    """Rows of a CSV file, in its order; rows of pictures without a region are left out. Otherwise as `read_via`."""
    return _read(list(_of_csv(file, reading)), file, reading)


def _of_json(file: AnnotationFile, reading: Reading) -> Iterable[_Region]:
    tree: dict[str, Any] = file.content
    for entry in tree.get(_PROJECT_KEY, tree).values():
        name, regions = entry["filename"], entry["regions"]
        if not isinstance(name, str) or not isinstance(regions, list | dict):
            raise DataError(f"{file.path}: an entry has no filename, or regions that are no list: {name!r}")
        if not regions:
            reading.oddities[WITHOUT_REGION] += 1
        for number, region in enumerate(regions.values() if isinstance(regions, dict) else regions, start=1):
            parts = region if isinstance(region, dict) else {}
            yield _Region(
                name,
                entry.get("size"),
                number,
                f"{file.path}, {name}, region {number}",
                parts.get("shape_attributes"),
                parts.get("region_attributes"),
            )


def _of_csv(file: AnnotationFile, reading: Reading) -> Iterable[_Region]:
    table: Table = file.content
    seen: dict[str, int] = {}
    for line, row in table.rows(reading.faults):
        named = {name.lstrip("#"): value for name, value in row.items()}
        where = f"{file.path}, line {line}"
        with reading.faults.gathered():
            shape, attributes = (_cell(named[name], name, where) for name in _COLUMNS[1:])
            if shape == {}:
                reading.oddities[WITHOUT_REGION] += 1
                continue
            name = named["filename"]
            seen[name] = seen.get(name, 0) + 1
            yield _Region(name, named.get("file_size"), seen[name], where, shape, attributes)


def _cell(text: str, name: str, where: str) -> Any:
    try:
        return json.loads(text or "{}")
    except (ValueError, RecursionError):
        raise DataError(f'{where}: {name} is {text!r:.80}, expected JSON such as {{"name": "rect", …}}') from None


def _read(regions: list[_Region], file: AnnotationFile, reading: Reading) -> list[Roi]:
    stated = [region.attributes for region in regions if isinstance(region.attributes, dict)]
    name = class_attribute(stated, reading, file.path) if stated else ""
    rois = []
    for region in regions:
        with reading.faults.gathered():
            image, radiograph = reading.images.find(region.filename, region.where, file.path.parent)
            box, outline = _shape(_object(region.shape, "shape_attributes", region.where), region.where)
            attributes = _object(region.attributes, "region_attributes", region.where)
            label = label_of(attributes, name, region.where)
            size = number_or_none(region.file_size)
            if size is not None and size > 0 and size != radiograph.stat().st_size:
                reading.oddities[_OTHER_FILE] += 1
            roi_id = f"{file.prefix}{region.number}:{image}"
            rois.append(Roi(image, radiograph, None, label, box, roi_id, region.where, outline))
    return rois


def _object(part: Any, name: str, where: str) -> dict[str, Any]:
    if not isinstance(part, dict):
        raise DataError(f"{where}: {name} is {part!r}, expected an object")
    return part


def _shape(shape: dict[str, Any], where: str) -> tuple[Box, Outline | None]:
    try:
        if shape.get("name") == "rect":
            x, y, width, height = (float(shape[name]) for name in ("x", "y", "width", "height"))
            return checked_box((x, y, width, height), where), None
        if shape.get("name") in ("polygon", "polyline"):
            xs, ys = ([float(value) for value in shape[f"all_points_{axis}"]] for axis in "xy")
            outline = tuple(zip(xs, ys, strict=True))
            return bounding_box(outline, where), outline
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise DataError(f"{where}: the coordinates of its {shape['name']} cannot be used: {error!r}") from None
    raise DataError(f"{where}: shape {shape.get('name')!r}; only rect and polygon mark a region")
