"""Losses on logits, with soft labels and sample weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from keras_cwp.config import TrainConfig


@keras.saving.register_keras_serializable("keras_cwp")
class FocalCrossEntropy(keras.losses.Loss):
    """Cross-entropy that counts the well-classified less: −Σ_c y_c (1 − p_c)^γ log p_c, p = softmax(logits).

    Linear in the label, so soft and mixed labels mean what they should; γ = 0 is cross-entropy. Computed from
    log-softmax: finite for any finite logits.

    Args:
        gamma: γ, 0 or more.
        label_smoothing: share of the label that is spread evenly over the classes.

    Shape:
        labels [batch, classes], one-hot or soft; logits [batch, classes] → [batch].

    Reference:
        Lin et al., Focal Loss for Dense Object Detection, arXiv 1708.02002 (there for sigmoids).
    """

    def __init__(
        self, gamma: float = 2.0, label_smoothing: float = 0.0, name: str = "focal_cross_entropy", **kwargs: Any
    ) -> None:
        super().__init__(name=name, **kwargs)
        if gamma < 0 or not 0 <= label_smoothing < 1:
            raise ValueError(
                f"FocalCrossEntropy: gamma must not be negative and label_smoothing in [0, 1), "
                f"got {gamma} and {label_smoothing}"
            )
        self.gamma = gamma
        self.label_smoothing = label_smoothing

    def call(self, y_true: Any, y_pred: Any) -> Any:
        labels = smooth_labels(ops.cast(y_true, y_pred.dtype), self.label_smoothing)
        log_p = ops.log_softmax(y_pred, axis=-1)
        return -ops.sum(labels * _power(1 - ops.exp(log_p), self.gamma) * log_p, axis=-1)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "gamma": self.gamma, "label_smoothing": self.label_smoothing}


@keras.saving.register_keras_serializable("keras_cwp")
class CumulativeCrossEntropy(keras.losses.Loss):
    """Cross-entropy of ordered classes: of each "worse than class k", summed over k, p = softmax(logits).

    An answer two classes off costs more than one that is one off. The probability of "worse than k" is the sum of those
    of the worse classes, so it falls with k by itself, and the network's answer stays a probability of each class. With
    two classes it is cross-entropy. Linear in the label, so soft and mixed labels mean what they should; it is least
    where the probabilities are those of the label.

    Args:
        order: class numbers from least to most disease.
        label_smoothing: share of the label that is spread evenly over the classes.

    Shape:
        labels [batch, classes], one-hot or soft; logits [batch, classes] → [batch].

    Reference:
        Cheng, Wang and Pollastri, IJCNN 2008, 1279-1284 (cumulative targets); Cao, Mirjalili and Raschka, Pattern
        Recognition Letters 140 (2020) 325-331 (why "worse than k" has to fall with k).
    """

    def __init__(
        self,
        order: Sequence[int],
        label_smoothing: float = 0.0,
        name: str = "cumulative_cross_entropy",
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        if sorted(order) != list(range(len(order))) or len(order) < 2 or not 0 <= label_smoothing < 1:
            raise ValueError(
                f"CumulativeCrossEntropy: order must have each class once, two at least, and label_smoothing be in "
                f"[0, 1), got {list(order)} and {label_smoothing}"
            )
        self.order = tuple(order)
        self.label_smoothing = label_smoothing

    def call(self, y_true: Any, y_pred: Any) -> Any:
        labels = smooth_labels(ops.cast(y_true, y_pred.dtype), self.label_smoothing)
        log_p = ops.log_softmax(y_pred, axis=-1)
        total: Any = 0.0
        for step in range(1, len(self.order)):
            for classes in (self.order[:step], self.order[step:]):
                sides = [ops.take(values, list(classes), axis=-1) for values in (labels, log_p)]
                total -= ops.sum(sides[0], axis=-1) * ops.logsumexp(sides[1], axis=-1)
        return total

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "order": list(self.order), "label_smoothing": self.label_smoothing}


def sigmoid_focal_loss(labels: Any, logits: Any, alpha: float = 0.25, gamma: float = 2.0) -> Any:
    """The paper's own form, each class a yes or no, summed over classes; as TensorFlow Addons has it.

    Args:
        labels, logits: [batch, classes].
        alpha: weight of the positives; 1 − alpha of the negatives.

    Returns:
        [batch].
    """
    p = ops.sigmoid(logits)
    loss = labels * alpha * _power(1 - p, gamma) * ops.softplus(-logits)
    loss += (1 - labels) * (1 - alpha) * _power(p, gamma) * ops.softplus(logits)
    return ops.sum(loss, axis=-1)


def smooth_labels(labels: Any, smoothing: float) -> Any:
    """(1 − s) y + s / classes."""
    return labels * (1 - smoothing) + smoothing / labels.shape[-1]


def make_loss(config: TrainConfig, order: Sequence[int] | None = None) -> keras.losses.Loss:
    """The configured loss of labels [batch, classes], one-hot, soft or mixed, and logits [batch, classes].

    Args:
        order: class numbers from least to most disease, for the cumulative loss.

    Focal loss has no class balance of its own here: `train.class_weights` is the one place for that.
    """
    if config.loss == "cumulative":
        return CumulativeCrossEntropy(order or (), config.label_smoothing)
    if config.loss == "focal":
        return FocalCrossEntropy(config.focal_gamma, config.label_smoothing)
    return keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=config.label_smoothing)


def _power(base: Any, exponent: float) -> Any:
    # base ** 0 has no gradient at base 0 (0 × ∞); rounding may also leave base a hair below 0.
    return ops.ones_like(base) if exponent == 0 else ops.maximum(base, 1e-12) ** exponent
