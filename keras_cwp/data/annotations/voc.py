"""Pascal VOC XML, one file a radiograph."""

from __future__ import annotations

import math
from typing import Any
from xml.etree.ElementTree import Element

from keras_cwp.data.annotations.boxes import (
    bounding_box,
    centre_of,
    checked_box,
    number_or_none,
    stated_size,
    turned,
)
from keras_cwp.data.annotations.reading import TURNED, AnnotationFile, Reading
from keras_cwp.data.annotations.roi import Box, Outline, Roi
from keras_cwp.data.identity import tidy
from keras_cwp.errors import DataError

_CORNERS = ("xmin", "ymin", "xmax", "ymax")
_TURNED_BOX = ("cx", "cy", "w", "h", "angle")  # roLabelImg; the angle in radians


def is_voc(root: Any) -> bool:
    """Whether an XML root is Pascal VOC's."""
    return isinstance(root, Element) and root.tag == "annotation"


def read_voc(file: AnnotationFile, reading: Reading) -> list[Roi]:
    """Objects in file order. The format has no patient, so `patient_id` is None.

    VOC counts pixels from 1 and includes the last: xmin = 1, xmax = 10 is x = 0, width = 10.

    Raises:
        DataError: no such picture. What is wrong with one object is gathered: no name, no box.
    """
    root: Element = file.content
    objects = root.findall("object")
    if not objects:
        return []
    image, radiograph = reading.picture(file, (root.findtext("filename") or "").strip())
    size = stated_size(root.findtext("size/width"), root.findtext("size/height"))
    rois = []
    for number, item in enumerate(objects, start=1):
        where = f"{file.path}, object {number}"
        with reading.faults.gathered():
            label = tidy(item.findtext("name") or "")
            if not label:
                raise DataError(f"{where}: it has no name")
            box, outline = _region(item, where)
            if outline is not None:
                reading.oddities[TURNED] += 1
            roi_id = f"{file.prefix}{number}:{image}"
            rois.append(Roi(image, radiograph, None, label, box, roi_id, where, outline, stated_size=size))
    return rois


def _region(item: Element, where: str) -> tuple[Box, Outline | None]:
    """The upright box, and the corners where the box was drawn turned (CVAT's attribute, roLabelImg's robndbox)."""
    own = [number_or_none(item.findtext(f"robndbox/{name}")) for name in _TURNED_BOX]
    if all(value is not None for value in own):
        cx, cy, width, height, angle = (float(value or 0) for value in own)
        box, degrees = checked_box((cx - width / 2, cy - height / 2, width, height), where), math.degrees(angle)
    else:
        box, degrees = _box(item, where), _rotation(item)
    corners = turned(box, degrees, centre_of(box))
    return (bounding_box(corners, where), corners) if corners is not None else (box, None)


def _rotation(item: Element) -> float:
    """Degrees clockwise that CVAT notes among an object's attributes."""
    for attribute in item.findall("attributes/attribute"):
        if (attribute.findtext("name") or "").strip() == "rotation":
            return number_or_none(attribute.findtext("value")) or 0.0
    return 0.0


def _box(item: Element, where: str) -> Box:
    texts = [item.findtext(f"bndbox/{name}") for name in _CORNERS]
    try:
        left, top, right, bottom = (float(text) for text in texts if text is not None)
    except ValueError:
        raise DataError(f"{where}: bndbox is {texts}, expected the numbers {', '.join(_CORNERS)}") from None
    return checked_box((left - 1, top - 1, right - left + 1, bottom - top + 1), where)
