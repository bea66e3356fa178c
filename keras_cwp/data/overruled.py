"""overruled.csv: what a source stated of a radiograph's patient and what does not count, because the user said so.

It stands in the data set only where there is such a thing, so that `audit` can list it.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from keras_cwp.data.annotations.roi import Roi
from keras_cwp.errors import DataError

OVERRULED_FILE = "overruled.csv"


class Overruled(NamedTuple):
    """One statement that does not count.

    Args:
        patient_id: the patient that counts, and `stated_by` who states it.
        overruled_id: what `overruled_by` states instead; a study's UID where that is a DICOM study.
    """

    image: str
    patient_id: str
    stated_by: str
    overruled_id: str
    overruled_by: str


def overruled_of(rois: Sequence[Roi]) -> list[Overruled]:
    """Each statement about each radiograph once, in the order of the ROIs."""
    rows = (
        Overruled(roi.image, str(roi.patient_id), roi.patient_by, patient, by)
        for roi in rois
        for patient, by in roi.overruled
    )
    return list(dict.fromkeys(rows))


def overruled_text(rows: Sequence[Overruled]) -> str:
    """The content of overruled.csv."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(Overruled._fields)
    writer.writerows(rows)
    return text.getvalue()


def read_overruled(folder: Path) -> list[Overruled]:
    """The rows of a data set's overruled.csv; none where there is no such file.

    Raises:
        DataError: it cannot be read.
    """
    path = folder / OVERRULED_FILE
    if not path.is_file():
        return []
    try:
        with open(path, encoding="utf-8", newline="") as file:
            return [Overruled(*row) for row in list(csv.reader(file))[1:]]
    except (OSError, ValueError, TypeError, csv.Error) as error:
        raise DataError(f"{path} is damaged ({error}); prepare the data set again") from None
