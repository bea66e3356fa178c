"""Probabilities of crops from a model, of as many views as the user or the run wants."""

from __future__ import annotations

import numpy as np

from keras_cwp.data.crops import margin_px
from keras_cwp.prediction.predictor import Predictor, check_probabilities
from keras_cwp.prediction.views import mean_of_views


def of_crops(predictor: Predictor, crops: np.ndarray, views: int | None = None) -> np.ndarray:
    """Probabilities of crops that `regions.cut` made.

    Args:
        crops: float32 [B, image_size + 2 margin, …, 1] in [0, 1].
        views: see `predict.predict`.

    Returns:
        float64 [B, classes]; each row sums to 1.

    Raises:
        CwpError: the model's answer is not finite.
    """
    contract = predictor.contract
    size, margin = contract.image_size, margin_px(contract.image_size, contract.context)
    return check_probabilities(_of_views(predictor, crops, margin, size, views or contract.views))


def _of_views(predictor: Predictor, crops: np.ndarray, margin: int, size: int, views: int) -> np.ndarray:
    if views - 1 <= len(predictor.views):
        return mean_of_views(predictor.ask, crops, predictor.views[: views - 1], size, margin)
    from keras_cwp.augment.layer import load_policy
    from keras_cwp.augment.tta import VIEWS_POLICY, mean_probabilities

    return mean_probabilities(predictor.ask, crops, load_policy(VIEWS_POLICY), size, margin, views)
