"""VGG Image Annotator (VIA 1 and 2) JSON: rectangles and polygons, the class among the region's attributes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from keras_cwp.data.annotations.roi import Box, ImageFolder, Roi
from keras_cwp.data.annotations.table import checked_box
from keras_cwp.errors import DataError

_PROJECT_KEY = "_via_img_metadata"  # a saved project; an exported annotation file is the table itself


def is_via(tree: Any) -> bool:
    """Whether a JSON tree looks like a VIA project or its exported annotations."""
    if not isinstance(tree, dict):
        return False
    table = tree.get(_PROJECT_KEY, tree)
    entries = list(table.values()) if isinstance(table, dict) else []
    return bool(entries) and all(isinstance(item, dict) and {"filename", "regions"} <= item.keys() for item in entries)


def read_via_rois(tree: dict[str, Any], path: Path, images: ImageFolder) -> list[Roi]:
    """Regions in file order. The format knows no patient, so `patient_id` is None.

    The class is the region attribute `label` or `class`, or the only one there is.

    Raises:
        DataError: a shape that is neither rect nor polygon, coordinates that are no numbers, no clear class.
    """
    rois = []
    for entry in tree.get(_PROJECT_KEY, tree).values():
        regions = entry["regions"]
        if not isinstance(entry["filename"], str) or not isinstance(regions, list | dict):
            raise DataError(f"{path}: an entry has no filename, or regions that are no list: {entry['filename']!r}")
        listed = list(regions.values()) if isinstance(regions, dict) else regions
        for number, region in enumerate(listed, start=1):
            where = f"{path}, {entry['filename']}, region {number}"
            image, file = images.find(entry["filename"], where)
            box, outline = _shape(_part(region, "shape_attributes", where), where)
            label = _label(_part(region, "region_attributes", where), where)
            rois.append(Roi(image, file, None, label, box, f"{number}:{image}", where, outline))
    return rois


def _part(region: Any, name: str, where: str) -> dict[str, Any]:
    part = region.get(name) if isinstance(region, dict) else None
    if not isinstance(part, dict):
        raise DataError(f"{where}: {name} is {part!r}, expected an object")
    return part


def _label(attributes: dict[str, Any], where: str) -> str:
    for name in ("label", "class", *attributes):
        value = attributes.get(name)
        if isinstance(value, str) and value.strip() and (name in ("label", "class") or len(attributes) == 1):
            return value.strip()
    raise DataError(f"{where}: no class: its attributes are {attributes}; name one of them label")


def _shape(shape: dict[str, Any], where: str) -> tuple[Box, tuple[tuple[float, float], ...] | None]:
    try:
        if shape.get("name") == "rect":
            x, y, width, height = (float(shape[name]) for name in ("x", "y", "width", "height"))
            return checked_box((x, y, width, height), where), None
        if shape.get("name") == "polygon":
            xs, ys = ([float(value) for value in shape[f"all_points_{axis}"]] for axis in "xy")
            outline = tuple(zip(xs, ys, strict=True))
            return checked_box((min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys)), where), outline
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise DataError(f"{where}: the coordinates of its {shape['name']} cannot be used: {error!r}") from None
    raise DataError(f"{where}: shape {shape.get('name')!r}; only rect and polygon mark a region")
