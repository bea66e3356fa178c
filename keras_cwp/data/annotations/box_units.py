"""Boxes that are hardly in pixels, or whose second pair of numbers is hardly a size: asked about, for all of a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from keras_cwp.data.annotations.roi import Box, Roi
from keras_cwp.data.radiographs.header import Header
from keras_cwp.errors import DataError

_LEAST_BOXES = 3  # of fewer, chance could make the sign below
_BEYOND = 0.25  # share of boxes that reach beyond their radiograph when corners are taken for sizes


def check_box_units(rois: Sequence[Roi], headers: Mapping[str, Header], source: str) -> None:
    """Compare all boxes with their radiographs.

    Args:
        headers: by image; ROIs on other images are not looked at.

    Raises:
        DataError: every box lies within 0 to 1, as shares of the sides do; or width and height look like the lower
            right corner: taken for sizes, many boxes reach beyond the radiograph, taken for corners, none does.
    """
    boxes = [(roi.box, headers[roi.image]) for roi in rois if roi.box is not None and roi.image in headers]
    if boxes and all(max(box) <= 1 for box, _ in boxes):
        raise DataError(
            f"{source}: every box lies within 0 to 1 (first: {boxes[0][0]}); these are shares of the picture's sides: "
            "multiply them by its width and height in pixels"
        )
    if len(boxes) < _LEAST_BOXES or not all(_can_be_corners(box, header) for box, header in boxes):
        return
    beyond = sum(not _fits(box, header) for box, header in boxes)
    if beyond > _BEYOND * len(boxes):
        raise DataError(
            f"{source}: {beyond} of {len(boxes)} boxes reach beyond their radiograph, and none would if width and "
            f"height were the lower right corner (first: {boxes[0][0]}); subtract x and y from them"
        )


def _fits(box: Box, header: Header) -> bool:
    return box[0] + box[2] <= header.width and box[1] + box[3] <= header.height


def _can_be_corners(box: Box, header: Header) -> bool:
    return box[0] < box[2] <= header.width and box[1] < box[3] <= header.height
