"""The loss that a configuration names, on logits and one-hot or mixed labels."""

from __future__ import annotations

import keras

from keras_cwp.config import TrainConfig


def make_loss(config: TrainConfig) -> keras.losses.Loss:
    """Cross-entropy or focal loss of logits [batch, classes] and labels [batch, classes] that sum to 1.

    The focal loss has no class balance of its own (alpha 1): `train.class_weights` is the one place for that.

    Reference: Lin et al., Focal loss for dense object detection, ICCV 2017.
    """
    if config.loss == "focal":
        return keras.losses.CategoricalFocalCrossentropy(
            alpha=1.0, gamma=config.focal_gamma, from_logits=True, label_smoothing=config.label_smoothing
        )
    return keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=config.label_smoothing)
