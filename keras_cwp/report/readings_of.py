"""What a data set's readers said of scored ROIs."""

from __future__ import annotations

import numpy as np

from keras_cwp.data.prepared import PreparedData
from keras_cwp.evaluation.readings import Readings
from keras_cwp.scores import Scores


def readings_of(scores: Scores, data: PreparedData) -> Readings | None:
    """The readings of the scored ROIs; None where the ROI table names no readers."""
    if not data.readers:
        return None
    row_of = {str(key): row for row, key in enumerate(data.manifest.texts("roi_key"))}
    rows = np.array([row_of[str(roi)] for roi in scores.roi_id], dtype=np.int64)
    return Readings(data.readers, data.readings[rows], data.ratings[rows], data.meta.get("reference"))
