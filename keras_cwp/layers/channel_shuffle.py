"""Channel shuffle."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable("keras_cwp")
class ChannelShuffle(keras.layers.Layer):
    """Deals the channels of each group out in turn: with two groups a0 a1 b0 b1 becomes a0 b0 a1 b1.

    Args:
        groups: equal runs of channels that the input consists of.

    Shape:
        [batch, height, width, channels] any type → the same.

    Raises:
        ValueError: `groups` is below 1; the channels do not divide into `groups`.

    Reference:
        Zhang et al., ShuffleNet, CVPR 2018, section 3.1.
    """

    def __init__(self, groups: int = 2, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if groups < 1:
            raise ValueError(f"ChannelShuffle: groups must be at least 1, got {groups}")
        self.groups = groups

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        channels = input_shape[-1]
        if channels is None or channels % self.groups:
            raise ValueError(f"ChannelShuffle: {channels} channels do not divide into {self.groups} groups")
        self.built = True

    def call(self, inputs: Any) -> Any:
        _, height, width, channels = inputs.shape
        grouped = ops.reshape(inputs, (-1, height, width, self.groups, channels // self.groups))
        return ops.reshape(ops.swapaxes(grouped, 3, 4), (-1, height, width, channels))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "groups": self.groups}
