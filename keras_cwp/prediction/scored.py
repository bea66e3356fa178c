"""Regions and their probabilities as a Scores table under the names that the user gave."""

from __future__ import annotations

import numpy as np

from keras_cwp.data.annotations.roi import Roi
from keras_cwp.scores import UNKNOWN_LABEL, Scores


def scores_of(regions: list[Roi], classes: tuple[str, ...], probabilities: np.ndarray) -> Scores:
    """One row a region.

    Args:
        probabilities: float64 [regions, classes], rows summing to 1.

    Returns:
        A label that is not of `classes` is UNKNOWN_LABEL.
    """
    index = {name: number for number, name in enumerate(classes)}
    return Scores(
        classes,
        np.array([roi.roi_id for roi in regions], dtype=str),
        np.array([roi.patient_id or "" for roi in regions], dtype=str),
        np.array([roi.image for roi in regions], dtype=str),
        np.zeros(len(regions), dtype=np.int64),
        np.array([index.get(roi.label, UNKNOWN_LABEL) for roi in regions], dtype=np.int64),
        probabilities,
    )
