"""Radiographs of different patients that look the same: the quick check, from fingerprints that prepare stored."""

from __future__ import annotations

import numpy as np

from keras_cwp.audit.lookalikes import alike
from keras_cwp.data.prepared import PreparedData
from keras_cwp.data.split_file import SplitRow

ALL_ALIKE = "radiographs of this data set resemble each other so much that copies under other patients cannot be found"
Pairs = tuple[tuple[int, int], ...]
"""Rows of the manifest, the first ROI of either radiograph."""


def look_alikes(data: PreparedData) -> Pairs:
    """Pairs of radiographs of different patients that look alike; no picture is read."""
    _, first = np.unique(data.manifest.texts("image"), return_index=True)
    looks = data.manifest.texts("look")[first].tolist()
    rows = [(int(first[i]), int(first[j])) for i, j in alike(looks, looks) if i < j]
    return tuple((i, j) for i, j in rows if data.patients[i] != data.patients[j])


def indistinct(pairs: Pairs, data: PreparedData) -> bool:
    """Whether radiographs resemble each other so much that look-alikes say nothing about copies.

    Copies give each radiograph a few partners. More pairs than radiographs mean that the pictures themselves are alike,
    as phantoms of one generator are, whose chests have one outline.
    """
    return len(pairs) > len(np.unique(data.manifest.texts("image")))


def pairs_apart(pairs: Pairs, data: PreparedData, parts: list[SplitRow]) -> int:
    """How many pairs have one patient on the training side of a split and the other among the held-out patients.

    Args:
        parts: rows of split.csv, in which a patient is in one part of each fold.
    """
    owner = dict(zip(data.manifest.texts("roi_key").tolist(), data.patients.tolist(), strict=True))
    part_of: dict[tuple[int, str], bool] = {}
    for row in parts:
        part_of[row.fold, owner[row.roi]] = row.part == "test"
    folds = sorted({fold for fold, _ in part_of})

    def apart(first: str, second: str) -> bool:
        sides = [(part_of.get((fold, first)), part_of.get((fold, second))) for fold in folds]
        return any(None not in pair and pair[0] != pair[1] for pair in sides)

    return sum(apart(str(data.patients[i]), str(data.patients[j])) for i, j in pairs)
