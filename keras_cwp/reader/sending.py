"""Send what the model says of a film to a folder and an archive: a structured report of its boxes, and its evidence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from keras_cwp.data.annotations.roi import Roi
from keras_cwp.data.radiographs.dicom_file import is_dicom_file
from keras_cwp.errors import DataError
from keras_cwp.prediction.archive import Archive, NotSentError, send
from keras_cwp.prediction.dicom_sr import Pictures, what_reports_need, write_reports
from keras_cwp.prediction.predict import predict
from keras_cwp.prediction.predictor import Predictor
from keras_cwp.prediction.sr_settings import SrConfig
from keras_cwp.reader.answers import Answers
from keras_cwp.reader.films import Film, Films
from keras_cwp.reader.marks import Mark

FOLDER = "reports"  # beside the readers' tables


@dataclass(frozen=True)
class Sent:
    """What became of a report.

    Args:
        folder: the new folder of its objects.
        objects: number of them.
        notes: on attributes of the patient or study that could not be taken over.
        archive: that has the objects too; "" where there is none.
        failed: why the archive does not have them; "" where it does.
    """

    folder: Path
    objects: int
    notes: list[str]
    archive: str = ""
    failed: str = ""


def why_no_report(film: Film) -> str:
    """Why there can be no report of a film, whatever is marked on it; "" where there can be one."""
    try:
        dicom = is_dicom_file(film.path)
    except OSError as error:
        return f"the film's file cannot be read any more: {error.strerror}"
    if not dicom:
        return "a report belongs to a DICOM study, and this film is no DICOM file"
    needed = what_reports_need()
    return f"writing one {needed}" if needed else ""


def send_film(
    answers: Answers, films: Films, number: int, marks: Sequence[Mark], out: Path, archive: Archive | None = None
) -> Sent:
    """Write a structured report of a film's boxes with a presentation state and heat maps, and send them.

    Args:
        number: of the film.
        marks: the boxes; their labels are the reader's and do not go into the report, which states the model's.
        out: folder in which a new one is made.
        archive: that gets the objects too.

    Raises:
        DataError: no boxes, or `why_no_report`.
        CwpError: a header that no report can refer to.
    """
    film = films[number]
    if not marks:
        raise DataError("there is no box on this film to report")
    if reason := why_no_report(film):
        raise DataError(reason)
    now = datetime.now(timezone.utc).strftime("%Y%m%dT%H%M%S%f")
    folder = out / f"film_{film.number:04d}_{now}"
    regions = [
        Roi(film.image, film.path, None, "", mark.box, mark.roi_id, f"box {place}", extra=_extra(film))
        for place, mark in enumerate(marks, start=1)
    ]
    notes: list[str] = []
    boxes = [mark.box for mark in marks]
    maps = answers.maps_on(film.path, films.pixels(number), boxes, films.spacing_mm(number))
    try:
        _write(answers.predictor, regions, folder, notes, None if maps is None else maps.picture)
    except DataError as error:
        raise DataError(
            str(error).replace(f"--dicom-sr {folder}: ", "").replace("; leave --dicom-sr out", "")
        ) from None
    files = sorted(folder.iterdir())
    if archive is None:
        return Sent(folder, len(files), notes)
    try:
        send(files, archive)
    except NotSentError as error:
        return Sent(folder, len(files), notes, archive.address, str(error))
    return Sent(folder, len(files), notes, archive.address)


def _write(predictor: Predictor, regions: list[Roi], folder: Path, notes: list[str], pictures: Pictures | None) -> None:
    scores, distance = predict(predictor, regions, refuse=_raise)
    settings = SrConfig()
    identity = f"training data {predictor.contract.data_hash[:16]}"
    write_reports(
        folder,
        regions,
        scores,
        [identity],
        settings,
        notes.append,
        evidence=settings.evidence,
        pictures=pictures,
        sets=predictor.judging.sets,
        distance=distance,
    )


def _extra(film: Film) -> dict[str, str]:
    """The spacing that a ROI table states, for models that were trained at one."""
    stated = next((roi.extra["spacing_mm"] for roi in film.given if roi.extra.get("spacing_mm")), "")
    return {"spacing_mm": stated} if stated else {}


def _raise(error: DataError, _: int) -> None:
    raise error
