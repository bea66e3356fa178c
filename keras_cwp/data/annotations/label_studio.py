"""Label Studio: the exports JSON, JSON-MIN and CSV, with boxes and polygons in percent of the picture's sides."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from keras_cwp.data.annotations.boxes import bounding_box, checked_box, stated_size, turned
from keras_cwp.data.annotations.delimited import Table
from keras_cwp.data.annotations.reading import TURNED, AnnotationFile, Reading
from keras_cwp.data.annotations.roi import Box, Outline, Roi
from keras_cwp.data.identity import tidy
from keras_cwp.errors import DataError

_IMAGE_KEYS = ("image", "img", "picture", "xray", "url")
_BOOKKEEPING = ("id", "annotator", "annotation_id", "created_at", "updated_at", "lead_time")
_LABELS = ("rectanglelabels", "polygonlabels", "labels")
_UPLOADED = re.compile(r"[0-9a-f]{8}-(?=.)")  # stands before the name of a file that was uploaded


def is_label_studio(tree: Any) -> bool:
    """Whether a JSON tree is a list of Label Studio's tasks, long or short."""
    if not isinstance(tree, list) or not tree or not all(isinstance(task, dict) for task in tree):
        return False
    return all(
        ("data" in task and "annotations" in task) or {"annotation_id", "annotator"} & task.keys() for task in tree
    )


def is_label_studio_csv(table: Any) -> bool:
    """Whether a table has the columns of Label Studio's CSV export."""
    return isinstance(table, Table) and {"annotation_id", "annotator"} <= set(table.header)


def read_label_studio(file: AnnotationFile, reading: Reading) -> list[Roi]:
    """Regions in the order of the tasks; a choice without a region stands for the whole radiograph.

    Raises:
        DataError: nothing in general; what is wrong with one task or region is gathered.
    """
    return _read(_of_json(file), file, reading)


def read_label_studio_csv(file: AnnotationFile, reading: Reading) -> list[Roi]:
    """As `read_label_studio`, from rows whose cells hold JSON."""
    table: Table = file.content
    rows = ((f"{file.path}, line {line}", _opened(row)) for line, row in table.rows(reading.faults))
    return _read(((where, row, _results(row)) for where, row in rows), file, reading)


_Task = tuple[str, Mapping[str, Any], list[Any]]  # where, data, results
_Marked = tuple[str, Box | None, Outline | None, tuple[float, float] | None]


def _of_json(file: AnnotationFile) -> Iterator[_Task]:
    for number, task in enumerate(file.content, start=1):
        where = f"{file.path}, task {task.get('id', number)!r}"
        if "annotations" not in task or "data" not in task:
            yield where, task, _results(task)
            continue
        data = task["data"] if isinstance(task["data"], dict) else {}
        kept = [
            result
            for annotation in (task["annotations"] if isinstance(task["annotations"], list) else [])
            if isinstance(annotation, dict) and not annotation.get("was_cancelled")
            for result in annotation.get("result") or []
        ]
        yield where, data, [_short(result) for result in kept]


def _short(result: Any) -> Any:
    """One result of the long form, as the short forms have it."""
    if not isinstance(result, dict) or not isinstance(result.get("value"), dict):
        return result
    sizes = {name: result.get(name) for name in ("original_width", "original_height")}
    value = {**sizes, **result["value"]}
    chosen = value.get("choices")
    return ", ".join(map(str, chosen)) if isinstance(chosen, list) else value


def _opened(row: Mapping[str, str]) -> dict[str, Any]:
    """Cells that hold JSON, parsed; the others as they are."""
    opened: dict[str, Any] = dict(row)
    for name, text in row.items():
        if text[:1] in ("[", "{"):
            try:
                opened[name] = json.loads(text)
            except (ValueError, RecursionError):
                opened[name] = text
    return opened


def _results(task: Mapping[str, Any]) -> list[Any]:
    """Regions and choices of a short task, whatever the labelling interface called them."""
    regions = [region for value in task.values() if isinstance(value, list) for region in value]
    image = _image_key(task)
    choices = [
        value
        for name, value in task.items()
        if isinstance(value, str) and value and name != image and name in ("choice", "choices", "label", "class")
    ]
    return regions or choices


