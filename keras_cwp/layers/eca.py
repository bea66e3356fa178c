"""Efficient channel attention."""

from __future__ import annotations

import math
from typing import Any

import keras
from keras import ops


def eca_kernel_size(channels: int, gamma: float = 2.0, b: float = 1.0) -> int:
    """How many neighbouring channels look at each other: |(log2 C + b) / gamma|, made odd upwards.

    Reference:
        Wang et al., ECA-Net, CVPR 2020, eq. 12; rounding as in its published code.
    """
    taps = int(abs((math.log2(channels) + b) / gamma))
    return taps if taps % 2 else taps + 1


@keras.saving.register_keras_serializable("keras_cwp")
class ECA(keras.layers.Layer):
    """Multiplies each channel by a gate that its mean and its neighbours' means decide.

    gate = sigmoid(convolution over the channel axis of the spatial mean), zero beyond the first and last channel.

    Args:
        gamma: divisor of the kernel rule.
        b: offset of the kernel rule.

    Shape:
        [batch, height, width, channels] float → the same.

    Raises:
        ValueError: `gamma` is not positive; the input is not of rank 4 or its channel count is unknown.

    Reference:
        Wang et al., ECA-Net, CVPR 2020.
    """

    def __init__(self, gamma: float = 2.0, b: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not gamma > 0:
            raise ValueError(f"ECA: gamma must be positive, got {gamma}")
        self.gamma = gamma
        self.b = b

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        if len(input_shape) != 4 or input_shape[-1] is None:
            raise ValueError(f"ECA: expected [batch, height, width, channels] with known channels, got {input_shape}")
        self.kernel = self.add_weight(
            shape=(eca_kernel_size(input_shape[-1], self.gamma, self.b), 1, 1),
            initializer="glorot_uniform",
            name="eca_kernel",  # its own name, so that weight decay can leave it out
        )
        self.built = True

    def call(self, inputs: Any) -> Any:
        means = ops.mean(ops.mean(inputs, axis=2), axis=1)  # in two steps: as fast, and rounded less often
        gate = ops.sigmoid(ops.conv(means[..., None], self.kernel, padding="same"))
        return inputs * gate[:, None, None, :, 0]

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "gamma": self.gamma, "b": self.b}
