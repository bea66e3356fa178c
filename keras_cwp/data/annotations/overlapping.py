"""Regions that are marked twice on one radiograph, as by two readers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from keras_cwp.data.annotations.reading import Reading
from keras_cwp.data.annotations.roi import Box, Roi
from keras_cwp.wording import plural, verb

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
            f"{source}: {plural(len(pairs), 'pair')} of regions on one radiograph "
            f"{verb(len(pairs), 'overlaps', 'overlap')} by more than half, {same} of one label "
            f"(first: {one.where}; {other.where}); if two readers marked the same "
            "finding, it counts twice: name the readers in a column reader, or keep one of each pair"
        )
    _note_repeats(pairs, source, reading)


def _note_repeats(pairs: Sequence[tuple[Roi, Roi]], source: Path | str, reading: Reading) -> None:
    """Say which boxes are given twice: with one label, or with labels that contradict each other."""
    boxed = [pair for pair in pairs if pair[0].box == pair[1].box]
    repeats = [pair for pair in boxed if pair[0].label == pair[1].label]
    if repeats:
        one, other = repeats[0]
        reading.note(
            f"{source}: {plural(len(repeats), 'region')} {verb(len(repeats), 'repeats', 'repeat')} another with the "
            f"same box and label (first: {other.where} repeats {one.where}) and "
            f"{verb(len(repeats), 'counts', 'count')} twice; remove the repeated rows"
        )
    disputed = [pair for pair in boxed if pair[0].label != pair[1].label]
    if disputed:
        one, other = disputed[0]
        reading.note(
            f"{source}: {plural(len(disputed), 'box', 'boxes')} {verb(len(disputed), 'has', 'have')} two labels "
            f"(first: {one.where} says {one.label!r}, {other.where} says {other.label!r}); "
            "fit and cv refuse such a data set: correct the label, or name the readers in a column reader"
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
