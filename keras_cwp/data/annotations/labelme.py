"""LabelMe JSON, one file a radiograph: rectangles, and polygons with their bounding box."""

from __future__ import annotations

from pathlib import PureWindowsPath
from typing import Any

from keras_cwp.data.annotations.boxes import bounding_box, stated_size
from keras_cwp.data.annotations.reading import TURNED, AnnotationFile, Reading
from keras_cwp.data.annotations.roi import Outline, Roi
from keras_cwp.data.identity import tidy
from keras_cwp.errors import DataError

# "rotation" is what X-AnyLabeling calls a turned rectangle, given by its corners.
_LEAST_POINTS = {"rectangle": 2, "polygon": 3, "rotation": 4}


def is_labelme(tree: Any) -> bool:
    """Whether a JSON tree has LabelMe's shapes."""
    return isinstance(tree, dict) and "shapes" in tree


def read_labelme(file: AnnotationFile, reading: Reading) -> list[Roi]:
    """Shapes in file order. The format has no patient, so `patient_id` is None.

    `imagePath` is relative to the JSON file. Where that does not lead into the images folder (the files were
    moved apart), the bare file name is looked for in the folder.

    Raises:
        DataError: no such picture. What is wrong with one shape is gathered: neither rectangle nor polygon, points
            that are no numbers, no label.
    """
    tree, path = file.content, file.path
    if not isinstance(tree["shapes"], list):
        raise DataError(f"{path}: shapes must be a list, got {type(tree['shapes']).__name__}")
    image, radiograph = reading.picture(file, _image_name(file, reading))
    size = stated_size(tree.get("imageWidth"), tree.get("imageHeight"))
    rois = []
    for number, shape in enumerate(tree["shapes"], start=1):
        where = f"{path}, shape {number}"
        with reading.faults.gathered():
            points, kind = _points(shape, where)
            label = shape.get("label")
            if not isinstance(label, str) or not tidy(label):
                raise DataError(f"{where}: label is {label!r}, expected a text")
            box = bounding_box(points, where)
            if kind == "rotation":
                reading.oddities[TURNED] += 1
            outline = None if kind == "rectangle" else points
            rois.append(
                Roi(
                    image=image,
                    path=radiograph,
                    patient_id=None,
                    label=tidy(label),
                    box=box,
                    roi_id=f"{file.prefix}{number}:{image}",
                    where=where,
                    polygon=outline,
                    stated_size=size,
                )
            )
    return rois


def _image_name(file: AnnotationFile, reading: Reading) -> str:
    value, path = file.content.get("imagePath"), file.path
    if not isinstance(value, str) or "\0" in value:
        raise DataError(f"{path}: imagePath is {value!r}, expected a file name")
    pure = PureWindowsPath(value)  # understands both kinds of slashes
    return reading.images.contains(path.parent / pure.as_posix()) or pure.name


def _points(shape: Any, where: str) -> tuple[Outline, str]:
    kind = shape.get("shape_type") if isinstance(shape, dict) else None
    if not isinstance(kind, str) or kind not in _LEAST_POINTS:
        raise DataError(f"{where}: shape_type {kind!r}; only rectangle and polygon mark a region")
    try:
        points = tuple((float(x), float(y)) for x, y in shape["points"])
    except (KeyError, TypeError, ValueError, OverflowError):
        raise DataError(f"{where}: points must be a list of x, y pairs") from None
    if len(points) < _LEAST_POINTS[kind]:
        raise DataError(f"{where}: a {kind} needs {_LEAST_POINTS[kind]} points, got {len(points)}")
    return points, kind
