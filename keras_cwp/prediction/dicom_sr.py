"""DICOM structured reports of scored radiographs: one a study, in a folder that appears whole or not at all."""

from __future__ import annotations

import contextlib
import datetime as dt
import importlib.util
import io
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pydicom

from keras_cwp.data.annotations.roi import Roi
from keras_cwp.data.plan import place_box
from keras_cwp.data.radiographs.dicom_file import is_dicom_file
from keras_cwp.data.radiographs.radiograph import Header
from keras_cwp.errors import DataError, ServingError
from keras_cwp.files import new_folder, write_bytes
from keras_cwp.prediction.decided import Sets, members
from keras_cwp.prediction.evidence import REFERENCE, nameless, study_evidence
from keras_cwp.prediction.sr_content import ALGORITHM, Evidence, Finding, report_content
from keras_cwp.prediction.sr_identity import Identity
from keras_cwp.prediction.sr_settings import SrConfig
from keras_cwp.runtime import install_command
from keras_cwp.scores import Scores
from keras_cwp.version import VERSION

STATE, CAPTURE = "regions", "heat_maps"  # begin the names of the files of presentation states and of heat maps
# What has a date in an object of a modality.
_EVENTS = {
    "SR": ("InstanceCreation", "Series", "Content"),
    "PR": ("InstanceCreation", "Series", "PresentationCreation"),
}
Pictures = Callable[[Path, str], "np.ndarray | None"]
_LONG_STRING = 64  # characters of VR LO


@dataclass(frozen=True)
class Written:
    """Number of reports, and of regions whose image is no DICOM file and so has none.

    Args:
        states, captures: presentation states and images of heat maps that were written beside the reports.
    """

    reports: int
    without: int
    states: int = 0
    captures: int = 0


def what_reports_need() -> str:
    """The package that is missing, and how to install it; "" where none is."""
    if importlib.util.find_spec("highdicom") is None:
        return f"needs highdicom: {install_command('dicom')}"
    return ""


def check_reports(folder: Path) -> None:
    """What can be known before anything is scored.

    Raises:
        ServingError: the extra is not installed, or the folder exists and is not empty.
    """
    if needed := what_reports_need():
        raise ServingError(f"--dicom-sr {needed}")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ServingError(f"--dicom-sr {folder}: it exists already; name another folder or remove it")


def write_reports(
    folder: Path,
    regions: Sequence[Roi],
    scores: Scores,
    parameters: Sequence[str],
    settings: SrConfig,
    note: Callable[[str], None] = lambda _: None,
    evidence: bool = False,
    pictures: Pictures | None = None,
    *,
    sets: Sets | None = None,
    distance: np.ndarray | None = None,
) -> Written:
    """Write one Comprehensive SR (TID 1500) for every study that the scored DICOM radiographs are of.

    Args:
        folder: a new folder; its files are named by their SOP Instance UIDs.
        regions: those that were asked for; those that `scores` lacks are not reported.
        parameters: texts that identify the model, such as its data set's hash.
        note: gets a line for each attribute of patient or study that could not be taken over as it is.
        evidence: write a presentation state for every radiograph too, and refer to it; see presentation.py.
        pictures: where there is evidence: radiograph and statement → its heat maps as `heat_capture.drawn_maps` has
            them, or None.
        sets, distance: of the scores; see `decided.write_decided`.

    Raises:
        DataError: a radiograph without the UIDs that a report refers to or with those of another, or a study of two
            patients, or no DICOM file at all; nothing is written then.
    """
    with _silence():
        studies, without = _by_study(regions, scores, sets, distance)
        if not studies:
            raise DataError(f"--dicom-sr {folder}: none of {without} regions is of a DICOM file; leave --dicom-sr out")
        said = _once(note)
        count = Counter[str]()
        with new_folder(folder) as beside:
            for findings in studies.values():
                for name, content in _objects(findings, scores.classes, parameters, settings, said, evidence, pictures):
                    write_bytes(beside / f"{name}.dcm", content)
                    count[name.rpartition("_")[0]] += 1
    return Written(len(studies), without, count[STATE], count[CAPTURE])


def _once(note: Callable[[str], None]) -> Callable[[str], None]:
    """Each line once: all objects of a study have the same patient."""
    said: set[str] = set()

    def told(line: str) -> None:
        if line not in said:
            said.add(line)
            note(line)

    return told


def _by_study(
    regions: Sequence[Roi], scores: Scores, sets: Sets | None, distance: np.ndarray | None
) -> tuple[dict[str, list[Finding]], int]:
    """Findings by Study Instance UID, and the number of regions that are of no DICOM file."""
    by_name = {roi.roi_id: roi for roi in regions}
    headers = {path: _header(path) for path in {by_name[str(name)].path: None for name in scores.roi_id}}
    studies: dict[str, list[Finding]] = {}
    without, inside = 0, members(scores, sets)
    for row, (name, probabilities) in enumerate(zip(scores.roi_id, scores.probabilities, strict=True)):
        roi = by_name[str(name)]
        header = headers[roi.path]
        if header is None:
            without += 1
        else:
            findings = studies.setdefault(str(header.StudyInstanceUID), [])
            found = _finding(header, roi, len(findings) + 1, probabilities)
            own = () if inside is None else tuple(scores.classes[place] for place in np.flatnonzero(inside[row]))
            unlike = None if distance is None else bool(distance[row] > 1)
            findings.append(replace(found, members=own, unlike=unlike))
    return studies, without


