"""The zones of the lungs that a ROI table names, for the rows of scores; and patients staged by them."""

from __future__ import annotations

import numpy as np

from keras_cwp.config import Config
from keras_cwp.data.prepared import PreparedData
from keras_cwp.data.zones import zone_column
from keras_cwp.errors import CwpError
from keras_cwp.evaluation.metrics import labelled
from keras_cwp.evaluation.staging import Staged, stage_patients
from keras_cwp.scores import UNKNOWN_LABEL, Scores


def zone_texts(scores: Scores, data: PreparedData) -> np.ndarray | None:
    """str [rows], the zone of each scored ROI as the ROI table calls it; None where it names none."""
    column = zone_column(data.manifest)
    if column is None:
        return None
    row_of = {str(key): row for row, key in enumerate(data.manifest.texts("roi_key"))}
    rows = np.array([row_of[str(roi)] for roi in scores.roi_id], dtype=np.int64)
    return data.manifest.texts(column)[rows]


def staged_patients(scores: Scores, data: PreparedData, config: Config) -> Staged | None:
    """Every patient's stage; None where patients cannot be staged, for the reason that metrics.json gives."""
    try:
        zones = zone_texts(scores, data)
        if zones is None:
            return None
        known = zones[scores.label != UNKNOWN_LABEL]
        return stage_patients(labelled(scores), known, config.evaluate, config.data.ordinal)
    except CwpError:
        return None
