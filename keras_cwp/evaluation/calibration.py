"""Recalibration: temperature and isotonic, fitted on validation ROIs and judged on held-out ones."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

import numpy as np
from scipy import special
from scipy.optimize import isotonic_regression, minimize_scalar

from keras_cwp.config import EvaluateConfig
from keras_cwp.evaluation.calibration_error import calibration_error, calibration_test, expected_calibration_error
from keras_cwp.evaluation.calibration_line import calibration_lines
from keras_cwp.evaluation.intervals import Measured, with_intervals
from keras_cwp.evaluation.locked import Locked
from keras_cwp.evaluation.multinomial_calibration import multinomial_calibration
from keras_cwp.evaluation.probability import probability_statistic
from keras_cwp.evaluation.smooth_calibration import smooth_curves
from keras_cwp.evaluation.statistic import nested
from keras_cwp.evaluation.validation import NO_VALIDATION, paired_folds
from keras_cwp.scores import Scores

_LOG_TEMPERATURES = (-4.6, 4.6)  # a hundredth to a hundred: what lies beyond is a broken model, not a calibration


def fit_temperature(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """The temperature whose probabilities have the least log loss; above 1 where the model is overconfident.

    A label of n rows and k classes counts (n + 1) / (n + k) for its class and 1 / (n + k) for each other one. Without
    that, a model which names all of a few validation ROIs rightly would get the least temperature there is, and every
    probability would become 0 or 1.

    Args:
        labels: int [rows], at least one.
        probabilities: float [rows, classes].

    Reference: Guo et al., On Calibration of Modern Neural Networks, ICML 2017; Platt, Probabilistic outputs for support
    vector machines, 1999 (the labels).
    """

    logits = log_probabilities(probabilities)
    count, classes = logits.shape
    targets = (np.eye(classes)[labels] * count + 1) / (count + classes)

    def loss(log_temperature: float) -> float:
        return float(-(targets * special.log_softmax(logits / np.exp(log_temperature), axis=1)).sum(axis=1).mean())

    return float(np.exp(minimize_scalar(loss, bounds=_LOG_TEMPERATURES, method="bounded").x))


def apply_temperature(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Softmax of logits / temperature, the logits being the logarithms of the probabilities."""
    return np.asarray(special.softmax(log_probabilities(probabilities) / temperature, axis=1))


def log_probabilities(probabilities: np.ndarray) -> np.ndarray:
    """Logarithms, which are the logits but for a constant a row; a probability of 0 counts as the smallest above 0.

    Probabilities are kept to the last digit, so that an overconfident model's logits are not cut off at a floor.
    """
    above = probabilities[probabilities > 0]
    return np.log(np.maximum(probabilities, above.min() if len(above) else 1.0))


def apply_isotonic(labels: np.ndarray, fitted: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Each class's probability replaced by a rising function fitted to `labels` and `fitted`; rows sum to 1 again.

    Between fitted points it is linear, beyond them constant. It stays 1 / (validation rows + 2) away from 0 and 1
    (Laplace's rule): that a few ROIs never were of a class does not make it impossible.

    Args:
        labels: int [validation rows].
        fitted: float [validation rows, classes].
        probabilities: float [rows, classes].

    Reference: Zadrozny and Elkan, KDD 2002.
    """
    mapped = np.empty_like(probabilities)
    for column in range(probabilities.shape[1]):
        points, inverse = np.unique(fitted[:, column], return_inverse=True)
        weight = np.bincount(inverse).astype(float)
        share = np.bincount(inverse, weights=labels == column) / weight
        steps = isotonic_regression(share, weights=weight).x
        never = 1 / (len(labels) + 2)
        mapped[:, column] = np.interp(probabilities[:, column], points, np.clip(steps, never, 1 - never))
    return mapped / mapped.sum(axis=1, keepdims=True)


def recalibrate(
    scores: Scores, validation: Scores, method: Literal["temperature", "isotonic"]
) -> tuple[Scores, dict[str, float]]:
    """Held-out rows with recalibrated probabilities, and the temperature of each fold (empty for isotonic)."""
    probabilities, temperatures = scores.probabilities.copy(), {}
    for fold, rows, own in paired_folds(scores, validation):
        if len(own) == 0:
            continue
        if method == "isotonic":
            probabilities[rows] = apply_isotonic(own.label, own.probabilities, scores.probabilities[rows])
        else:
            temperature = fit_temperature(own.label, own.probabilities)
            temperatures["all" if fold is None else str(fold)] = temperature
            probabilities[rows] = apply_temperature(scores.probabilities[rows], temperature)
    return replace(scores, probabilities=probabilities), temperatures


def calibration_figures(
    scores: Scores, validation: Scores | None, config: EvaluateConfig, seed: int, locked: Locked | None = None
) -> dict[str, Any]:
    """Log loss, Brier score and calibration error as the model stands and after each recalibration, ready for JSON.

    Args:
        locked: the run's temperature, applied unchanged; validation is not looked at.
    """
    found: dict[str, Any] = {"as_is": _figures(scores, config, seed)}
    scaled = by_temperature(scores, validation, locked)
    if scaled is None:
        return found | {"reason": NO_VALIDATION}
    found |= {"temperatures": scaled[1], "temperature": _figures(scaled[0], config, seed)}
    if validation is None or "locked" in scaled[1]:
        return found
    return found | {"isotonic": _figures(recalibrate(scores, validation, "isotonic")[0], config, seed)}


def by_temperature(
    scores: Scores, validation: Scores | None, locked: Locked | None
) -> tuple[Scores, dict[str, float]] | None:
    """Rows with probabilities at the run's locked temperature or at that of the fold's validation rows, and the
    temperatures; None where there is neither."""
    if locked is not None and locked["temperature"] is not None:
        probabilities = apply_temperature(scores.probabilities, locked["temperature"])
        return replace(scores, probabilities=probabilities), {"locked": locked["temperature"]}
    return None if validation is None else recalibrate(scores, validation, "temperature")


def _figures(scores: Scores, config: EvaluateConfig, seed: int) -> dict[str, Any]:
    table = Measured(scores.patient_id, probability_statistic(scores.label, scores.probabilities))
    rows = (scores.label, scores.probabilities)
    return nested(with_intervals(table, config, seed)) | {
        "ece": calibration_error(*rows, scores.patient_id, config.calibration_bins),
        "ece_plain": expected_calibration_error(*rows, config.calibration_bins),
        "test": calibration_test(*rows, scores.patient_id, config.calibration_bins),
        "lines": calibration_lines(scores),
        "multinomial": multinomial_calibration(scores),
        "smooth": smooth_curves(scores),
    }
