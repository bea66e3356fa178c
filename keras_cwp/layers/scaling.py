"""Scaling of pixels, inside the network so that training and serving cannot differ."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable("keras_cwp")
class Scaling(keras.layers.Layer):
    """Grey or colour pixels to normalised planes: (x - mean) / std, one plane per entry of `mean`.

    A grey input is repeated when `mean` has several entries. With `frame` a plane of ones follows: where a
    convolution pads it with zeros, its kernel learns of the border, which lets a colour stem's normalisation be
    folded into a grey one exactly.

    Args:
        mean: of each plane, in units of the input.
        std: of each plane, positive, in units of the input.
        frame: append the plane of ones.

    Shape:
        [batch, height, width, 1 or len(mean)] → [batch, height, width, len(mean) + frame].

    Raises:
        ValueError: `mean` and `std` differ in length or are empty, a `std` is not positive, or the input's
            channels are neither 1 nor len(mean).
    """

    def __init__(self, mean: Sequence[float], std: Sequence[float], frame: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not mean or len(mean) != len(std) or min(std) <= 0:
            raise ValueError(f"Scaling: mean and std need equal lengths and positive std, got {mean} and {std}")
        self.mean = list(mean)
        self.std = list(std)
        self.frame = frame

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        if input_shape[-1] not in (1, len(self.mean)):
            raise ValueError(f"Scaling: expected 1 or {len(self.mean)} channels, got {input_shape[-1]}")
        self.built = True

    def call(self, inputs: Any) -> Any:
        mean = ops.convert_to_tensor(self.mean, dtype=inputs.dtype)
        gain = ops.convert_to_tensor([1 / value for value in self.std], dtype=inputs.dtype)
        planes = (inputs - mean) * gain
        return ops.concatenate([planes, ops.ones_like(inputs[..., :1])], axis=-1) if self.frame else planes

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (*input_shape[:-1], len(self.mean) + self.frame)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "mean": self.mean, "std": self.std, "frame": self.frame}
