"""The same metrics within sites, manufacturers, sides: where does the model hold?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from keras_cwp.config import EvaluateConfig
from keras_cwp.evaluation.comparable import comparable
from keras_cwp.evaluation.gaps import subgroup_gaps
from keras_cwp.evaluation.roi_metrics import roi_figures
from keras_cwp.evaluation.statistic import nested
from keras_cwp.scores import Scores

_SHOWN = (("auc", "macro"), ("auc", "micro"), ("accuracy",), ("balanced_accuracy",), ("log_loss",))
MOST_VALUES = 12  # a column with more is a measurement or a name, not a subgroup


def subgroup_figures(
    scores: Scores, columns: Mapping[str, np.ndarray], config: EvaluateConfig, seed: int
) -> dict[str, Any]:
    """column -> value -> counts and metrics with intervals; columns of one value or too many are left out.

    `gap` is the macro AUC within the subgroup minus that outside it (`gaps.subgroup_gaps`). A subgroup that lacks a
    class is marked as not comparable: its macro AUC is over fewer classes.

    Args:
        scores: labelled rows.
        columns: name -> str [rows]; "" where it is not known.
    """
    found: dict[str, Any] = {}
    for name, values in columns.items():
        if is_subgroup(values):
            gaps = subgroup_gaps(scores, values)
            found[name] = {
                str(value) or "(not given)": _figures(scores.take(values == value), scores, config, seed)
                | {"gap": gaps[str(value)]}
                for value in np.unique(values)
            }
    return found


def is_subgroup(values: np.ndarray) -> bool:
    """Whether a column parts the rows into a few groups."""
    return 1 < len(np.unique(values)) <= MOST_VALUES


def _figures(own: Scores, whole: Scores, config: EvaluateConfig, seed: int) -> dict[str, Any]:
    sizes = {"rois": len(np.unique(own.roi_id)), "patients": len(np.unique(own.patient_id))}
    figures = roi_figures(own, config, seed)
    return sizes | comparable(own, whole) | nested({key: figures[key] for key in _SHOWN})
