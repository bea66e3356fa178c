"""Enlargement of the input, inside the network so that training and serving cannot differ."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable("keras_cwp")
class Enlarge(keras.layers.Layer):
    """Square images resized to another side, bilinearly.

    Keras' Resizing is not used: its `call` has the default training=True, which the layers after it then take over.

    Args:
        side: of the output, pixels.

    Shape:
        [batch, height, width, channels] → [batch, side, side, channels].

    Raises:
        ValueError: `side` is not positive.
    """

    def __init__(self, side: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if side < 1:
            raise ValueError(f"Enlarge: side needs to be positive, got {side}")
        self.side = side

    def call(self, inputs: Any) -> Any:
        return ops.image.resize(inputs, (self.side, self.side), interpolation="bilinear", data_format="channels_last")

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (input_shape[0], self.side, self.side, input_shape[-1])

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "side": self.side}
