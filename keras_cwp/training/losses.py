"""Losses on logits, with soft labels and sample weights."""

from __future__ import annotations

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


def make_loss(config: TrainConfig) -> keras.losses.Loss:
    """The configured loss of labels [batch, classes], one-hot or mixed, and logits [batch, classes].

    Focal loss has no class balance of its own here: `train.class_weights` is the one place for that.
    """
    if config.loss == "focal":
        return FocalCrossEntropy(config.focal_gamma, config.label_smoothing)
    return keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=config.label_smoothing)


def _power(base: Any, exponent: float) -> Any:
    # base ** 0 has no gradient at base 0 (0 × ∞); rounding may also leave base a hair below 0.
    return ops.ones_like(base) if exponent == 0 else ops.maximum(base, 1e-12) ** exponent