def _image_key(task: Mapping[str, Any]) -> str | None:
    for name in _IMAGE_KEYS:
        if isinstance(task.get(name), str):
            return name
    texts = [name for name, value in task.items() if isinstance(value, str) and name not in _BOOKKEEPING]
    return texts[0] if texts else None


def _read(tasks: Iterable[_Task], file: AnnotationFile, reading: Reading) -> list[Roi]:
    rois: list[Roi] = []
    counts: dict[str, int] = {}
    for where, data, results in tasks:
        for place, result in enumerate(results, start=1):
            with reading.faults.gathered():
                at = f"{where}, region {place}"
                image, radiograph = reading.images.find(_file_name(data, at, reading), at, file.path.parent)
                label, box, outline, size = _marked(result, at, reading)
                patient = tidy(str(data.get("patient_id") or "")) or None
                counts[image] = counts.get(image, 0) + 1
                rois.append(
                    Roi(
                        image=image,
                        path=radiograph,
                        patient_id=patient,
                        label=label,
                        box=box,
                        roi_id=f"{file.prefix}{counts[image]}:{image}",
                        where=at,
                        polygon=outline,
                        stated_size=size,
                        patient_by=str(file.path) if patient else "",
                    )
                )
    return rois


def _file_name(data: Mapping[str, Any], where: str, reading: Reading) -> str:
    """The picture's name in the images folder: a path, an upload, a local-files link or a URL's last part."""
    key = _image_key(data)
    if key is None:
        raise DataError(f"{where}: no image among {list(data)}")
    parts = urlsplit(str(data[key]))
    local = parse_qs(parts.query).get("d")
    name = local[0] if local else unquote(parts.path)
    if not local and not parts.scheme and not name.startswith("/"):
        return name
    bare = PurePosixPath(name).name
    candidates = (name.lstrip("/"), bare, _UPLOADED.sub("", bare, count=1))
    return next((candidate for candidate in candidates if reading.images.resolve(candidate)), bare)


def _marked(result: Any, where: str, reading: Reading) -> _Marked:
    """Label, box, outline and stated size of one region; a choice is the label of a whole radiograph."""
    if isinstance(result, str):
        return tidy(result), None, None, None
    if not isinstance(result, dict):
        raise DataError(f"{where}: it is {result!r:.80}, expected a region")
    names: list[Any] = next((result[key] for key in _LABELS if isinstance(result.get(key), list)), [])
    labels = [tidy(name) for name in names if isinstance(name, str) and tidy(name)]
    if len(labels) != 1 and not reading.to_predict:
        raise DataError(f"{where}: its labels are {names!r:.80}; expected one, by rectangle or polygon labels")
    size = stated_size(result.get("original_width"), result.get("original_height"))
    if size is None:
        raise DataError(f"{where}: no original_width and original_height, of which its numbers are percentages")
    box, outline = _shape(result, size, where, reading)
    return (labels[0] if labels else ""), box, outline, size


def _shape(
    result: Mapping[str, Any], size: tuple[float, float], where: str, reading: Reading
) -> tuple[Box, Outline | None]:
    """From percent to pixels; a turned box turns about its upper left corner."""
    across, down = size[0] / 100, size[1] / 100
    try:
        if "points" in result:
            outline = tuple((float(x) * across, float(y) * down) for x, y in result["points"])
            if len(outline) < 3:
                raise DataError(f"{where}: a polygon needs 3 points, got {len(outline)}")
            return bounding_box(outline, where), outline
        x, y, width, height = (float(result[name]) for name in ("x", "y", "width", "height"))
        angle = float(result.get("rotation") or 0)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise DataError(f"{where}: its coordinates cannot be used: {error!r}") from None
    box = checked_box((x * across, y * down, width * across, height * down), where)
    corners = turned(box, angle, (box[0], box[1]))
    if corners is None:
        return box, None
    reading.oddities[TURNED] += 1
    return bounding_box(corners, where), corners
