"""Agreement of several readers on the same ROIs, with intervals over patients.

References: Fleiss, Psychological Bulletin 76 (1971) 378-382; Krippendorff, Content Analysis (2004), chapter 11.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from keras_cwp.config import EvaluateConfig
from keras_cwp.errors import ScoresError
from keras_cwp.evaluation.intervals import Measured, with_intervals
from keras_cwp.evaluation.statistic import Key, Statistic, ratio
from keras_cwp.scores import UNKNOWN_LABEL


def reader_agreement(
    labels: np.ndarray, patients: np.ndarray, classes: tuple[str, ...], config: EvaluateConfig, *, ordered: bool = False
) -> dict[str, Any]:
    """Fleiss' kappa and Krippendorff's alpha with 95 % intervals over patients, ready for JSON.

    Args:
        labels: int [ROIs, readers]; indices into `classes`, UNKNOWN_LABEL where a reader has not read the ROI.
        patients: str [ROIs].
        classes: names; from least to most disease where `ordered`.
        ordered: also alpha with squared distances of ranks as disagreement (`alpha_interval`).

    Returns:
        `rois` and `readers` counted, `fleiss` (over the ROIs that every reader read), `alpha`, `alpha_interval`.

    Raises:
        ScoresError: fewer than two readers, or a label outside the classes.
    """
    if labels.ndim != 2 or labels.shape[1] < 2:
        raise ScoresError(
            f"agreement of readers: labels have shape {labels.shape}, expected ROIs and at least 2 readers"
        )
    if labels.min(initial=0) < UNKNOWN_LABEL or labels.max(initial=0) >= len(classes):
        raise ScoresError(f"agreement of readers: label {labels.max()} is outside the {len(classes)} classes")
    counts = (labels[:, :, None] == np.arange(len(classes))).sum(axis=1).astype(float)
    table = Measured(
        patients,
        _agreement(counts, labels.shape[1], ordered),
        why_undefined=lambda _: "all labels are of one class, or no ROI was read twice",
    )
    names = {"kappa": "fleiss", "alpha": "alpha", "alpha_interval": "alpha_interval"}
    found = {names[key[-1]]: figure for key, figure in with_intervals(table, config, 0).items()}
    return {"rois": len(labels), "readers": labels.shape[1], **found}


def _agreement(counts: np.ndarray, readers: int, ordered: bool) -> Statistic:
    """Statistics of counts [ROIs, classes], how many readers gave each class."""
    rank = np.arange(counts.shape[1])
    unlike = (rank[:, None] != rank).astype(float)
    squared = (rank[:, None] - rank).astype(float) ** 2

    def statistic(weights: np.ndarray) -> dict[Key, np.ndarray]:
        found: dict[Key, np.ndarray] = {
            ("kappa", "kappa"): _fleiss(counts, readers, weights),
            ("kappa", "alpha"): _alpha(counts, unlike, weights),
        }
        return found | {("kappa", "alpha_interval"): _alpha(counts, squared, weights)} if ordered else found

    return statistic


def _fleiss(counts: np.ndarray, readers: int, weights: np.ndarray) -> np.ndarray:
    whole = counts.sum(axis=1) == readers
    own, weight = counts[whole], weights[whole]
    alike = ((own * (own - 1)).sum(axis=1) / (readers * (readers - 1))) @ weight
    total = weight.sum(axis=0)
    seen = ratio(alike, total)
    chance = (ratio(own.T @ weight, readers * total) ** 2).sum(axis=0)
    return ratio(seen - chance, 1 - chance)


def _alpha(counts: np.ndarray, distance: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """1 minus disagreement seen over disagreement of labels paired at random; ROIs read once do not count."""
    paired = counts.sum(axis=1) > 1
    own, weight = counts[paired], weights[paired]
    read = own.sum(axis=1)
    # A label is never paired with itself; like classes are at distance 0, so the diagonal does not matter.
    seen = (np.einsum("ic,ck,ik->i", own, distance, own) / (read - 1)) @ weight
    margin = own.T @ weight
    labels = margin.sum(axis=0)
    expected = ratio(np.einsum("cj,ck,kj->j", margin, distance, margin), labels - 1)
    return 1 - ratio(seen, expected)
