"""Channel split."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable("keras_cwp")
class ChannelSplit(keras.layers.Layer):
    """Cuts the channels into equal runs. One split op: its gradient is one concat, where slices pad and add.

    Args:
        parts: number of runs.

    Shape:
        [batch, height, width, channels] any type → list of `parts` of [batch, height, width, channels / parts].

    Raises:
        ValueError: `parts` is below 1; the channels do not divide into `parts`.
    """

    def __init__(self, parts: int = 2, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if parts < 1:
            raise ValueError(f"ChannelSplit: parts must be at least 1, got {parts}")
        self.parts = parts

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        channels = input_shape[-1]
        if channels is None or channels % self.parts:
            raise ValueError(f"ChannelSplit: {channels} channels do not divide into {self.parts} parts")
        self.built = True

    def call(self, inputs: Any) -> list[Any]:
        return list(ops.split(inputs, self.parts, axis=-1))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> list[tuple[int | None, ...]]:
        channels = input_shape[-1]
        assert channels is not None
        return [(*input_shape[:-1], channels // self.parts)] * self.parts

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "parts": self.parts}
