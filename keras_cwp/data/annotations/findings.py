"""Several readers' marks as findings: one ROI a finding, with the label of every reader who marked it.

The rule: two marks of different readers on one radiograph are the same finding if they have one roi_id and overlap at
all, or if their boxes overlap by half (intersection over union). Marks with one roi_id are joined first, then the pairs
that overlap most; a finding has at most one mark of each reader. Its box is the median of its boxes, edge by edge.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from keras_cwp.data.annotations.columns import RATING_COLUMN, READER_COLUMN
from keras_cwp.data.annotations.delimited import decimal
from keras_cwp.data.annotations.overlapping import SAME_FINDING_IOU, iou
from keras_cwp.data.annotations.roi import Box, Roi
from keras_cwp.data.manifest import RATING
from keras_cwp.errors import DataError
from keras_cwp.wording import plural, verb

_PREFIX = "rois_"  # keras-cwp read calls the table of R1 rois_R1.csv


def of_reader(rois: Sequence[Roi], path: Path, paths: Sequence[Path]) -> list[Roi]:
    """The ROIs of one table of several: their reader is the one that a column names, else called as the file is.

    Raises:
        DataError: another table gives the same name.
    """
    names = [own.stem.removeprefix(_PREFIX) or own.stem for own in paths]
    name = names[list(paths).index(path)]
    if names.count(name) > 1 and not all(roi.reader for roi in rois):
        raise DataError(
            f"{path}: {names.count(name)} of the tables are called {name!r}, and a table without a column reader is of "
            "the reader whom its name gives; rename one, or add the column"
        )
    return [roi if roi.reader else replace(roi, reader=name, roi_id=_prefixed(roi.roi_id, path)) for roi in rois]


def prefix_of(path: Path) -> str:
    """What stands before the ids of rows without an id where several tables are read."""
    return f"{path.stem}:"


def _prefixed(roi_id: str, path: Path) -> str:
    return roi_id if roi_id.startswith(prefix_of(path)) else prefix_of(path) + roi_id


def one_per_finding(rois: Sequence[Roi], source: str, note: Callable[[str], None]) -> list[Roi]:
    """One ROI a finding, in the order of the first marks; the same ROIs where one reader or none is named.

    Args:
        source: names the tables in messages.

    Returns:
        ROIs with `readings`. The label is the one that most readers gave, "" where as many gave another. A further
        column is kept where the readers of a finding do not contradict each other; a column `rating` for each reader.

    Raises:
        DataError: some rows name a reader and others do not; or readers state different pixel spacings.
    """
    readers = {roi.reader for roi in rois}
    if len(readers) < 2:
        return [replace(roi, extra={**roi.extra, READER_COLUMN: roi.reader}) if roi.reader else roi for roi in rois]
    if "" in readers:
        nameless = next(roi for roi in rois if not roi.reader)
        raise DataError(f"{nameless.where}: reader is empty; where other rows name a reader, each row has to")
    of_image: dict[str, list[int]] = {}
    for row, roi in enumerate(rois):
        of_image.setdefault(roi.image, []).append(row)
    groups = sorted(group for rows in of_image.values() for group in _findings(rows, rois))
    used: set[str] = set()
    found = [_joined([rois[row] for row in group], used) for group in groups]
    _say(found, sorted(readers), source, note)
    return found


def _findings(rows: Sequence[int], rois: Sequence[Roi]) -> list[list[int]]:
    """Rows of one radiograph by finding, each sorted."""
    group_of = {row: [row] for row in rows}
    for one, other in _alike(rows, rois):
        first, second = group_of[one], group_of[other]
        if {rois[row].reader for row in first}.isdisjoint(rois[row].reader for row in second):
            joined = sorted(first + second)
            group_of.update(dict.fromkeys(joined, joined))
    return list({id(group): group for group in group_of.values()}.values())


def _alike(rows: Sequence[int], rois: Sequence[Roi]) -> Iterator[tuple[int, int]]:
    """Pairs of rows that may be one finding, the surest first."""
    pairs = []
    for place, one in enumerate(rows):
        for other in rows[place + 1 :]:
            if rois[one].reader == rois[other].reader:
                continue
            overlap = iou(rois[one].box, rois[other].box)
            named = rois[one].roi_id == rois[other].roi_id and overlap > 0
            if named or overlap >= SAME_FINDING_IOU:
                pairs.append((not named, -overlap, one, other))
    return ((one, other) for *_, one, other in sorted(pairs))


def _joined(marks: Sequence[Roi], used: set[str]) -> Roi:
    """The finding of some marks; `used` gets its id."""
    first = marks[0]
    readings = tuple(sorted((mark.reader, mark.label) for mark in marks if mark.label))
    most = Counter(label for _, label in readings).most_common(2)
    tied = len(most) > 1 and most[0][1] == most[1][1]
    same = all(mark.box == first.box for mark in marks)
    name = first.roi_id
    while name in used:  # the readers' own numberings may have one number for two findings
        name = f"{first.reader}:{name}"
    used.add(name)
    return replace(
        first,
        roi_id=name,
        label=most[0][0] if most and not tied else "",
        box=first.box if same else _median([mark.box for mark in marks if mark.box]),
        polygon=first.polygon if all(mark.polygon == first.polygon for mark in marks) else None,
        extra=_undisputed(marks),
        reader="",
        readings=readings,
    )


def _median(boxes: Sequence[Box]) -> Box:
    x, y, width, height = np.array(boxes).T
    left, top, right, bottom = (float(np.median(edge)) for edge in (x, y, x + width, y + height))
    return left, top, right - left, bottom - top


def _undisputed(marks: Sequence[Roi]) -> dict[str, str]:
    """Further columns in which no two marks contradict each other."""
    names = dict.fromkeys(name for mark in marks for name in mark.extra if name != RATING_COLUMN)
    said = {name: {mark.extra[name] for mark in marks if mark.extra.get(name)} for name in names}
    if len(said.get("spacing_mm", ())) > 1:
        raise DataError(f"{marks[0].where}: spacing_mm differs between the readers; a radiograph has one")
    kept = {name: values.pop() for name, values in said.items() if len(values) == 1}
    return kept | {RATING + mark.reader: _rating(mark) for mark in marks if mark.extra.get(RATING_COLUMN)}


def _rating(mark: Roi) -> str:
    """How sure a reader is of disease, on any scale, as text."""
    text = mark.extra[RATING_COLUMN]
    try:
        number = decimal(text)
    except ValueError:
        number = float("nan")
    if not np.isfinite(number):
        raise DataError(f"{mark.where}: rating {text!r} is no number; a rating says how sure a reader is of disease")
    return repr(number)


def _say(found: Sequence[Roi], readers: Sequence[str], source: str, note: Callable[[str], None]) -> None:
    counts = Counter(len(roi.readings) for roi in found)
    by = ", ".join(f"{number:,} by {plural(count, 'reader')}" for count, number in sorted(counts.items(), reverse=True))
    note(
        f"{source}: {len(readers)} readers ({', '.join(readers)}); {plural(len(found), 'finding')} "
        f"{verb(len(found), 'was', 'were')} labelled: {by}. Boxes of two readers that overlap by half, or have one "
        "roi_id, are one finding"
    )
