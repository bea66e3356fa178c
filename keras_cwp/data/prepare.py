"""From radiographs and ROIs to a prepared data set: check everything, then crop, then write."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from keras_cwp.config import DataConfig
from keras_cwp.data import plan as planning
from keras_cwp.data.annotations import read_rois
from keras_cwp.data.crops import crop_roi
from keras_cwp.data.manifest import (
    DATASET_FILE,
    FORMAT_VERSION,
    MANIFEST_FILE,
    ManifestRow,
    PreparedData,
    hash_of,
    is_prepared,
    key_of,
    manifest_csv,
)
from keras_cwp.data.plan import Picture, Plan
from keras_cwp.data.radiograph import decode, read_bytes, rules_of
from keras_cwp.data.records import encode_example, file_sha256, shard_name, write_shard
from keras_cwp.data.replace import replaced_folder
from keras_cwp.data.roi import Roi
from keras_cwp.errors import DataError


@dataclass(frozen=True)
class Crops:
    """What one radiograph gave: its file's hash, and crops [rois of it, crop, crop] as they are stored."""

    sha256: str
    crops: np.ndarray


def _ignore(*_: object) -> None:
    """The default of `note` and `progress`."""


def prepare(
    rois: Path | str,
    images: Path | str,
    out: Path | str,
    config: DataConfig | None = None,
    *,
    patients: Path | str | None = None,
    patient_per_image: bool = False,
    labels: Path | str | None = None,
    note: Callable[[str], None] = _ignore,
    progress: Callable[[int, int], None] = _ignore,
) -> PreparedData:
    """Write a prepared data set.

    Everything that can be checked without decoding pixels is checked before anything is written; `out` then
    appears whole, or is replaced whole.

    Args:
        rois: annotation file or folder, see `annotations.read_rois`.
        images: folder that the image names are relative to.
        out: a new folder, an empty one, or an earlier prepared data set, which is replaced.
        patients: CSV image, patient_id for formats without a patient.
        patient_per_image: an image without a stated patient is a patient of its own.
        labels: YAML that maps names in the annotations to classes, or to null.
        note: gets one line for each thing worth knowing (boxes clipped, spacing missing).
        progress: gets radiographs done and in all.

    Raises:
        DataError: whatever is wrong with table, images, boxes or labels, with file and line.
    """
    _check_target(Path(out))
    found = read_rois(rois, images, patients=patients, patient_per_image=patient_per_image, labels=labels)
    return prepare_rois(found, Path(out), config or DataConfig(), source=str(rois), note=note, progress=progress)


def prepare_rois(
    found: list[Roi],
    out: Path,
    config: DataConfig,
    *,
    source: str,
    note: Callable[[str], None] = _ignore,
    progress: Callable[[int, int], None] = _ignore,
) -> PreparedData:
    """`prepare` from ROIs that were read already; `source` names their file in messages."""
    _check_target(out)
    plan = planning.make_plan(found, config, source)
    for line in plan.notes:
        note(line)
    cut = _cut_all(plan, config, progress)
    with replaced_folder(out) as folder:
        _write(folder, plan, cut, config)
    return PreparedData.open(out, verify=False)


def prepare_cached(
    rois: Path | str,
    images: Path | str,
    config: DataConfig | None = None,
    *,
    patients: Path | str | None = None,
    patient_per_image: bool = False,
    labels: Path | str | None = None,
    note: Callable[[str], None] = _ignore,
    progress: Callable[[int, int], None] = _ignore,
) -> PreparedData:
    """Prepare into the user's cache, or open what an earlier call with the same input left there.

    The cache is $XDG_CACHE_HOME/keras_cwp (~/.cache/keras_cwp); the key is a hash over configuration, ROI table
    and the radiographs' bytes.
    """
    config = config or DataConfig()
    found = read_rois(rois, images, patients=patients, patient_per_image=patient_per_image, labels=labels)
    digest = hashlib.sha256(f"{FORMAT_VERSION} {config.model_dump_json()}".encode())
    for roi in found:
        digest.update(repr((roi.image, roi.patient_id, roi.label, roi.box, roi.roi_id, roi.extra)).encode())
    for path in dict.fromkeys(roi.path for roi in found):
        digest.update(hashlib.sha256(read_bytes(path, config.max_pixels)).digest())
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    out = home / "keras_cwp" / digest.hexdigest()[:32]
    if is_prepared(out):
        try:
            return PreparedData.open(out)
        except DataError:
            pass  # damaged in the cache: made again below
    return prepare_rois(found, out, config, source=str(rois), note=note, progress=progress)


def _check_target(out: Path) -> None:
    if out.exists() and not is_prepared(out) and (not out.is_dir() or any(out.iterdir())):
        raise DataError(f"{out}: exists and is not a prepared data set; name another folder or remove it")


