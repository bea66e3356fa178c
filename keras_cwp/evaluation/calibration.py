"""Recalibration: temperature and isotonic, fitted on validation ROIs and judged on held-out ones."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

import numpy as np
from scipy.optimize import isotonic_regression, minimize_scalar

from keras_cwp.config import EvaluateConfig
from keras_cwp.evaluation.intervals import figure, resample
from keras_cwp.evaluation.probability import SMALLEST_PROBABILITY, probability_statistic, row_losses
from keras_cwp.evaluation.thresholds import NO_VALIDATION
from keras_cwp.evaluation.validation import paired_folds
from keras_cwp.scores import Scores

_LOG_TEMPERATURES = (-3.0, 3.0)  # a twentieth to twenty: what lies beyond is a broken model, not a calibration


def fit_temperature(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """The temperature whose probabilities have the least log loss; above 1 where the model is overconfident.

    Args:
        labels: int [rows], at least one.
        probabilities: float [rows, classes].

    Reference: Guo et al., On Calibration of Modern Neural Networks, ICML 2017.
    """

    def loss(log_temperature: float) -> float:
        return float(row_losses(labels, apply_temperature(probabilities, float(np.exp(log_temperature)))).mean())

    return float(np.exp(minimize_scalar(loss, bounds=_LOG_TEMPERATURES, method="bounded").x))


def apply_temperature(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Softmax of logits / temperature, the logits being the logarithms of the probabilities."""
    logits = np.log(np.maximum(probabilities, SMALLEST_PROBABILITY)) / temperature
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


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


def calibration_figures(scores: Scores, validation: Scores | None, config: EvaluateConfig, seed: int) -> dict[str, Any]:
    """Log loss, Brier score and ECE as the model stands and after each recalibration, ready for JSON."""
    found: dict[str, Any] = {"as_is": _figures(scores, config, seed)}
    if validation is None:
        return found | {"reason": NO_VALIDATION}
    scaled, temperatures = recalibrate(scores, validation, "temperature")
    stepped, _ = recalibrate(scores, validation, "isotonic")
    return found | {
        "temperatures": temperatures,
        "temperature": _figures(scaled, config, seed),
        "isotonic": _figures(stepped, config, seed),
    }


def _figures(scores: Scores, config: EvaluateConfig, seed: int) -> dict[str, Any]:
    resampled = resample(
        probability_statistic(scores.label, scores.probabilities, config.calibration_bins),
        scores.patient_id,
        scores.label,
        resamples=config.bootstraps,
        seed=seed,
        jackknife=config.interval == "bca",
    )
    return {key[0]: figure(resampled, key, config.interval, "undefined") for key in resampled.table}
