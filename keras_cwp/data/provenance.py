"""What the manifest says of each ROI: where it came from, at which scale, and its pseudonyms."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from operator import attrgetter

from keras_cwp.config import DataConfig
from keras_cwp.data.annotations.roi import Roi
from keras_cwp.data.crops import roi_window
from keras_cwp.data.cut import Source
from keras_cwp.data.manifest import READING, ManifestRow, key_of
from keras_cwp.data.picture import Picture
from keras_cwp.data.plan import Plan


def salt_of(plan: Plan, sources: Mapping[str, Source]) -> str:
    """A salt that the same input gives again, and that nobody can compute who does not hold all of it."""
    digest = hashlib.sha256(b"salt")
    for roi in sorted(plan.rois, key=attrgetter("roi_id")):
        digest.update(repr((roi.image, roi.patient_id, roi.roi_id)).encode())
    for image in sorted(sources):
        digest.update(f"{image}\0{sources[image].sha256}".encode())
    return digest.hexdigest()[:32]


def extra_names(plan: Plan) -> set[str]:
    """Names of all acquisition columns."""
    pictures = {picture.image: picture for picture in plan.pictures}
    return {name for roi in plan.rois for name in _acquired(roi, pictures[roi.image])}


def manifest_rows(plan: Plan, sources: Mapping[str, Source], config: DataConfig, salt: str) -> Iterator[ManifestRow]:
    """One row a ROI, in the plan's order.

    Args:
        sources: by image.
    """
    pictures = {picture.image: picture for picture in plan.pictures}
    for roi, box in zip(plan.rois, plan.boxes, strict=True):
        picture, source = pictures[roi.image], sources[roi.image]
        window = roi_window(box, config.side_px, plan.margin, config.square, picture.field_px)
        yield ManifestRow(
            roi.roi_id,
            roi.image,
            str(roi.patient_id),
            roi.label,
            *box,
            picture.header.width,
            picture.header.height,
            picture.spacing_mm,
            window.side_px / window.width,
            window.side_px / window.height,
            source.sha256,
            source.look,
            key_of(salt, "roi", roi.roi_id),
            key_of(salt, "image", roi.image),
            key_of(salt, "patient", str(roi.patient_id)),
            _acquired(roi, picture),
        )


def _acquired(roi: Roi, picture: Picture) -> dict[str, str]:
    """How the radiograph was taken, as file and ROI table say; the outline that was drawn; what each reader said."""
    acquired = {"bits": str(picture.header.bits), **picture.header.metadata, **roi.extra}
    acquired.pop("spacing_mm", None)
    if roi.polygon:
        acquired["polygon"] = " ".join(f"{x:g},{y:g}" for x, y in roi.polygon)
    return acquired | {READING + reader: label for reader, label in roi.readings}
