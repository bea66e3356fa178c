"""Pascal VOC XML, one file a radiograph."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

from keras_cwp.data.annotations.roi import Box, ImageFolder, Roi
from keras_cwp.data.annotations.table import checked_box
from keras_cwp.errors import DataError

_CORNERS = ("xmin", "ymin", "xmax", "ymax")


def read_voc_rois(path: Path, images: ImageFolder) -> list[Roi]:
    """Objects in file order. The format knows no patient, so `patient_id` is None.

    VOC counts pixels from 1 and includes the last: xmin = 1, xmax = 10 is x = 0, width = 10.

    Raises:
        DataError: not XML, a document type declaration, an object without name or box.
    """
    root = _parse(path)
    objects = root.findall("object")
    if not objects:
        return []
    image, file = images.find((root.findtext("filename") or "").strip(), str(path))
    rois = []
    for number, item in enumerate(objects, start=1):
        where = f"{path}, object {number}"
        label = (item.findtext("name") or "").strip()
        if not label:
            raise DataError(f"{where}: it has no name")
        rois.append(Roi(image, file, None, label, _box(item, where), f"{number}:{image}", where))
    return rois


def _parse(path: Path) -> ElementTree.Element:
    try:
        content = path.read_bytes()
        if b"<!DOCTYPE" in content or b"<!ENTITY" in content:
            raise DataError(f"{path}: a document type declaration is not accepted (it can make a small file huge)")
        root = ElementTree.fromstring(content)
    except (OSError, ElementTree.ParseError, ValueError, LookupError) as error:
        raise DataError(f"{path}: cannot be read as XML: {error}") from None
    if root.tag != "annotation":
        raise DataError(f"{path}: not Pascal VOC: the root is <{root.tag}>, expected <annotation>")
    return root


def _box(item: ElementTree.Element, where: str) -> Box:
    texts = [item.findtext(f"bndbox/{name}") for name in _CORNERS]
    try:
        left, top, right, bottom = (float(text) for text in texts if text is not None)
    except ValueError:
        raise DataError(f"{where}: bndbox is {texts}, expected the numbers {', '.join(_CORNERS)}") from None
    return checked_box((left - 1, top - 1, right - left + 1, bottom - top + 1), where)
