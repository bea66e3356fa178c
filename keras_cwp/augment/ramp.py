"""Magnitude over epochs: easy images first."""

from __future__ import annotations

import keras

from keras_cwp.augment.policy import Augment


def ramp(epoch: int, epochs: int) -> float:
    """Magnitude of an epoch (0 the first): rises evenly, full from the `epochs`-th on; 0 epochs: always full."""
    return 1.0 if epochs == 0 else min(1.0, (epoch + 1) / epochs)


class MagnitudeRamp(keras.callbacks.Callback):
    """Sets a layer's magnitude as each epoch begins. It knows the epoch only, so a resumed run needs no state."""

    def __init__(self, layer: Augment, epochs: int) -> None:
        super().__init__()
        if epochs < 0:
            raise ValueError(f"MagnitudeRamp: epochs must not be negative, got {epochs}")
        self.layer = layer
        self.epochs = epochs

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        self.layer.magnitude.assign(ramp(epoch, self.epochs))
