"""Probabilities of a data set's rows, as a Scores table."""

from __future__ import annotations

import numpy as np
import tensorflow as tf
from scipy import special

from keras_cwp.augment.layer import load_policy
from keras_cwp.augment.tta import VIEWS_POLICY, mean_probabilities
from keras_cwp.data.pipeline import batches
from keras_cwp.data.prepared import PreparedData
from keras_cwp.models.forward import Forward
from keras_cwp.scores import Scores


def predict_probabilities(
    ask: Forward, data: PreparedData, rows: np.ndarray, views: int = 1, batch_size: int = 64
) -> np.ndarray:
    """Probabilities float64 [rows, classes] in the order of `rows`, from un-augmented crops.

    Args:
        ask: what `forward` made of a network.
        rows: int [n]; indices into the manifest, each at most once.
        views: of test-time augmentation; 1: the crop as it is.
    """

    def probabilities(images: tf.Tensor) -> np.ndarray:
        with np.errstate(
            invalid="ignore"
        ):  # infinite logits of a training that failed give NaN, which its caller names
            return np.asarray(special.softmax(ask(images).numpy().astype(np.float64), axis=-1))

    policy = load_policy(VIEWS_POLICY)
    found: dict[int, np.ndarray] = {}
    for crops, _, indices in batches(data, rows, batch_size=batch_size):
        answers = mean_probabilities(probabilities, crops, policy, data.image_size, data.margin, views)
        found.update(zip(indices.numpy().tolist(), answers, strict=True))
    return np.stack([found[int(row)] for row in rows])


def as_scores(data: PreparedData, rows: np.ndarray, probabilities: np.ndarray, fold: int = 0) -> Scores:
    """A Scores table of these rows under their pseudonyms."""
    chosen = [data.manifest[int(row)] for row in rows]
    return Scores(
        data.classes,
        np.array([row.roi_key for row in chosen], dtype=str),
        np.array([row.patient_key for row in chosen], dtype=str),
        np.array([row.image_key for row in chosen], dtype=str),
        np.full(len(rows), fold, dtype=np.int64),
        data.labels[rows].astype(np.int64),
        probabilities,
    )
