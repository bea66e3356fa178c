"""Columns of the manifest that make subgroups: as they stand, and the size of opacities by the ILO's classes.

Reference: ILO, Guidelines for the use of the ILO International Classification of Radiographs of Pneumoconioses,
revised edition 2011: small opacities p, q and r (s, t and u where irregular) end at 1.5, 3 and 10 mm, large ones
of category A at 50 mm.
"""

from __future__ import annotations

import bisect

import numpy as np

from keras_cwp.data.annotations.columns import SUBGROUP_COLUMNS
from keras_cwp.data.manifest import RATING, READING
from keras_cwp.data.prepared import PreparedData
from keras_cwp.scores import Scores

_AS_THEY_STAND = (*SUBGROUP_COLUMNS, "file_type")
# What a file says and no subgroup is made of.
_NO_SUBGROUPS = ("bits", "intent", "modality", "photometric", "burned_in_annotation", "polygon", "size_mm")
_MOST_VALUES = 8  # of a column from the ROI table; with more, numbers are put into thirds and texts are left out
_SIZE_LIMITS_MM = (1.5, 3.0, 10.0, 50.0)
_SIZE_NAMES = ("p/s, up to 1.5 mm", "q/t, 1.5 to 3 mm", "r/u, 3 to 10 mm", "A, 10 to 50 mm", "B/C, above 50 mm")


def subgroup_columns(scores: Scores, data: PreparedData) -> dict[str, np.ndarray]:
    """Columns with more than one value among the scored ROIs, str [rois]; "" where a ROI has none.

    The ROI table's own columns (sex, age) are among them: as they stand where there are few values, numbers of many
    values in thirds.
    """
    row_of = {str(key): row for row, key in enumerate(data.manifest.texts("roi_key"))}
    rows = np.array([row_of[str(roi)] for roi in scores.roi_id], dtype=np.int64)
    columns = {name: data.manifest.texts(name)[rows] for name in _AS_THEY_STAND}
    further = {name for name in data.manifest.extra if not name.startswith((READING, RATING))}
    for name in sorted(further - set(_AS_THEY_STAND) - set(_NO_SUBGROUPS)):
        columns[name] = in_thirds(data.manifest.texts(name)[rows])
    columns["size of opacity"] = np.array([size_class(size) for size in data.manifest.texts("size_mm")[rows]])
    return {name: values for name, values in columns.items() if len(np.unique(values)) > 1}


def in_thirds(values: np.ndarray) -> np.ndarray:
    """Texts [rois] as they stand where few differ; numbers as "up to 50", "above 50, up to 62", …; else all ""."""
    given = np.unique(values[values != ""])
    if len(given) <= _MOST_VALUES:
        return values
    try:
        numbers = np.array([float(text) if text else np.nan for text in values.tolist()])
    except ValueError:
        return np.full(len(values), "")
    low, high = np.nanquantile(numbers, [1 / 3, 2 / 3])
    names = np.array([f"up to {low:.3g}", f"above {low:.3g}, up to {high:.3g}", f"above {high:.3g}", ""])
    return names[np.where(np.isnan(numbers), 3, (numbers > low).astype(int) + (numbers > high))]


def size_class(size_mm: str) -> str:
    """The ILO's class of a size given as text; "" for none, or for what is no positive number."""
    try:
        size = float(size_mm)
    except ValueError:
        return ""
    return _SIZE_NAMES[bisect.bisect_left(_SIZE_LIMITS_MM, size)] if size > 0 else ""
