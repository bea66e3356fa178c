"""One way to ask every kind of model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from keras_cwp.errors import CwpError
from keras_cwp.prediction.judging import Judging
from keras_cwp.prediction.views import Matrices
from keras_cwp.training.run import ModelContract


@dataclass(frozen=True)
class Predictor:
    """A model that is ready to answer.

    Args:
        contract: classes in order and how a region becomes the input.
        ask: float32 [B, image_size, image_size, 1] in [0, 1] → probabilities float64 [B, classes].
        engine: what computes them.
        views: matrices of the views that need no TensorFlow; see `views.Matrices`.
        thresholds: by class, those that the run chose on its validation part; empty where they are not known.
        judging: what sets of classes and distances from the training data come from.
    """

    contract: ModelContract
    ask: Callable[[Any], np.ndarray]
    engine: str
    views: Matrices = field(default_factory=list)
    thresholds: Mapping[str, float] = field(default_factory=dict)
    judging: Judging = field(default_factory=Judging)


def check_probabilities(probabilities: np.ndarray) -> np.ndarray:
    """The probabilities, renormalised in float64.

    Raises:
        CwpError: one of them is not finite, so the weights are damaged.
    """
    if not np.isfinite(probabilities).all():
        raise CwpError("MODEL: it answers with values that are no numbers; its weights are damaged")
    return probabilities / probabilities.sum(axis=1, keepdims=True)
