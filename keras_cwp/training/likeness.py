"""What the crops that a network is trained on look like; see models/likeness.py."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from keras_cwp.data.prepared import PreparedData
from keras_cwp.files import write_text
from keras_cwp.models.likeness import describe, fit_likeness

LIKENESS_FILE = "likeness.json"
_BATCH = 256
_MOST = 4000  # crops that are described; more say no more of their covariance
_SMALLEST_PX = 16


def keep_likeness(data: PreparedData, rows: np.ndarray, out: Path) -> None:
    """Write likeness.json beside a model; nothing where there are too few crops or they are too small.

    Args:
        rows: int [n] of the manifest: training and validation.
    """
    if data.image_size < _SMALLEST_PX:
        return
    chosen = np.sort(np.random.default_rng(0).permutation(rows)[:_MOST])
    inner, most = slice(data.margin, data.margin + data.image_size), np.float32(np.iinfo(data.dtype).max)
    described = []
    for start in range(0, len(chosen), _BATCH):
        crops = data.read(chosen[start : start + _BATCH])[:, inner, inner, None].astype(np.float32) / most
        described.append([describe(each) for each in (crops, 1 - crops)])
    plain, inverted = (np.concatenate(parts) for parts in zip(*described, strict=True))
    found = fit_likeness(plain, inverted, data.patients[chosen])
    if found is not None:
        write_text(out / LIKENESS_FILE, json.dumps(found.as_json()) + "\n")
