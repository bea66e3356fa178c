"""Send what the model says of a film: a DICOM structured report of its boxes, and its evidence, into a new folder."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path

from keras_cwp.data.annotations.roi import Roi
from keras_cwp.data.radiographs.dicom_file import is_dicom_file
from keras_cwp.errors import DataError, ServingError
from keras_cwp.prediction.dicom_sr import check_reports, write_reports
from keras_cwp.prediction.predict import predict
from keras_cwp.prediction.predictor import Predictor
from keras_cwp.prediction.sr_settings import SrConfig
from keras_cwp.reader.films import Film
from keras_cwp.reader.marks import Mark
from keras_cwp.runtime import install_command

FOLDER = "reports"  # beside the readers' tables


def send_film(predictor: Predictor, film: Film, marks: Sequence[Mark], out: Path) -> tuple[Path, list[str]]:
    """Write a structured report of a film's boxes.

    Args:
        marks: the boxes; their labels are the reader's and do not go into the report, which states the model's.
        out: folder in which a new one is made.

    Returns:
        The new folder, and notes on attributes of the patient or study that could not be taken over.

    Raises:
        CwpError: no boxes, no DICOM file, a header that no report can refer to, or the extra is not installed.
    """
    if not marks:
        raise DataError("there is no box on this film to report")
    if not is_dicom_file(film.path):
        raise DataError("a report belongs to a DICOM study, and this film is no DICOM file")
    now = datetime.now(timezone.utc).strftime("%Y%m%dT%H%M%S%f")
    folder = out / f"film_{film.number:04d}_{now}"
    try:
        check_reports(folder)
    except ServingError:
        raise ServingError(f"reports need highdicom: {install_command('dicom')}") from None
    regions = [
        Roi(film.image, film.path, None, "", mark.box, mark.roi_id, f"box {number}", extra=_extra(film))
        for number, mark in enumerate(marks, start=1)
    ]
    notes: list[str] = []
    scores, distance = predict(predictor, regions, refuse=_raise)
    sets, settings = predictor.judging.sets, SrConfig()
    identity = f"training data {predictor.contract.data_hash[:16]}"
    try:
        write_reports(
            folder, regions, scores, [identity], settings, notes.append,
            evidence=settings.evidence, sets=sets, distance=distance,
        )  # fmt: skip
    except DataError as error:
        raise DataError(
            str(error).replace(f"--dicom-sr {folder}: ", "").replace("; leave --dicom-sr out", "")
        ) from None
    return folder, notes


def _extra(film: Film) -> dict[str, str]:
    """The spacing that a ROI table states, for models that were trained at one."""
    stated = next((roi.extra["spacing_mm"] for roi in film.given if roi.extra.get("spacing_mm")), "")
    return {"spacing_mm": stated} if stated else {}


def _raise(error: DataError, _: int) -> None:
    raise error
