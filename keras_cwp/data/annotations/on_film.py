"""From the picture that was marked to the radiograph: boxes that were drawn on a copy of another size are scaled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

from keras_cwp.config import DataConfig
from keras_cwp.data.annotations.reading import Reading
from keras_cwp.data.annotations.roi import Roi
from keras_cwp.data.radiographs.radiograph import Header, read_header
from keras_cwp.errors import DataError

_FIRST_TURNED = 5  # EXIF orientations from here on exchange width and height
_ANY = DataConfig(max_pixels=2**40, lateral=True)  # what is not to be read is refused later, with its reason


def on_film(rois: Sequence[Roi], source: Path, reading: Reading) -> list[Roi]:
    """ROIs in pixels of their radiographs, where the annotation file states the size of the picture that was marked.

    Raises:
        DataError: nothing; radiographs of other proportions than the marked picture are gathered as faults.
    """
    header_of = cache(_header)
    placed: list[Roi] = []
    scaled: dict[str, Roi] = {}
    wrong: dict[str, DataError] = {}
    for roi in rois:
        header = header_of(roi.path) if roi.stated_size else None
        if header is None or roi.stated_size is None:
            placed.append(replace(roi, stated_size=None) if roi.stated_size else roi)
        elif (header.width, header.height) == roi.stated_size:
            placed.append(replace(roi, stated_size=None))
        elif _is_copy(roi.stated_size, header):
            scaled.setdefault(roi.image, roi)
            placed.append(_scaled(roi, header.width / roi.stated_size[0], header.height / roi.stated_size[1]))
        else:
            wrong.setdefault(roi.image, DataError(_refusal(roi, header)))
    for error in wrong.values():
        reading.faults.add(error)
    if scaled:
        first = next(iter(scaled.values()))
        header = header_of(first.path)
        size = f"{header.width} × {header.height}" if header else "another"
        reading.note(
            f"{source}: {len(scaled)} of {len({roi.image for roi in rois})} radiographs were marked on copies of "
            f"another size (first: {first.image!r}, marked at {_said(first)}, the radiograph has {size} pixels); the "
            "boxes are scaled"
        )
    return placed


def _header(path: Path) -> Header | None:
    try:
        return read_header(path, _ANY)
    except DataError:
        return None


def _is_copy(size: tuple[float, float], header: Header) -> bool:
    """Whether a picture of this size can be the radiograph made smaller or larger: sides to a pixel of rounding."""
    width, height = size
    return (
        abs(header.height * width / header.width - height) <= 1
        or abs(header.width * height / header.height - width) <= 1
    )


def _scaled(roi: Roi, across: float, down: float) -> Roi:
    box = roi.box and (roi.box[0] * across, roi.box[1] * down, roi.box[2] * across, roi.box[3] * down)
    outline = roi.polygon and tuple((x * across, y * down) for x, y in roi.polygon)
    return replace(roi, box=box, polygon=outline, stated_size=None)


def _refusal(roi: Roi, header: Header) -> str:
    turned = ""
    if roi.stated_size == (header.height, header.width):
        turned = " (turned by a right angle: the boxes were drawn on a copy that was not, or otherwise, turned)"
        if header.orientation >= _FIRST_TURNED:
            turned = (
                f" (its EXIF orientation is {header.orientation}, and the boxes were drawn on the unturned picture)"
            )
    return (
        f"{roi.where}: the annotation file says that image {roi.image!r} has {_said(roi)} pixels, the radiograph has "
        f"{header.width} × {header.height}{turned}; give the picture that was marked, or mark this one"
    )


def _said(roi: Roi) -> str:
    width, height = roi.stated_size or (0, 0)
    return f"{width:g} × {height:g}"
