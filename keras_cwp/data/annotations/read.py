"""Annotation files of every accepted format, as one list of ROIs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from keras_cwp.data.annotations.class_tree import read_class_tree
from keras_cwp.data.annotations.coco import read_coco_rois
from keras_cwp.data.annotations.labelme import read_labelme_rois
from keras_cwp.data.annotations.roi import ImageFolder, Roi
from keras_cwp.data.annotations.table import read_csv_rois, read_table
from keras_cwp.data.annotations.via import is_via, read_via_rois
from keras_cwp.data.annotations.voc import read_voc_rois
from keras_cwp.errors import DataError

_TABLE_SUFFIXES = (".csv", ".tsv", ".txt")


def read_rois(
    path: Path | str,
    images: Path | str,
    *,
    patients: Path | str | None = None,
    patient_per_image: bool = False,
    to_predict: bool = False,
    labels: Path | str | None = None,
) -> list[Roi]:
    """Read a CSV table, COCO or VIA JSON, LabelMe JSON, Pascal VOC XML, or a tree with a folder for each class.

    Args:
        path: the annotation file, or a folder of LabelMe or VOC files, or of class folders.
        images: folder that the image names are relative to.
        patients: CSV with the columns image and patient_id, for formats that know no patient.
        patient_per_image: an image without a stated patient is a patient of its own.
        to_predict: a CSV table may lack labels ("" then) and patients.
        labels: YAML that maps names in the file to classes, or to null for ROIs to be left out.

    Returns:
        The ROIs in file order. `patient_id` is None where nobody stated one.

    Raises:
        DataError: a file that is missing or malformed, an image that is not in the folder, a ROI id that stands
            twice, an image with two patients.
    """
    path, folder = Path(path), ImageFolder(images)
    rois = _read_any(path, folder, patient_per_image or patients is not None, to_predict)
    if labels is not None:
        rois = _with_classes(rois, Path(labels))
    if not rois:
        raise DataError(f"{path}: no regions of interest in it")
    if patients is not None:
        rois = _with_patients(rois, Path(patients))
    if patient_per_image:
        rois = [replace(roi, patient_id=roi.patient_id or roi.image) for roi in rois]
    _check_ids(rois)
    _check_patients(rois)
    return rois


def _read_any(path: Path, images: ImageFolder, patient_elsewhere: bool, to_predict: bool) -> list[Roi]:
    if path.is_dir():
        return _read_folder(path, images)
    if not path.is_file():
        raise DataError(f"ROI table {path}: no such file")
    if path.suffix.lower() in _TABLE_SUFFIXES:
        return read_csv_rois(path, images, patient_elsewhere, to_predict)
    if path.suffix.lower() in (".json", ".xml"):
        return _read_marks(path, images)
    raise DataError(f"ROI table {path}: expected .csv, .tsv, .json, .xml or a folder, got {path.suffix!r}")


def _read_folder(path: Path, images: ImageFolder) -> list[Roi]:
    marks = sorted(file for file in path.iterdir() if file.suffix.lower() in (".json", ".xml"))
    if not marks:
        return read_class_tree(path, images)
    return [roi for file in marks for roi in _read_marks(file, images)]


def _read_marks(path: Path, images: ImageFolder) -> list[Roi]:
    return _read_json(path, images) if path.suffix.lower() == ".json" else read_voc_rois(path, images)


def _read_json(path: Path, images: ImageFolder) -> list[Roi]:
    tree = load_json(path)
    if isinstance(tree, dict) and "shapes" in tree:
        return read_labelme_rois(tree, path, images)
    if isinstance(tree, dict) and "images" in tree and "annotations" in tree:
        return read_coco_rois(tree, path, images)
    if is_via(tree):
        return read_via_rois(tree, path, images)
    raise DataError(f"{path}: neither COCO (images, annotations), LabelMe (shapes) nor VIA (filename, regions)")


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
    known: dict[str, str] = {}
    for line, row in rows:
        named = dict(zip(header, row, strict=True))
        if not named["patient_id"]:
            raise DataError(f"{path}, line {line}: patient_id is empty")
        image = named["image"].replace("\\", "/")
        if known.setdefault(image, named["patient_id"]) != named["patient_id"]:
            raise DataError(f"{path}, line {line}: image {image!r} has another patient here than further up")
    return known


def _with_classes(rois: list[Roi], path: Path) -> list[Roi]:
    classes = _read_classes(path)
    for roi in rois:
        if roi.label not in classes:
            raise DataError(f"{path}: no entry for {roi.label!r}, which {roi.where} uses; map it to a class or to null")
    named = ((roi, classes[roi.label]) for roi in rois)
    return [replace(roi, label=name) for roi, name in named if name is not None]


def _read_classes(path: Path) -> dict[str, str | None]:
    try:
        tree = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError, RecursionError) as error:
        raise DataError(f"{path}: cannot be read as YAML: {' '.join(str(error).split())}") from None
    if not isinstance(tree, dict):
        raise DataError(f"{path}: expected lines such as 'PMF: large_opacity', got {type(tree).__name__}")
    for name, value in tree.items():
        if not (value is None or (isinstance(value, str) and value.strip())):
            raise DataError(f"{path}: {name!r} is mapped to {value!r}; expected a class name or null")
    return {str(name): value for name, value in tree.items()}


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
