"""What a model's calls are worth where classes have other shares: its probabilities are moved to a stated prevalence.

p'(c) ∝ p(c) · stated(c) / own(c): Bayes' rule, where the classes look as they did in training and only their shares
differ. Saerens, Latinne, Decaestecker, Neural Computation 14 (2002) 21-41.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from keras_cwp.config import EvaluateConfig
from keras_cwp.errors import ScoresError
from keras_cwp.evaluation.intervals import Measured, with_intervals
from keras_cwp.evaluation.probability import row_losses
from keras_cwp.evaluation.roi_metrics import roi_figures
from keras_cwp.evaluation.score_interval import wilson
from keras_cwp.evaluation.statistic import Key, ratio
from keras_cwp.scores import Scores

_SHOWN = ("accuracy", "balanced_accuracy", "log_loss")
_TOLERANCE = 0.01  # of the sum of the stated shares


def with_prevalence(config: EvaluateConfig, prevalence: Mapping[str, float]) -> EvaluateConfig:
    """The settings with another `prevalence`."""
    return config.model_copy(update={"prevalence": dict(prevalence)})


def shifted(probabilities: np.ndarray, own: np.ndarray, stated: np.ndarray) -> np.ndarray:
    """Probabilities at another prevalence.

    Args:
        probabilities: float [n, classes].
        own: float [classes]; shares of the classes that the model was trained with, above 0.
        stated: float [classes]; shares where it is used.
    """
    moved = probabilities * (stated / stated.sum()) / own
    return moved / moved.sum(axis=1, keepdims=True)


def shift_figures(
    scores: Scores, config: EvaluateConfig, seed: int, own: Mapping[str, float] | None
) -> dict[str, Any] | None:
    """Accuracy, balanced accuracy and log loss where classes have the shares of `evaluate.prevalence`; None without it.

    Probabilities are moved, and each class counts by its stated share, whatever its share among these ROIs is.

    Args:
        scores: labelled ROIs.
        own: class → its share among the validation ROIs, for that of the training; None: not known.

    Raises:
        ScoresError: a class that the model does not have; all classes are named, and their shares do not sum to 1.
    """
    unknown = sorted(config.prevalence.keys() - set(scores.classes))
    if unknown:
        raise ScoresError(
            f"evaluate.prevalence: class {unknown[0]!r} is not of the model; it has {', '.join(scores.classes)}"
        )
    if own is None or set(config.prevalence) != set(scores.classes) or not all(own.get(c) for c in scores.classes):
        return None
    stated = np.array([config.prevalence[name] for name in scores.classes])
    if stated.min() < 0 or abs(stated.sum() - 1) > _TOLERANCE:
        raise ScoresError(f"evaluate.prevalence: the shares of all classes sum to {stated.sum():g}, expected 1")
    given = np.array([own[name] for name in scores.classes])
    moved = replace(scores, probabilities=shifted(scores.probabilities, given, stated))
    balanced = roi_figures(moved, config, seed)[("balanced_accuracy",)]
    figures = with_intervals(_at_shares(moved, stated / stated.sum()), config, seed)
    figures |= {("balanced_accuracy",): balanced}
    return {
        "stated": dict(zip(scores.classes, stated.tolist(), strict=True)),
        "own": dict(zip(scores.classes, given.tolist(), strict=True)),
        **{name: figures[(name,)] for name in _SHOWN},
    }


def _at_shares(scores: Scores, shares: np.ndarray) -> Measured:
    """Accuracy and log loss as means over classes, each weighted by its share."""
    right = scores.probabilities.argmax(axis=1) == scores.label
    per_row = {("accuracy",): right.astype(float), ("log_loss",): row_losses(scores.label, scores.probabilities)}
    classes = [scores.label == column for column in range(len(scores.classes))]
    patients = [len(np.unique(scores.patient_id[rows])) for rows in classes]

    def statistic(weights: np.ndarray) -> dict[Key, np.ndarray]:
        return {
            key: sum(
                share * ratio(values[rows] @ weights[rows], weights[rows].sum(axis=0))
                for share, rows in zip(shares, classes, strict=True)
                if share > 0
            )
            for key, values in per_row.items()
        }

    behind = min(number for number, share in zip(patients, shares, strict=True) if share > 0)
    return Measured(
        scores.patient_id,
        statistic,
        behind=dict.fromkeys(per_row, behind),
        perfect={("accuracy",): lambda value: wilson(value * behind, behind) if value in (0, 1) else None},
        why_undefined=lambda _: "a class of the stated prevalence has no ROI here",
    )
