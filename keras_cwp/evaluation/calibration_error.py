"""How far the top class's probability is from what came true, without the noise of small bins, and a test of it."""

from __future__ import annotations

from typing import Any

import numpy as np

from keras_cwp.evaluation.flips import FEWEST_PATIENTS, NEEDS_PATIENTS, sign_flip_share
from keras_cwp.evaluation.intervals import Figure
from keras_cwp.evaluation.probability import bin_of

NO_INTERVAL = "no interval of a calibration error covers as often as it says; see the calibration test"


def calibration_error(labels: np.ndarray, probabilities: np.ndarray, patients: np.ndarray, bins: int) -> Figure:
    """Root mean square over rows of the gap between confidence and accuracy in their bin, sampling noise taken out.

    The plain expected calibration error is positive for a calibrated model too, more so the fewer rows a bin has. Here
    the variance over patients is subtracted from each bin's squared gap; a calibrated model is at 0 on average before
    the square root, and 0 is given where the noise exceeds the gaps.

    Args:
        labels: int [rows], at least one.
        probabilities: float [rows, classes].
        patients: str or int [rows].
        bins: equally wide bins of confidence.

    Reference: Kumar, Liang and Ma, Verified Uncertainty Calibration, NeurIPS 2019 (debiased estimator).
    """
    sums, rows, counts = _gaps(labels, probabilities, patients, bins)
    gap = sums.sum(axis=0) / rows
    holders = (counts > 0).sum(axis=0)
    scatter = ((sums - counts * gap) ** 2).sum(axis=0) / rows**2  # of patients about the bin's gap
    # A bin of one patient shows no scatter; its gap may all be noise.
    noise = np.where(holders > 1, scatter * holders / np.maximum(holders - 1, 1), gap**2)
    squared = float((rows * (gap**2 - noise)).sum() / rows.sum())
    return {"value": float(np.sqrt(max(squared, 0.0))), "ci95": None, "reason": NO_INTERVAL}


def expected_calibration_error(labels: np.ndarray, probabilities: np.ndarray, bins: int) -> float:
    """The plain expected calibration error: mean over rows of their bin's absolute gap; biased upwards.

    Reference: Guo et al., ICML 2017.
    """
    sums, rows, _ = _gaps(labels, probabilities, np.zeros(len(labels), dtype=int), bins)
    return float(np.abs(sums.sum(axis=0)).sum() / rows.sum())


def calibration_test(labels: np.ndarray, probabilities: np.ndarray, patients: np.ndarray, bins: int) -> dict[str, Any]:
    """Could a calibrated model have gaps as large as these? Ready for JSON.

    A calibrated model's gaps have mean zero in every patient; the test turns the sign of patients' gaps at random.

    Returns:
        `p`: share of sign patterns with gaps at least as large; None with a `reason` for fewer than 20 patients.
    """
    sums, rows, _ = _gaps(labels, probabilities, patients, bins)
    if len(sums) < FEWEST_PATIENTS:
        return {"p": None, "patients": len(sums), "reason": NEEDS_PATIENTS}
    return {
        "p": sign_flip_share(sums / np.sqrt(rows)),
        "patients": len(sums),
        "method": "sign flips of patients' gaps between confidence and outcome",
    }


def _gaps(
    labels: np.ndarray, probabilities: np.ndarray, patients: np.ndarray, bins: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Confidence minus correctness summed [patients, bins], rows [bins], rows [patients, bins]; without empty bins."""
    names, patient = np.unique(patients, return_inverse=True)
    confidence = probabilities.max(axis=1)
    gap = confidence - (probabilities.argmax(axis=1) == labels)
    cell = patient * bins + bin_of(confidence, bins)
    size = len(names) * bins
    sums = np.bincount(cell, weights=gap, minlength=size).reshape(len(names), bins)
    counts = np.bincount(cell, minlength=size).reshape(len(names), bins)
    used = counts.sum(axis=0) > 0
    return sums[:, used], counts.sum(axis=0)[used], counts[:, used]
