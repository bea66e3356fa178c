"""Whether a data set uses its grey range. 12-bit values in a 16-bit file, for one, are almost black."""

from __future__ import annotations

import numpy as np

from keras_cwp.data.prepared import PreparedData

_LEAST_SHARE = 1 / 8  # of the range; a chest radiograph that is rendered as its file asks uses most of it
_IGNORED_SHARE = 0.001  # of pixels at either end: markers and dead pixels
_MOST_ROWS = 512  # spread over the data set; more would not change the answer
_BATCH = 32


def grey_span(data: PreparedData) -> tuple[int, int]:
    """The grey values between which all pixels of the crops lie, but for one in a thousand at either end."""
    rows = np.unique(np.linspace(0, len(data) - 1, _MOST_ROWS).astype(np.int64))
    counts = np.zeros(np.iinfo(data.dtype).max + 1, dtype=np.int64)
    for start in range(0, len(rows), _BATCH):
        counts += np.bincount(data.read(rows[start : start + _BATCH]).ravel(), minlength=len(counts))
    below = counts.cumsum()
    ignored = int(below[-1] * _IGNORED_SHARE)
    return int(np.searchsorted(below, ignored, side="right")), int(np.searchsorted(below, below[-1] - ignored))


def narrow_range_note(data: PreparedData) -> str | None:
    """A line for the user where less than an eighth of the grey range is used."""
    (low, high), white = grey_span(data), int(np.iinfo(data.dtype).max)
    if high - low >= white * _LEAST_SHARE:
        return None
    return (
        f"almost all grey values lie between {low} and {high} of 0 to {white}, less than an eighth of the range; check "
        "that the files use their range, for 12-bit values in a 16-bit file do not"
    )
