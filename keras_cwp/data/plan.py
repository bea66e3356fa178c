"""What `prepare` is going to do, found out and checked before a pixel is decoded or a byte written."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from keras_cwp.config import DataConfig
from keras_cwp.data.annotations.roi import Box, Roi
from keras_cwp.data.crops import margin_px
from keras_cwp.data.radiographs.radiograph import Header, read_header
from keras_cwp.errors import DataError

_EDGE_PX = 1e-6  # an overhang of less is rounding, not clipping


@dataclass(frozen=True)
class Picture:
    """One radiograph to be read.

    Args:
        rows: of the plan's ROIs that lie on it.
        spacing_mm: from the ROI table, else from the file, None when unknown.
        field_px: side of the region in its pixels when data.spacing_mm fixes the scale, else None.
    """

    image: str
    path: Path
    header: Header
    rows: tuple[int, ...]
    spacing_mm: float | None
    field_px: float | None


@dataclass(frozen=True)
class Plan:
    """Everything decided.

    Args:
        rois: in the order of the annotation file.
        boxes: one a ROI, clipped to its radiograph; the whole radiograph where the ROI has none.
        labels: index into `classes`, one a ROI.
        pictures: in the order of their first ROI.
        dtype: uint16 when a radiograph has more than 8 bits, else uint8.
        notes: lines for the user.
    """

    rois: list[Roi]
    boxes: list[Box]
    labels: list[int]
    classes: tuple[str, ...]
    pictures: list[Picture]
    margin: int
    crop_size: int
    dtype: str
    notes: list[str]


def make_plan(rois: list[Roi], config: DataConfig, source: str) -> Plan:
    """Read every radiograph's header, place every box, number every label.

    Args:
        source: name of the annotation file, for messages.

    Raises:
        DataError: a label outside data.classes, a single class, a box outside its radiograph, no patient.
    """
    classes = _classes(rois, config, source)
    pictures = _pictures(rois, config)
    by_image = {picture.image: picture for picture in pictures}
    rois = [_with_patient(roi, by_image[roi.image].header) for roi in rois]
    placed = [place_box(roi, by_image[roi.image].header) for roi in rois]
    margin = margin_px(config.image_size, config.context) if any(roi.box for roi in rois) else 0
    clipped = sum(was_clipped for _, was_clipped in placed)
    return Plan(
        rois=rois,
        boxes=[box for box, _ in placed],
        labels=[classes.index(roi.label) for roi in rois],
        classes=classes,
        pictures=pictures,
        margin=margin,
        crop_size=config.image_size + 2 * margin,
        dtype="uint16" if any(picture.header.bits > 8 for picture in pictures) else "uint8",
        notes=_notes(clipped, pictures, config, source),
    )


def place_box(roi: Roi, header: Header) -> tuple[Box, bool]:
    """The part of a ROI's box that lies on the radiograph, and whether that is less than all of it.

    Nothing is rounded: a box may begin and end within a pixel.

    Raises:
        DataError: the box lies wholly outside.
    """
    if roi.box is None:
        return (0.0, 0.0, float(header.width), float(header.height)), False
    x, y, width, height = roi.box
    left, top = max(x, 0.0), max(y, 0.0)
    right, bottom = min(x + width, float(header.width)), min(y + height, float(header.height))
    if right - left <= _EDGE_PX or bottom - top <= _EDGE_PX:
        raise DataError(
            f"{roi.where}: the box {roi.box} (x, y, width, height) lies outside image {roi.image!r}, "
            f"which is {header.width} × {header.height} pixels"
        )
    overhang = max(left - x, top - y, x + width - right, y + height - bottom)
    return ((left, top, right - left, bottom - top), True) if overhang > _EDGE_PX else (roi.box, False)


def _classes(rois: list[Roi], config: DataConfig, source: str) -> tuple[str, ...]:
    found = sorted({roi.label for roi in rois})
    classes = config.classes or tuple(found)
    if len(set(classes)) != len(classes):
        raise DataError(f"data.classes: {list(classes)} names a class more than once")
    for roi in rois:
        if roi.label not in classes:
            raise DataError(f"{roi.where}: label {roi.label!r} is not of data.classes {list(classes)}")
    if len(found) < 2:
        raise DataError(f"{source}: only the class {found[0]!r}; at least two classes are needed")
    absent = [name for name in classes if name not in found]
    if absent:
        raise DataError(f"{source}: no ROI of class {absent[0]!r}, which data.classes names")
    return classes


def _pictures(rois: list[Roi], config: DataConfig) -> list[Picture]:
    rows: dict[str, list[int]] = {}
    for row, roi in enumerate(rois):
        rows.setdefault(roi.image, []).append(row)
    return [_picture([rois[row] for row in of_image], tuple(of_image), config) for of_image in rows.values()]


def _picture(rois: list[Roi], rows: tuple[int, ...], config: DataConfig) -> Picture:
    first = rois[0]
    try:
        header = read_header(first.path, config)
    except DataError as error:
        raise DataError(f"{first.where}: {error}") from None
    spacing = _stated_spacing(rois) or header.spacing_mm
    field_px = config.image_size * config.spacing_mm / spacing if config.spacing_mm and spacing else None
    return Picture(first.image, first.path, header, rows, spacing, field_px)


def _stated_spacing(rois: list[Roi]) -> float | None:
    """The spacing_mm column's value for one radiograph."""
    stated = {roi.extra["spacing_mm"]: roi for roi in rois if roi.extra.get("spacing_mm")}
    for text, roi in stated.items():
        try:
            good = 0.001 <= float(text) <= 10
        except ValueError:
            good = False
        if not good or len(stated) > 1:
            raise DataError(
                f"{roi.where}: spacing_mm {text!r}; expected one number of millimetres a pixel, the same in every "
                "row of a radiograph"
            )
    return float(next(iter(stated))) if stated else None


def _with_patient(roi: Roi, header: Header) -> Roi:
    if roi.patient_id:
        return roi
    if not header.patient_id:
        raise DataError(
            f"{roi.where}: no patient is known of image {roi.image!r}; give --patients FILE.csv (image,patient_id) "
            "or state --patient-per-image"
        )
    return replace(roi, patient_id=header.patient_id)


def _notes(clipped: int, pictures: list[Picture], config: DataConfig, source: str) -> list[str]:
    notes = []
    if clipped:
        notes.append(f"{source}: {clipped} boxes reach beyond their radiograph and were clipped to it")
    unknown = sum(picture.spacing_mm is None for picture in pictures)
    if config.spacing_mm and unknown:
        notes.append(
            f"{source}: {unknown} of {len(pictures)} radiographs do not say their pixel spacing; their boxes are "
            f"scaled to the crop instead of to {config.spacing_mm} mm"
        )
    return notes
