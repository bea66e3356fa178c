"""What `prepare` is going to do, found out and checked before a pixel is decoded or a byte written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from keras_cwp.config import DataConfig
from keras_cwp.data.annotations.box_units import check_box_units
from keras_cwp.data.annotations.faults import Faults
from keras_cwp.data.annotations.options import Trust
from keras_cwp.data.annotations.roi import Box, Roi
from keras_cwp.data.crop_side import Region, crop_side
from keras_cwp.data.crops import margin_px
from keras_cwp.data.patients import settle_patients
from keras_cwp.data.picture import Picture
from keras_cwp.data.plan_notes import alike_labels, plan_notes
from keras_cwp.data.radiographs.radiograph import Header, read_header
from keras_cwp.data.radiographs.spacing import spacing_from
from keras_cwp.errors import DataError

_EDGE_PX = 1e-6  # an overhang of less is rounding, not clipping


@dataclass(frozen=True)
class Plan:
    """Everything decided.

    Args:
        rois: in the order of the annotation file.
        boxes: one a ROI, clipped to its radiograph; the whole radiograph where the ROI has none.
        labels: index into `classes`, one a ROI.
        pictures: in the order of their first ROI.
        image_size: side of the network's input, pixels; what `data.image_size: auto` stands for.
        dtype: uint16 when a radiograph has more than 8 bits, else uint8.
        notes: lines for the user.
    """

    rois: list[Roi]
    boxes: list[Box]
    labels: list[int]
    classes: tuple[str, ...]
    pictures: list[Picture]
    image_size: int
    margin: int
    crop_size: int
    dtype: str
    notes: list[str]


def make_plan(
    rois: Sequence[Roi],
    config: DataConfig,
    source: str,
    *,
    trust: Trust | None = None,
    names_as_written: bool = False,
    faults: Faults | None = None,
) -> Plan:
    """Read every radiograph's header, place every box, number every label.

    Args:
        source: name of the annotation file, for messages.
        trust, names_as_written: see `patients.settle_patients`.
        faults: gathers radiographs and boxes that cannot be used, which the plan leaves out; the caller settles
            them. None: they are settled here, as one error.

    Raises:
        DataError: a label outside data.classes, a single class, no patient, patients who contradict each other, or
            what is gathered: an unreadable header, a box outside its radiograph.
    """
    gathered = Faults() if faults is None else faults
    notes: list[str] = []
    try:
        films = _films(rois, config, gathered)
        check_box_units(rois, {image: film.header for image, film in films.items()}, source)
        placed = [(roi, place) for roi in rois if (place := _placed(roi, films, gathered)) is not None]
        if faults is None:
            gathered.settle(source)
        kept = settle_patients(
            [roi for roi, _ in placed],
            {image: film.header for image, film in films.items()},
            source,
            trust=trust,
            names_as_written=names_as_written,
            link_studies=config.link_duplicates,
            note=notes.append,
        )
        return _plan(kept, [place for _, place in placed], films, config, source, notes)
    except DataError:
        if not gathered.skip:
            gathered.settle(source)  # what was left out may be the cause
        raise


class _Film(NamedTuple):
    header: Header
    spacing_mm: float | None


def _plan(
    rois: list[Roi],
    placed: list[tuple[Box, bool]],
    films: Mapping[str, _Film],
    config: DataConfig,
    source: str,
    notes: list[str],
) -> Plan:
    classes, absent = _classes(rois, config, source)
    if config.image_size == "auto":
        config = config.model_copy(update={"image_size": _side_of(rois, placed, films, config)})
    pictures = _pictures(rois, films, config)
    margin = margin_px(config.side_px, config.context) if any(roi.box for roi in rois) else 0
    clipped = [(roi, box) for roi, (box, was_clipped) in zip(rois, placed, strict=True) if was_clipped]
    return Plan(
        rois=rois,
        boxes=[box for box, _ in placed],
        labels=[classes.index(roi.label) for roi in rois],
        classes=classes,
        pictures=pictures,
        image_size=config.side_px,
        margin=margin,
        crop_size=config.side_px + 2 * margin,
        dtype="uint16" if any(picture.header.bits > 8 for picture in pictures) else "uint8",
        notes=[*notes, *absent, *alike_labels(rois, source), *plan_notes(clipped, pictures, margin, config, source)],
    )


def _side_of(rois: list[Roi], placed: list[tuple[Box, bool]], films: Mapping[str, _Film], config: DataConfig) -> int:
    """See `crop_side`."""
    regions = []
    for roi, (box, _) in zip(rois, placed, strict=True):
        header, spacing_mm = films[roi.image]
        longer = max(box[2:]) if roi.box else None
        regions.append(Region(longer, spacing_mm, min(header.width, header.height)))
    return crop_side(regions, config.spacing_mm)


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


def _placed(roi: Roi, films: Mapping[str, _Film], faults: Faults) -> tuple[Box, bool] | None:
    """`place_box`; None for a ROI that cannot be placed, which is gathered."""
    if roi.image in films:
        with faults.gathered():
            return place_box(roi, films[roi.image].header)
    return None


def _classes(rois: Sequence[Roi], config: DataConfig, source: str) -> tuple[tuple[str, ...], list[str]]:
    """The classes in order, and a note on those of data.classes that have no ROI."""
    if not rois:
        raise DataError(f"{source}: no region is left")
    found = sorted({roi.label for roi in rois})
    read = {label: roi for roi in rois for _, label in roi.readings}
    classes = config.classes or tuple(sorted({*found, *read}))
    if len(set(classes)) != len(classes):
        raise DataError(f"data.classes: {list(classes)} names a class more than once")
    for roi in rois:
        if roi.label not in classes:
            raise DataError(f"{roi.where}: label {roi.label!r} is not of data.classes {list(classes)}")
    for label in read.keys() - set(classes):
        raise DataError(
            f"{read[label].where}: a reader's label {label!r} is not of data.classes {list(classes)}; map it to a "
            "class or to null with --labels FILE.yaml"
        )
    if len(classes) < 2:
        raise DataError(f"{source}: only the class {found[0]!r}; at least two classes are needed")
    absent = ", ".join(repr(name) for name in classes if name not in found)
    by = "data.classes names" if config.classes else "single readers gave"
    return classes, [f"{source}: no ROI of the class {absent}, which {by}"] if absent else []


def _films(rois: Sequence[Roi], config: DataConfig, faults: Faults) -> dict[str, _Film]:
    """Header and spacing of each radiograph by its name; those that cannot be read are gathered and absent."""
    of_image: dict[str, list[Roi]] = {}
    for roi in rois:
        of_image.setdefault(roi.image, []).append(roi)
    films: dict[str, _Film] = {}
    for image, found in of_image.items():
        with faults.gathered():
            try:
                header = read_header(found[0].path, config)
            except DataError as error:
                raise DataError(f"{found[0].where}: {error}") from None
            films[image] = _Film(header, _stated_spacing(found) or header.spacing_mm)
    return films


def _pictures(rois: Sequence[Roi], films: Mapping[str, _Film], config: DataConfig) -> list[Picture]:
    rows: dict[str, list[int]] = {}
    for row, roi in enumerate(rois):
        rows.setdefault(roi.image, []).append(row)
    pictures = []
    for image, of_image in rows.items():
        header, spacing = films[image]
        field_px = config.side_px * config.spacing_mm / spacing if config.spacing_mm and spacing else None
        pictures.append(Picture(image, rois[of_image[0]].path, header, tuple(of_image), spacing, field_px))
    return pictures


def _stated_spacing(rois: Sequence[Roi]) -> float | None:
    """The spacing_mm column's value for one radiograph."""
    stated = {roi.extra["spacing_mm"]: roi for roi in rois if roi.extra.get("spacing_mm")}
    found = [spacing_from(text, roi.where) for text, roi in stated.items()]
    if len(found) > 1:
        text, roi = next(iter(stated.items()))
        raise DataError(f"{roi.where}: spacing_mm {text!r}; another row of this radiograph states another")
    return found[0] if found else None
