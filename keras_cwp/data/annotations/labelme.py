"""LabelMe JSON, one file a radiograph: rectangles, and polygons with their bounding box."""

from __future__ import annotations

from pathlib import Path, PureWindowsPath
from typing import Any

from keras_cwp.data.annotations.roi import ImageFolder, Roi
from keras_cwp.data.annotations.table import checked_box
from keras_cwp.errors import DataError

_LEAST_POINTS = {"rectangle": 2, "polygon": 3}


def read_labelme_rois(tree: dict[str, Any], path: Path, images: ImageFolder) -> list[Roi]:
    """Shapes in file order. The format knows no patient, so `patient_id` is None.

    `imagePath` is relative to the JSON file; where that does not lead into the images folder (the files were
    moved apart), the bare file name is looked for in the folder.

    Raises:
        DataError: a shape that is neither rectangle nor polygon, points that are no numbers.
    """
    if not isinstance(tree["shapes"], list):
        raise DataError(f"{path}: shapes must be a list, got {type(tree['shapes']).__name__}")
    image, file = images.find(_image_name(tree.get("imagePath"), path, images), str(path))
    rois = []
    for number, shape in enumerate(tree["shapes"], start=1):
        where = f"{path}, shape {number}"
        points = _points(shape, where)
        label = shape.get("label")
        if not isinstance(label, str) or not label.strip():
            raise DataError(f"{where}: label is {label!r}, expected a text")
        left, top = (min(axis) for axis in zip(*points, strict=True))
        right, bottom = (max(axis) for axis in zip(*points, strict=True))
        rois.append(
            Roi(
                image=image,
                path=file,
                patient_id=None,
                label=label.strip(),
                box=checked_box((left, top, right - left, bottom - top), where),
                roi_id=f"{number}:{image}",
                where=where,
                polygon=tuple(points) if shape["shape_type"] == "polygon" else None,
            )
        )
    return rois


def _image_name(value: Any, path: Path, images: ImageFolder) -> str:
    if not isinstance(value, str) or "\0" in value:
        raise DataError(f"{path}: imagePath is {value!r}, expected a file name")
    pure = PureWindowsPath(value)  # understands both kinds of slashes
    return images.contains(path.parent / pure.as_posix()) or pure.name


def _points(shape: Any, where: str) -> list[tuple[float, float]]:
    kind = shape.get("shape_type") if isinstance(shape, dict) else None
    if kind not in _LEAST_POINTS:
        raise DataError(f"{where}: shape_type {kind!r}; only rectangle and polygon mark a region")
    try:
        points = [(float(x), float(y)) for x, y in shape["points"]]
    except (KeyError, TypeError, ValueError, OverflowError):
        raise DataError(f"{where}: points must be a list of x, y pairs") from None
    if len(points) < _LEAST_POINTS[kind]:
        raise DataError(f"{where}: a {kind} needs {_LEAST_POINTS[kind]} points, got {len(points)}")
    return points
