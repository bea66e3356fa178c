"""Regions that are marked twice on one radiograph, as by two readers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from keras_cwp.data.annotations.reading import Reading
from keras_cwp.data.annotations.roi import Box, Roi

SAME_FINDING_IOU = 0.5  # the usual bound at which two boxes count as one object
_MOST_BOXES = 500  # on one radiograph; more are not compared, for that takes their square


def note_overlaps(rois: Sequence[Roi], source: Path | str, reading: Reading) -> None:
    """Say how many pairs of regions of one reader, or of nobody in particular, overlap by more than half."""
    of_image: dict[str, list[Roi]] = {}
    for roi in rois:
        of_image.setdefault(roi.image, []).append(roi)
    pairs = [pair for found in of_image.values() if 1 < len(found) <= _MOST_BOXES for pair in _pairs(found)]
    if pairs:
        one, other = pairs[0]
        same = sum(one.label == other.label for one, other in pairs)
        reading.note(
            f"{source}: {len(pairs)} {'pair' if len(pairs) == 1 else 'pairs'} of regions on one radiograph overlap by "
            f"more than half, {same} of one label (first: {one.where}; {other.where}); if two readers marked the same "
            "finding, it counts twice: name the readers in a column reader, or keep one of each pair"
        )


def _pairs(rois: list[Roi]) -> Iterator[tuple[Roi, Roi]]:
    for place, one in enumerate(rois):
        for other in rois[place + 1 :]:
            if one.reader == other.reader and iou(one.box, other.box) > SAME_FINDING_IOU:
                yield one, other


def iou(one: Box | None, other: Box | None) -> float:
    """Intersection over union; whole radiographs meet whole radiographs only."""
    if one is None or other is None:
        return float(one is other)
    across = min(one[0] + one[2], other[0] + other[2]) - max(one[0], other[0])
    down = min(one[1] + one[3], other[1] + other[3]) - max(one[1], other[1])
    shared = max(across, 0.0) * max(down, 0.0)
    return shared / (one[2] * one[3] + other[2] * other[3] - shared)
