"""COCO JSON: images, annotations with `bbox` and perhaps a polygon, categories; an image's `patient_id` is read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from keras_cwp.data.annotations.roi import Box, ImageFolder, Roi
from keras_cwp.data.annotations.table import checked_box
from keras_cwp.errors import DataError


def read_coco_rois(tree: dict[str, Any], path: Path, images: ImageFolder) -> list[Roi]:
    """Annotations in file order, boxes as written (COCO's x, y, width, height need no conversion).

    Raises:
        DataError: a part that is missing or of another type, an id that nothing has.
    """
    pictures = _by_id(tree, "images", path)
    categories = _by_id(tree, "categories", path)
    rois = []
    for number, item in enumerate(_entries(tree, "annotations", path), start=1):
        where = f"{path}, annotation {item.get('id', number)!r}"
        picture = _look_up(pictures, item.get("image_id"), "image", where)
        category = _look_up(categories, item.get("category_id"), "category", where)
        image, file = images.find(_text(picture, "file_name", where), where)
        rois.append(
            Roi(
                image=image,
                path=file,
                patient_id=str(picture["patient_id"]) if picture.get("patient_id") not in (None, "") else None,
                label=_text(category, "name", where),
                box=_box(item.get("bbox"), where),
                roi_id=f"{number}:{image}",
                where=where,
                polygon=_outline(item.get("segmentation"), where),
            )
        )
    return rois


def _by_id(tree: dict[str, Any], part: str, path: Path) -> dict[Any, dict[str, Any]]:
    known: dict[Any, dict[str, Any]] = {}
    for item in _entries(tree, part, path):
        key = item.get("id")
        if not isinstance(key, int | str) or key in known:
            raise DataError(f"{path}: an entry of {part} has the id {key!r}, which is missing, repeated or no id")
        known[key] = item
    return known


def _entries(tree: dict[str, Any], part: str, path: Path) -> list[dict[str, Any]]:
    entries = tree.get(part)
    if not isinstance(entries, list) or not all(isinstance(item, dict) for item in entries):
        raise DataError(f"{path}: {part} must be a list of objects, got {type(entries).__name__}")
    return entries


def _look_up(known: dict[Any, dict[str, Any]], key: Any, kind: str, where: str) -> dict[str, Any]:
    if not isinstance(key, int | str) or key not in known:
        raise DataError(f"{where}: {kind}_id {key!r} is not among the file's {len(known)} {kind} entries")
    return known[key]


def _text(item: dict[str, Any], key: str, where: str) -> str:
    value = item.get(key)
    if not isinstance(value, str) or not value.strip():
        raise DataError(f"{where}: {key} is {value!r}, expected a text")
    return value


def _outline(value: Any, where: str) -> tuple[tuple[float, float], ...] | None:
    """The corners of a segmentation that is one polygon; None for none, several, or a run-length mask."""
    if not isinstance(value, list) or len(value) != 1:
        return None
    numbers = _numbers(value[0])
    if numbers is None or len(numbers) < 6 or len(numbers) % 2:
        raise DataError(f"{where}: segmentation is {value!r:.80}, expected [[x1, y1, x2, y2, …]]")
    return tuple(zip(numbers[::2], numbers[1::2], strict=True))


def _box(value: Any, where: str) -> Box:
    numbers = _numbers(value)
    if numbers is None or len(numbers) != 4:
        raise DataError(f"{where}: bbox is {value!r:.80}, expected [x, y, width, height]")
    x, y, width, height = numbers
    return checked_box((x, y, width, height), where)


def _numbers(value: Any) -> list[float] | None:
    """A list of numbers as floats; None for anything else."""
    if not isinstance(value, list) or not all(isinstance(v, int | float) for v in value):
        return None
    try:
        return [float(v) for v in value]
    except OverflowError:  # an integer of hundreds of digits
        return None