def cut_picture(picture: Picture, plan: Plan, config: DataConfig) -> Crops:
    """Decode one radiograph and cut all its ROIs.

    Raises:
        DataError: it cannot be decoded, or differs in size from what its header said.
    """
    content = read_bytes(picture.path, config.max_pixels)
    radiograph = decode(content, picture.path, rules_of(config))
    height, width = radiograph.pixels.shape
    if (width, height) != (picture.header.width, picture.header.height):
        raise DataError(
            f"image {picture.path}: decodes to {width} × {height}, its header says "
            f"{picture.header.width} × {picture.header.height}"
        )
    white = np.iinfo(plan.dtype).max
    crops = np.empty((len(picture.rows), plan.crop_size, plan.crop_size), dtype=plan.dtype)
    for crop, row in zip(crops, picture.rows, strict=True):
        values = crop_roi(
            radiograph.pixels, plan.boxes[row], config.image_size, plan.margin, config.square, picture.field_px
        )
        crop[...] = np.rint(values * (white / radiograph.white)).clip(0, white)
    return Crops(hashlib.sha256(content).hexdigest(), crops)


def _cut_all(plan: Plan, config: DataConfig, progress: Callable[[int, int], None]) -> Iterator[tuple[Picture, Crops]]:
    for done, picture in enumerate(plan.pictures, start=1):
        yield picture, cut_picture(picture, plan, config)
        progress(done, len(plan.pictures))


def _write(folder: Path, plan: Plan, cut: Iterator[tuple[Picture, Crops]], config: DataConfig) -> None:
    hashes: dict[str, str] = {}
    size = config.rois_per_shard
    shards = -(-len(plan.rois) // size)
    waiting: dict[int, np.ndarray] = {}
    written: list[dict[str, object]] = []
    for picture, crops in cut:
        hashes[picture.image] = crops.sha256
        waiting.update(zip(picture.rows, crops.crops, strict=True))
        while len(written) < shards and _complete(waiting, len(written), size, len(plan.rois)):
            written.append(_write_shard(folder, plan, waiting, len(written), shards, size))
    rows = _manifest(plan, hashes)
    text = manifest_csv(rows)
    (folder / MANIFEST_FILE).write_text(text, encoding="utf-8")
    meta = _meta(plan, config, written)
    meta |= {"data_hash": hash_of(meta, text), "salt": _salt(plan, hashes)}
    (folder / DATASET_FILE).write_text(json.dumps(meta, indent=1), encoding="utf-8")


def _complete(waiting: dict[int, np.ndarray], shard: int, size: int, rois: int) -> bool:
    return all(row in waiting for row in range(shard * size, min((shard + 1) * size, rois)))


def _write_shard(
    folder: Path, plan: Plan, waiting: dict[int, np.ndarray], shard: int, shards: int, size: int
) -> dict[str, object]:
    rows = range(shard * size, min((shard + 1) * size, len(plan.rois)))
    path = folder / shard_name(shard, shards)
    little = np.dtype(plan.dtype).newbyteorder("<")
    write_shard(
        path,
        (encode_example(plan.labels[row], row, waiting.pop(row).astype(little, copy=False).tobytes()) for row in rows),
    )
    return {"file": path.name, "rois": len(rows), "sha256": file_sha256(path)}


def _meta(plan: Plan, config: DataConfig, shards: list[dict[str, object]]) -> dict[str, object]:
    return {
        "format_version": FORMAT_VERSION,
        "classes": list(plan.classes),
        "image_size": config.image_size,
        "crop_size": plan.crop_size,
        "context": config.context,
        "square": config.square,
        "spacing_mm": config.spacing_mm,
        "dtype": plan.dtype,
        "counts": {
            "rois": len(plan.rois),
            "images": len(plan.pictures),
            "patients": len({roi.patient_id for roi in plan.rois}),
        },
        "shards": shards,
    }


def _salt(plan: Plan, hashes: dict[str, str]) -> str:
    """A salt that the same input gives again, and that nobody can compute who does not hold all of it."""
    known = sorted((roi.image, roi.patient_id, roi.roi_id) for roi in plan.rois)
    return hashlib.sha256(("salt" + repr(known) + repr(sorted(hashes.items()))).encode()).hexdigest()[:32]


def _manifest(plan: Plan, hashes: dict[str, str]) -> list[ManifestRow]:
    salt = _salt(plan, hashes)
    headers = {picture.image: picture for picture in plan.pictures}
    rows = []
    for roi, box in zip(plan.rois, plan.boxes, strict=True):
        picture = headers[roi.image]
        acquired = {"bits": str(picture.header.bits), **picture.header.metadata, **roi.extra}
        acquired.pop("spacing_mm", None)
        if roi.polygon:
            acquired["polygon"] = " ".join(f"{x:g},{y:g}" for x, y in roi.polygon)
        rows.append(
            ManifestRow(
                roi.roi_id,
                roi.image,
                str(roi.patient_id),
                roi.label,
                *box,
                picture.header.width,
                picture.header.height,
                picture.spacing_mm,
                hashes[roi.image],
                key_of(salt, "roi", roi.roi_id),
                key_of(salt, "image", roi.image),
                key_of(salt, "patient", str(roi.patient_id)),
                acquired,
            )
        )
    return rows