def _header(path: Path) -> Any:
    """The file's header as a pydicom Dataset; None if it is no DICOM file."""
    try:
        if not is_dicom_file(path):
            return None
        header = pydicom.dcmread(path, stop_before_pixels=True, force=True)
        missing = [keyword for keyword in REFERENCE if not header.get(keyword)]
    except OSError as error:
        raise DataError(f"image {path}: cannot be read: {error.strerror}") from None
    if missing:
        raise DataError(f"image {path}: no {missing[0]} in its header, so no report can refer to it; leave it out")
    return header


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Have pydicom not judge values: it would quote them, and they may name the patient."""
    with warnings.catch_warnings(), pydicom.config.disable_value_validation():
        warnings.simplefilter("ignore")
        yield


def _finding(header: Any, roi: Roi, number: int, probabilities: np.ndarray) -> Finding:
    box, _ = place_box(roi, Header(width=int(header.Columns), height=int(header.Rows), bits=0))
    marked = roi.roi_id != roi.path.as_posix()  # else its name is its file's path, which is of no use in an archive
    return Finding(header, box, roi.roi_id if marked else f"image {number}", probabilities)


def _objects(
    findings: list[Finding],
    classes: Sequence[str],
    parameters: Sequence[str],
    settings: SrConfig,
    note: Callable[[str], None],
    evidence: bool,
    pictures: Pictures | None,
) -> Iterator[tuple[str, bytes]]:
    """Names without ending, and the bytes, of a study's report and of what is written beside it."""
    images = list({finding.image.filename: finding.image for finding in findings}.values())
    _check_distinct(images)
    identity = Identity(images, note)
    try:
        beside = study_evidence(findings, classes, settings, pictures, note) if evidence else Evidence()
        content = report_content(findings, classes, parameters, settings, beside)
        others = [*beside.states.values(), *beside.captures]
        report = _document([*map(nameless, images), *map(nameless, others)], content, settings)
        written = [("", report), *((STATE, each) for each in beside.states.values())]
        written += [(CAPTURE, each) for each in beside.captures]
        objects = [(kind, _finished(each, identity)) for kind, each in written]
    except DataError:
        raise
    except Exception as error:  # of many kinds, and their texts may quote the patient
        kind = type(error).__name__
        raise DataError(
            f"the study of image {images[0].filename}: no report can be made of its header ({kind})"
        ) from None
    for kind, (uid, content) in objects:
        yield (f"{kind}_{uid}" if kind else uid), content


def _finished(written: Any, identity: Identity) -> tuple[str, bytes]:
    """Date an object, give it the identity of the study, and write it."""
    written.SpecificCharacterSet = "ISO_IR 192"  # UTF-8, which holds every name
    _date(written, identity.timezone)
    identity.put_into(written)
    file = io.BytesIO()
    written.save_as(file, enforce_file_format=True)
    return str(written.SOPInstanceUID), file.getvalue()


def _document(evidence: Sequence[Any], content: Any, settings: SrConfig) -> Any:
    from highdicom.sr import ComprehensiveSR
    from pydicom.uid import ExplicitVRLittleEndian, generate_uid

    report = ComprehensiveSR(
        evidence=evidence,
        content=content,
        series_instance_uid=generate_uid(),
        series_number=settings.series_number,
        series_description=f"{ALGORITHM}: {settings.statement}"[:_LONG_STRING],
        sop_instance_uid=generate_uid(),
        instance_number=1,
        manufacturer=settings.manufacturer,
        manufacturer_model_name=ALGORITHM,
        device_serial_number="none",
        software_versions=VERSION,
        is_complete=True,
        is_final=False,
        transfer_syntax_uid=ExplicitVRLittleEndian,
        specific_character_set="ISO_IR 192",
    )
    _separate(report)
    return report


def _separate(item: Any) -> None:
    """Have viewers show each item of a container with its name; in what is continuous they leave the names out."""
    if item.ValueType == "CONTAINER":
        item.ContinuityOfContent = "SEPARATE"
    for child in item.get("ContentSequence", []):
        _separate(child)


def _date(report: Any, timezone: str) -> None:
    """The moment of writing, in the zone that the study's dates are in, if the radiographs state one."""
    now = datetime.now()
    if timezone:
        minutes = int(timezone[1:3]) * 60 + int(timezone[3:])
        zone = dt.timezone(timedelta(minutes=-minutes if timezone[0] == "-" else minutes))
        now = datetime.now(zone)
    for event in _EVENTS.get(report.Modality, _EVENTS["SR"]):
        setattr(report, f"{event}Date", now.strftime("%Y%m%d"))
        setattr(report, f"{event}Time", now.strftime("%H%M%S.%f"))


def _check_distinct(images: Sequence[Any]) -> None:
    """Two files of one UID are one image to an archive, and a region of it could be on either.

    Raises:
        DataError: there are two.
    """
    files: dict[str, Any] = {}
    for image in images:
        other = files.setdefault(str(image.SOPInstanceUID), image.filename)
        if other != image.filename:
            raise DataError(
                f"image {image.filename}: it has the SOPInstanceUID of {other}, so a report cannot tell one from the "
                "other; leave one of them out"
            )
