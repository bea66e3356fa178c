"""The same figures within sites, manufacturers, sides: where does the model hold?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from keras_cwp.config import EvaluateConfig
from keras_cwp.evaluation.intervals import figure, resample
from keras_cwp.evaluation.roi_metrics import nested, roi_statistic, why_undefined
from keras_cwp.scores import Scores

_SHOWN = (("auc", "macro"), ("auc", "micro"), ("accuracy",), ("balanced_accuracy",), ("log_loss",))
MOST_VALUES = 12  # a column with more is a measurement or a name, not a subgroup


def subgroup_figures(
    scores: Scores, columns: Mapping[str, np.ndarray], config: EvaluateConfig, seed: int
) -> dict[str, Any]:
    """column -> value -> counts and figures with intervals; columns of one value or too many are left out.

    Args:
        scores: labelled rows.
        columns: name -> str [rows]; "" where it is not known.
    """
    found: dict[str, Any] = {}
    for name, values in columns.items():
        distinct = np.unique(values)
        if 1 < len(distinct) <= MOST_VALUES:
            found[name] = {
                str(value) or "(not given)": _figures(scores.take(values == value), config, seed) for value in distinct
            }
    return found


def _figures(scores: Scores, config: EvaluateConfig, seed: int) -> dict[str, Any]:
    resampled = resample(
        roi_statistic(scores, config),
        scores.patient_id,
        scores.label,
        resamples=config.bootstraps,
        seed=seed,
        jackknife=config.interval == "bca",
    )
    sizes = {"rois": len(np.unique(scores.roi_id)), "patients": len(np.unique(scores.patient_id))}
    return sizes | nested({key: figure(resampled, key, config.interval, why_undefined(key)) for key in _SHOWN})
