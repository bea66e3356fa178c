"""Annotation files of every accepted format, as one list of ROIs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from keras_cwp.data.annotations.faults import Faults, ignore_note
from keras_cwp.data.annotations.findings import of_reader, one_per_finding, prefix_of
from keras_cwp.data.annotations.folder import read_folder
from keras_cwp.data.annotations.formats import open_annotations, say_what_is_lacking
from keras_cwp.data.annotations.image_folder import ImageFolder
from keras_cwp.data.annotations.labels import check_labels, with_classes
from keras_cwp.data.annotations.on_film import on_film
from keras_cwp.data.annotations.options import TRUSTED, Trust
from keras_cwp.data.annotations.overlapping import note_overlaps
from keras_cwp.data.annotations.patients_file import with_patients
from keras_cwp.data.annotations.pictures import check_pictures
from keras_cwp.data.annotations.reading import Reading
from keras_cwp.data.annotations.roi import Roi
from keras_cwp.data.patients import PER_IMAGE
from keras_cwp.errors import DataError

Tables = Path | str | Sequence[Path | str]


def paths_of(tables: Tables) -> list[Path]:
    """One path or several as a list."""
    return [Path(tables)] if isinstance(tables, (Path, str)) else [Path(each) for each in tables]


def read_rois(
    path: Tables,
    images: Path | str,
    *,
    patients: Path | str | None = None,
    patient_per_image: bool = False,
    to_predict: bool = False,
    labels: Path | str | None = None,
    trust: Trust | None = None,
    names_as_written: bool = False,
    skip_bad: bool = False,
    label_attribute: str | None = None,
    image_by: str | None = None,
    left_out: Callable[[DataError, int], None] | None = None,
    note: Callable[[str], None] = ignore_note,
) -> list[Roi]:
    """Read a file of one of `formats.FORMATS`, a folder of such files, or a tree with a folder for each class.

    Args:
        path: the annotation file or folder; several: one a reader, named by the file or by a column `reader`.
        images: folder that the image names are relative to.
        patients: CSV of image and patient_id, for formats that know no patient; further columns are kept.
        patient_per_image: an image without a stated patient is a patient of its own.
        to_predict: labels and patients may be missing ("" and None then); names are not asked about.
        labels: YAML that maps names in the file to classes, or to null for ROIs to be left out.
        trust: which source of patients counts where `path` ("table") and `patients` differ; None: refuse.
        names_as_written: labels and folders that look alike, like an empty cell or unlike classes are meant.
        skip_bad: leave out entries that cannot be used, with a note, instead of refusing.
        label_attribute: the attribute of VIA's regions that holds the class; None: label, class, or the only one.
        image_by: what counts where a file states another picture than its own name's: stated or name; None: refuse.
        left_out: gets what skip_bad leaves out, each with the number 1, instead of `note`.
        note: gets one line for each thing worth knowing.

    Returns:
        The ROIs in file order. `patient_id` is None where nobody stated one. Boxes are in pixels of the radiograph,
        also where a smaller or larger copy of it was marked and the file says so. Where several readers marked, one ROI
        a finding, with all their labels (`findings.one_per_finding`).

    Raises:
        DataError: a file that is missing or malformed, an image that is not there or has two patients, a ROI id twice,
            sources that contradict each other, names that look alike, or a radiograph of other proportions than
            the picture that was marked.
    """
    _check_choices(trust, image_by)
    folder = ImageFolder(images)
    readings = {
        own: Reading(
            folder,
            patient_elsewhere=patient_per_image or patients is not None,
            to_predict=to_predict,
            label_attribute=label_attribute,
            image_by=image_by,
            root=own if own.is_dir() else None,
            names_as_written=names_as_written,
            faults=Faults(skip_bad, note, left_out),
            note=note,
        )
        for own in paths_of(path)
    }
    return _read_all(readings, labels, patients, patient_per_image, trust)


def _read_all(
    readings: Mapping[Path, Reading],
    labels: Path | str | None,
    patients: Path | str | None,
    per_image: bool,
    trust: Trust | None,
) -> list[Roi]:
    """The ROIs of one table, or of one a reader; what concerns them together is checked after all are read."""
    source, several = ", ".join(map(str, readings)), len(readings) > 1
    rois: list[Roi] = []
    for path, reading in readings.items():
        marked = _marked(path, reading, labels, prefix_of(path) if several else "")
        rois += of_reader(marked, path, list(readings)) if several else marked
    if not (reading.to_predict or reading.names_as_written):
        check_labels(rois, source, mapped=labels is not None)
    rois = _of_patients(rois, patients, per_image, reading, trust)
    _check_ids(rois)
    _check_patients(rois)
    note_overlaps(rois, source, reading)
    return one_per_finding(rois, source, reading.note)


def _of_patients(
    rois: list[Roi], patients: Path | str | None, per_image: bool, reading: Reading, trust: Trust | None
) -> list[Roi]:
    """The ROIs with the patients of a file, and with one for each image that has none if so stated."""
    if patients is not None:
        rois = with_patients(rois, Path(patients), reading, trust, complete=not per_image)
    if per_image:
        rois = [roi if roi.patient_id else replace(roi, patient_id=roi.image, patient_by=PER_IMAGE) for roi in rois]
    return rois


def _marked(path: Path, reading: Reading, labels: Path | str | None, prefix: str) -> list[Roi]:
    """What is marked, in pixels of the radiographs and with the classes that a map gives."""
    rois = _read(path, reading, prefix)
    reading.faults.settle(str(path))
    check_pictures(reading, path)
    rois = on_film(rois, path, reading)
    reading.faults.settle(str(path))
    for oddity, count in reading.oddities.items():
        reading.note(f"{path}: {oddity.said(count)}")
    if labels is not None:
        rois = with_classes(rois, Path(labels), reading)
    if not rois:
        raise DataError(f"{path}: no regions of interest in it")
    return rois


def _check_choices(trust: str | None, image_by: str | None) -> None:
    if trust not in (None, *TRUSTED):
        raise DataError(f"trust is {trust!r}; expected one of {', '.join(TRUSTED)}")
    if image_by not in (None, "stated", "name"):
        raise DataError(f"image_by is {image_by!r}; expected stated or name")


def _read(path: Path, reading: Reading, prefix: str) -> list[Roi]:
    if path.is_dir():
        return read_folder(path, reading)
    if not path.is_file():
        raise DataError(f"ROI table {path}: no such file")
    kind, file = open_annotations(path, reading.note, prefix)
    say_what_is_lacking(kind, path, reading.note)
    return kind.read(file, reading)


def _check_ids(rois: list[Roi]) -> None:
    seen: dict[tuple[str, str], str] = {}
    for roi in rois:
        name = (roi.reader, roi.roi_id)
        if name in seen:
            raise DataError(f"{roi.where}: roi_id {roi.roi_id!r} stands already at {seen[name]}")
        seen[name] = roi.where


def _check_patients(rois: list[Roi]) -> None:
    first: dict[str, Roi] = {}
    for roi in rois:
        other = first.setdefault(roi.image, roi)
        if other.patient_id != roi.patient_id:
            raise DataError(
                f"{roi.where}: image {roi.image!r} is of another patient here than at {other.where}; "
                "a radiograph has one patient"
            )
