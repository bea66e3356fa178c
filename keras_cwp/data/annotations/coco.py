"""COCO JSON: images, annotations with `bbox` and perhaps an outline, categories; an image's `patient_id` is read."""

from __future__ import annotations

import math
from typing import Any

from keras_cwp.data.annotations.boxes import bounding_box, centre_of, checked_box, number_or_none, stated_size, turned
from keras_cwp.data.annotations.reading import TURNED, WITHOUT_REGION, AnnotationFile, Oddity, Reading
from keras_cwp.data.annotations.roi import Box, Outline, Roi
from keras_cwp.data.identity import tidy
from keras_cwp.errors import DataError

BAD_OUTLINE = Oddity("outline is", "outlines are", "no polygon of at least 3 points; the box alone is taken")


def is_coco(tree: Any) -> bool:
    """Whether a JSON tree has COCO's lists."""
    return isinstance(tree, dict) and "images" in tree and "annotations" in tree


def read_coco(file: AnnotationFile, reading: Reading) -> list[Roi]:
    """Annotations in file order, boxes as written (COCO's x, y, width, height need no conversion).

    CVAT writes a turned box upright with the angle beside (`attributes.rotation`, degrees clockwise about the
    centre); the upright box around the turned one is taken.

    Raises:
        DataError: a list that is missing or of another type, an id that stands twice. What is wrong with one
            annotation is gathered.
    """
    tree, path = file.content, file.path
    pictures = _by_id(tree, "images", file)
    categories = _by_id(tree, "categories", file)
    rois = []
    for number, item in enumerate(_entries(tree, "annotations", file), start=1):
        where = f"{path}, annotation {item.get('id', number)!r}"
        with reading.faults.gathered():
            picture = _look_up(pictures, item.get("image_id"), "image", where)
            category = _look_up(categories, item.get("category_id"), "category", where)
            image, radiograph = reading.images.find(_text(picture, "file_name", where), where, path.parent)
            patient = tidy(str(picture["patient_id"])) if picture.get("patient_id") not in (None, "") else None
            box, outline = _region(item, where, reading)
            rois.append(
                Roi(
                    image=image,
                    path=radiograph,
                    patient_id=patient or None,
                    label=tidy(_text(category, "name", where)),
                    box=box,
                    roi_id=f"{file.prefix}{number}:{image}",
                    where=where,
                    polygon=outline,
                    stated_size=stated_size(picture.get("width"), picture.get("height")),
                    patient_by=str(path) if patient else "",
                )
            )
    marked = {str(item.get("image_id")) for item in _entries(tree, "annotations", file)}
    if without := len(pictures.keys() - marked):
        reading.oddities[WITHOUT_REGION] += without
    return rois


def _by_id(tree: dict[str, Any], part: str, file: AnnotationFile) -> dict[str, dict[str, Any]]:
    """Entries by their id as text, for some tools write 1 here and "1" there."""
    known: dict[str, dict[str, Any]] = {}
    for item in _entries(tree, part, file):
        key = item.get("id")
        if not isinstance(key, int | str) or str(key) in known:
            raise DataError(f"{file.path}: an entry of {part} has the id {key!r}, which is missing, repeated or no id")
        known[str(key)] = item
    return known


def _entries(tree: dict[str, Any], part: str, file: AnnotationFile) -> list[dict[str, Any]]:
    entries = tree.get(part)
    if not isinstance(entries, list) or not all(isinstance(item, dict) for item in entries):
        raise DataError(f"{file.path}: {part} must be a list of objects, got {type(entries).__name__}")
    return entries


def _look_up(known: dict[str, dict[str, Any]], key: Any, kind: str, where: str) -> dict[str, Any]:
    if not isinstance(key, int | str) or str(key) not in known:
        raise DataError(f"{where}: {kind}_id {key!r} is not among the file's {len(known)} {kind} entries")
    return known[str(key)]


def _text(item: dict[str, Any], key: str, where: str) -> str:
    value = item.get(key)
    if not isinstance(value, str) or not value.strip():
        raise DataError(f"{where}: {key} is {value!r}, expected a text")
    return value


def _region(item: dict[str, Any], where: str, reading: Reading) -> tuple[Box, Outline | None]:
    """Box and outline of an annotation; the box is that of the outlines where `bbox` is missing."""
    polygons = _polygons(item.get("segmentation"))
    if polygons is None:
        reading.oddities[BAD_OUTLINE] += 1
        polygons = []
    if not item.get("bbox") and polygons:
        box = bounding_box([point for polygon in polygons for point in polygon], where)
    else:
        box = _box(item.get("bbox"), where)
    attributes = item.get("attributes")
    angle = number_or_none(attributes.get("rotation")) if isinstance(attributes, dict) else None
    corners = turned(box, angle, centre_of(box)) if angle else None
    if corners is not None:
        reading.oddities[TURNED] += 1
        return bounding_box(corners, where), corners
    return box, polygons[0] if len(polygons) == 1 else None


def _polygons(value: Any) -> list[Outline] | None:
    """The polygons of a segmentation; none for a run-length mask or nothing; None where one is malformed."""
    if not isinstance(value, list):
        return []
    found: list[Outline] = []
    for part in value:
        numbers = _numbers(part)
        if numbers is None or len(numbers) < 6 or len(numbers) % 2 or not all(map(math.isfinite, numbers)):
            return None
        found.append(tuple(zip(numbers[::2], numbers[1::2], strict=True)))
    return found


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
