"""The files of a prepared data set, written from a plan and the crops that were cut for it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from keras_cwp.config import DataConfig
from keras_cwp.data.annotations.faults import Faults
from keras_cwp.data.crop_file import CROPS_FILE, CropWriter, leave_out_rows
from keras_cwp.data.cut import Crops, Source, geometry
from keras_cwp.data.films import FILM_DTYPE, FILM_PX, FILMS_FILE
from keras_cwp.data.fingerprints import crop_digest
from keras_cwp.data.manifest import write_manifest
from keras_cwp.data.overruled import OVERRULED_FILE, overruled_of, overruled_text
from keras_cwp.data.patients import linked_patients
from keras_cwp.data.picture import Picture
from keras_cwp.data.plan import Plan
from keras_cwp.data.prepared import DATASET_FILE, FORMAT_VERSION, MANIFEST_FILE, hash_of
from keras_cwp.data.provenance import extra_names, manifest_rows, salt_of
from keras_cwp.errors import DataError
from keras_cwp.files import file_sha256


@dataclass(frozen=True)
class Written:
    """What is known once crops.npy is written.

    Args:
        sources: by radiograph.
        digests: `fingerprints.crop_digest`, one a ROI; empty unless data.link_duplicates.
        lost: radiographs that could not be decoded; the rows of their ROIs are blank.
    """

    sources: dict[str, Source]
    digests: list[str]
    lost: set[str]


def write_crops(
    folder: Path, plan: Plan, cut: Iterator[tuple[Picture, Crops | DataError]], config: DataConfig, faults: Faults
) -> Written:
    """Write crops.npy and films.npy; radiographs that cannot be decoded are gathered as faults.

    Raises:
        OSError: the disk refuses.
    """
    written = Written({}, [""] * len(plan.rois) if config.link_duplicates else [], set())
    places = {image: number for number, image in enumerate(_images(plan))}
    with (
        CropWriter(folder / CROPS_FILE, _shape(plan), _dtype(plan)) as file,
        CropWriter(folder / FILMS_FILE, _films_shape(plan), FILM_DTYPE) as films,
    ):
        for picture, crops in cut:
            if isinstance(crops, DataError):
                written.lost.add(picture.image)
                faults.add(DataError(f"{plan.rois[picture.rows[0]].where}: {crops}"))
                continue
            written.sources[picture.image] = crops.source
            films.put(places[picture.image], crops.film)
            for row, crop in zip(picture.rows, crops.crops, strict=True):
                file.put(row, crop)
                if written.digests:
                    written.digests[row] = crop_digest(crop, plan.margin, row)
    return written


def without_lost(folder: Path, plan: Plan, smaller: Plan, written: Written) -> Written | None:
    """Take the lost radiographs out of crops.npy and films.npy; None where the other crops change with them.

    Args:
        plan: that crops.npy was written for.
        smaller: the same without the lost radiographs; its pixels may be stored in another way.

    Raises:
        OSError: the disk refuses.
    """
    kept = [row for row, roi in enumerate(plan.rois) if roi.image not in written.lost]
    same = (smaller.dtype, smaller.crop_size, smaller.margin) == (plan.dtype, plan.crop_size, plan.margin)
    if not same or smaller.boxes != [plan.boxes[row] for row in kept]:
        return None
    leave_out_rows(folder / CROPS_FILE, _shape(plan), _dtype(plan), kept)
    films = [place for place, image in enumerate(_images(plan)) if image not in written.lost]
    leave_out_rows(folder / FILMS_FILE, _films_shape(plan), FILM_DTYPE, films)
    return Written(written.sources, [written.digests[row] for row in kept if written.digests], set())


def write_tables(folder: Path, plan: Plan, written: Written, config: DataConfig) -> None:
    """Write manifest.csv and dataset.json, and overruled.csv where a patient was overruled.

    Raises:
        OSError: the disk refuses.
    """
    meta = _meta(plan, config)
    meta["crops_sha256"] = file_sha256(folder / CROPS_FILE)
    if rows := overruled_of(plan.rois):
        (folder / OVERRULED_FILE).write_text(overruled_text(rows), encoding="utf-8")
        meta["overruled_sha256"] = file_sha256(folder / OVERRULED_FILE)
    if written.digests:
        plan = _linked(plan, written.sources, written.digests)
    meta["counts"] = counts_of(plan)
    salt = salt_of(plan, written.sources)
    write_manifest(folder / MANIFEST_FILE, manifest_rows(plan, written.sources, config, salt), extra_names(plan))
    meta |= {"data_hash": hash_of(meta, folder / MANIFEST_FILE), "salt": salt}
    (folder / DATASET_FILE).write_text(json.dumps(meta, indent=1), encoding="utf-8")


def _shape(plan: Plan) -> tuple[int, int, int]:
    return len(plan.rois), plan.crop_size, plan.crop_size


def _images(plan: Plan) -> list[str]:
    """Radiographs in the order in which the manifest first names them."""
    return list(dict.fromkeys(roi.image for roi in plan.rois))


def _films_shape(plan: Plan) -> tuple[int, int, int]:
    return len(_images(plan)), FILM_PX, FILM_PX


def _dtype(plan: Plan) -> np.dtype:
    return np.dtype(plan.dtype).newbyteorder("<")


def _meta(plan: Plan, config: DataConfig) -> dict[str, object]:
    return {
        "format_version": FORMAT_VERSION,
        "classes": list(plan.classes),
        **geometry(config, plan.crop_size, plan.dtype),
        "link_duplicates": config.link_duplicates,
        **({"reference": config.reference} if config.reference else {}),
    }


def counts_of(plan: Plan) -> dict[str, Any]:
    """ROIs, images and patients in all; ROIs and patients of each class, in the order of the classes."""
    by_class = {name: [roi.patient_id for roi in plan.rois if roi.label == name] for name in plan.classes}
    return {
        "rois": len(plan.rois),
        "images": len(plan.pictures),
        "patients": len({roi.patient_id for roi in plan.rois}),
        "classes": {name: {"rois": len(own), "patients": len(set(own))} for name, own in by_class.items()},
    }


def _linked(plan: Plan, sources: dict[str, Source], digests: list[str]) -> Plan:
    """The plan with one patient where several share a radiograph's file, a crop or a DICOM study."""
    study = {picture.image: picture.header.study for picture in plan.pictures}
    studies = [study[roi.image] or f"row {row}" for row, roi in enumerate(plan.rois)]
    files = [sources[roi.image].sha256 for roi in plan.rois]
    patients = linked_patients([str(roi.patient_id) for roi in plan.rois], files, digests, studies)
    rois = [replace(roi, patient_id=name) for roi, name in zip(plan.rois, patients, strict=True)]
    return replace(plan, rois=rois)
