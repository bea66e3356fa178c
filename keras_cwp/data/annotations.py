"""Annotation files of every accepted format, as one list of ROIs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from keras_cwp.data.coco import read_coco_rois
from keras_cwp.data.labelme import read_labelme_rois
from keras_cwp.data.roi import ImageFolder, Roi
from keras_cwp.data.roi_table import read_csv_rois, read_table
from keras_cwp.errors import DataError

_TABLE_SUFFIXES = (".csv", ".tsv", ".txt")


def read_rois(
    path: Path | str,
    images: Path | str,
    *,
    patients: Path | str | None = None,
    patient_per_image: bool = False,
) -> list[Roi]:
    """Read a CSV table, a COCO file, or a LabelMe file or folder.

    Args:
        path: the annotation file or folder.
        images: folder that the image names are relative to.
        patients: CSV with the columns image and patient_id, for formats that know no patient.
        patient_per_image: an image without a stated patient is a patient of its own.

    Returns:
        The ROIs in file order. `patient_id` is None where nobody stated one.

    Raises:
        DataError: a file that is missing or malformed, an image that is not in the folder, a ROI id that stands
            twice, an image with two patients.
    """
    path, folder = Path(path), ImageFolder(images)
    rois = _read_any(path, folder, patient_per_image or patients is not None)
    if not rois:
        raise DataError(f"{path}: no regions of interest in it")
    if patients is not None:
        rois = _with_patients(rois, Path(patients))
    if patient_per_image:
        rois = [replace(roi, patient_id=roi.patient_id or roi.image) for roi in rois]
    _check_ids(rois)
    _check_patients(rois)
    return rois


def _read_any(path: Path, images: ImageFolder, patient_elsewhere: bool) -> list[Roi]:
    if path.is_dir():
        return _read_folder(path, images)
    if not path.is_file():
        raise DataError(f"ROI table {path}: no such file")
    if path.suffix.lower() in _TABLE_SUFFIXES:
        return read_csv_rois(path, images, patient_elsewhere)
    if path.suffix.lower() == ".json":
        return _read_json(path, images)
    raise DataError(f"ROI table {path}: expected .csv, .tsv, .json or a folder of .json files, got {path.suffix!r}")


def _read_folder(path: Path, images: ImageFolder) -> list[Roi]:
    files = sorted(path.glob("*.json"))
    if not files:
        raise DataError(f"ROI folder {path}: no .json file in it")
    return [roi for file in files for roi in _read_json(file, images)]


def _read_json(path: Path, images: ImageFolder) -> list[Roi]:
    tree = load_json(path)
    if isinstance(tree, dict) and "shapes" in tree:
        return read_labelme_rois(tree, path, images)
    if isinstance(tree, dict) and "images" in tree and "annotations" in tree:
        return read_coco_rois(tree, path, images)
    raise DataError(f"{path}: neither COCO (images, annotations) nor LabelMe (shapes)")


def load_json(path: Path) -> Any:
    """The tree of a JSON file.

    Raises:
        DataError: unreadable, or not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{path}: cannot be read as JSON: {error}") from None


def _with_patients(rois: list[Roi], path: Path) -> list[Roi]:
    known = _read_patients(path)
    for roi in rois:
        if roi.image not in known:
            raise DataError(f"{path}: no patient for image {roi.image!r}, which {roi.where} uses")
    return [replace(roi, patient_id=known[roi.image]) for roi in rois]


def _read_patients(path: Path) -> Mapping[str, str]:
    header, rows = read_table(path)
    if sorted(header) != ["image", "patient_id"]:
        raise DataError(f"{path}: expected the columns image, patient_id, got {', '.join(header)}")
    image, patient = header.index("image"), header.index("patient_id")
    for line, row in rows:
        if not row[patient]:
            raise DataError(f"{path}, line {line}: patient_id is empty")
    return {row[image].replace("\\", "/"): row[patient] for _, row in rows}


def _check_ids(rois: list[Roi]) -> None:
    seen: dict[str, str] = {}
    for roi in rois:
        if roi.roi_id in seen:
            raise DataError(f"{roi.where}: roi_id {roi.roi_id!r} stands already at {seen[roi.roi_id]}")
        seen[roi.roi_id] = roi.where


def _check_patients(rois: list[Roi]) -> None:
    first: dict[str, Roi] = {}
    for roi in rois:
        other = first.setdefault(roi.image, roi)
        if other.patient_id != roi.patient_id:
            raise DataError(
                f"{roi.where}: image {roi.image!r} is of another patient here than at {other.where}; "
                "a radiograph has one patient"
            )
