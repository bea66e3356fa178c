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
from keras_cwp.evaluation.roi_metrics import roi_figures
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
    """Accuracy, balanced accuracy and log loss after the shift to `evaluate.prevalence`; None where it is not stated.

    Args:
        scores: labelled ROIs.
        own: class → its share in training; None: not known.

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
    figures = roi_figures(moved, config, seed)
    return {
        "stated": dict(zip(scores.classes, stated.tolist(), strict=True)),
        "own": dict(zip(scores.classes, given.tolist(), strict=True)),
        **{name: figures[(name,)] for name in _SHOWN},
    }
