"""Columns of the manifest that make subgroups: as they stand, and the size of opacities by the ILO's classes.

Reference: ILO, Guidelines for the use of the ILO International Classification of Radiographs of Pneumoconioses,
revised edition 2011: small opacities p, q and r (s, t and u where irregular) end at 1.5, 3 and 10 mm, large ones
of category A at 50 mm.
"""

from __future__ import annotations

import bisect

import numpy as np

from keras_cwp.data.prepared import PreparedData
from keras_cwp.scores import Scores

_AS_THEY_STAND = ("site", "manufacturer", "side", "view", "file_type")
_SIZE_LIMITS_MM = (1.5, 3.0, 10.0, 50.0)
_SIZE_NAMES = ("p/s, up to 1.5 mm", "q/t, 1.5 to 3 mm", "r/u, 3 to 10 mm", "A, 10 to 50 mm", "B/C, above 50 mm")


def subgroup_columns(scores: Scores, data: PreparedData) -> dict[str, np.ndarray]:
    """Columns with more than one value among the scored ROIs, str [rois]; "" where a ROI has none."""
    row_of = {str(key): row for row, key in enumerate(data.manifest.texts("roi_key"))}
    rows = np.array([row_of[str(roi)] for roi in scores.roi_id], dtype=np.int64)
    columns = {name: data.manifest.texts(name)[rows] for name in _AS_THEY_STAND}
    columns["size of opacity"] = np.array([size_class(size) for size in data.manifest.texts("size_mm")[rows]])
    return {name: values for name, values in columns.items() if len(np.unique(values)) > 1}


def size_class(size_mm: str) -> str:
    """The ILO's class of a size given as text; "" for none, or for what is no positive number."""
    try:
        size = float(size_mm)
    except ValueError:
        return ""
    return _SIZE_NAMES[bisect.bisect_left(_SIZE_LIMITS_MM, size)] if size > 0 else ""
