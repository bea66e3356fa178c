"""Whether a model was trained on patients that it is judged on, and how a report says so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from keras_cwp.audit.overlap import overlap
from keras_cwp.data.prepared import PreparedData
from keras_cwp.data.split_file import SPLIT_FILE, split_rows
from keras_cwp.errors import DataError
from keras_cwp.wording import plural, verb

if TYPE_CHECKING:
    from keras_cwp.training.run import RunFolder


def check_shared(run: RunFolder, own: PreparedData | None, data: PreparedData, allow: bool) -> dict[str, Any]:
    """What metrics.json keeps: checked, and then patients, rois, images as `audit.overlap` counts them in `data`.

    Args:
        own: the run's data set; None: it is gone, and nothing can be checked.
        allow: do not refuse shared patients.

    Raises:
        DataError: patients are shared with those that the run trained on, or chose thresholds with.
    """
    if own is None:
        return {"checked": False}
    learnt = {row.roi for row in split_rows(run.path / SPLIT_FILE) if row.part != "test"}
    rows = np.flatnonzero(np.isin(own.manifest.texts("roi_key"), sorted(learnt)))
    found = overlap(data, own, rows)
    if found.patients and not allow:
        total = len(np.unique(data.patients))
        spelt = f"; {plural(found.respelt, 'id')} spelt otherwise, such as 0001 for 1" if found.respelt else ""
        raise DataError(
            f"{data.path}: {found.patients} of its {plural(total, 'patient')} {verb(found.patients, 'is', 'are')} in "
            f"the training data of {run.path} too ({plural(found.rois, 'ROI')}, "
            f"{plural(found.images, 'identical image')}{spelt}); "
            "the metrics would be too good. Leave these patients out, give them other ids if they are different "
            "people, or state --allow-shared-patients: the report then says so"
        )
    return {"checked": True, **asdict(found)}


def held_out_clause(shared: Mapping[str, Any] | None) -> str:
    """What follows "30 ROIs of 12 patients" in a sentence.

    Args:
        shared: of `check_shared`; None for ROIs that the run itself held out.
    """
    if shared is None:
        return " held out from training"
    if not shared["checked"]:
        return " of another data set, which could not be compared with the training data"
    if not shared["patients"]:
        return " who are not in the training data"
    return f", {shared['patients']:,} of them also in the training data, which makes the metrics too good"


def shared_sentence(shared: Mapping[str, Any]) -> str:
    """How shared patients were looked for and what was found, for the report's paragraph on methods."""
    if not shared["checked"]:
        return (
            "The training data set is gone or was changed, so it could not be checked whether the model was trained on "
            "patients who are judged here."
        )
    if not shared["patients"]:
        return "No patient id, radiograph or crop of the judged data set is in the training data."
    patients = shared["patients"]
    pictures = plural(shared["images"], "identical radiograph")
    return (
        f"{plural(patients, 'patient')} with {plural(shared['rois'], 'ROI')} {verb(patients, 'shares', 'share')} "
        f"an id, a radiograph or a crop with the training patients ({pictures}). This was allowed by "
        "--allow-shared-patients and makes the metrics too good."
    )
