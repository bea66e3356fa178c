"""What refusing to answer is worth: the error among the ROIs that are left when the least sure answers are refused.

Reference: El-Yaniv and Wiener, Journal of Machine Learning Research 11 (2010) 1605-1641 (risk and coverage).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from keras_cwp.evaluation.estimates import proportion_of
from keras_cwp.evaluation.intervals import estimated
from keras_cwp.scores import Scores

ANSWERED = tuple(round(1 - share / 20, 2) for share in range(19))  # 1 to 0.1


def abstention_curve(scores: Scores) -> list[dict[str, Any]]:
    """The error at each share of ROIs that is answered, the most confident first; ready for JSON.

    Args:
        scores: labelled rows.

    Returns:
        For each of ANSWERED: `answered`, the share in truth (ROIs of equal confidence are answered together); `from`,
        the lowest probability of the likeliest class that is answered; `rois`; `error`, a figure over patients.
    """
    names, patient = np.unique(scores.patient_id, return_inverse=True)
    confidence = scores.probabilities.max(axis=1)
    wrong = scores.probabilities.argmax(axis=1) != scores.label
    descending = np.sort(confidence)[::-1]
    found = []
    for share in ANSWERED:
        least = float(descending[max(int(np.ceil(share * len(scores) - 1e-9)), 1) - 1])
        kept = confidence >= least
        error = proportion_of(wrong[kept], patient[kept], len(names))
        value = float(wrong[kept].mean())
        row = {"answered": float(kept.mean()), "from": least, "rois": int(kept.sum())}
        found.append({**row, "error": estimated(error, value, "no ROI is left")})
    return found
