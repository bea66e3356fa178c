"""One operation of a plan, and how a layer of a trained network becomes one; `plan.py` has the whole.

Batch norms are folded into the convolutions before them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np

from keras_cwp.layers.scaling import Scaling

IMAGE, LOGITS = "image", "logits"
Arrays = dict[str, np.ndarray]
# A layer that a head may see → the tensor of the plan with its output, and the layer's channel at each place of that
# tensor; None: in the layer's own order.
Taps = dict[str, tuple[str, np.ndarray | None]]


@dataclass(frozen=True)
class Step:
    """One operation.

    Attributes:
        kind: shift, conv, depthwise, relu, add, max_pool, average_pool, split, concat, gate, pool or dense.
        inputs, outputs: names of tensors.
        arrays: constants: kernel [height, width, in, out], depthwise [height, width, channels, 1], bias [out],
            a gate's matrix [in, out], a dense kernel [in, out], a shift's mean [planes].
        options: strides, padding_px (before and after, in both directions), activation ("", "relu" or "relu6"), sizes,
            frame.
    """

    kind: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    arrays: Arrays = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)


def width(model: keras.Model, name: str) -> int:
    """Channels that a convolution gives."""
    return int(model.get_layer(name).kernel.shape[-1])


def shift(layer: Scaling) -> Step:
    """Scaling's subtraction; its division is left to the stem, for zeros beyond the border stay zeros."""
    return Step("shift", (IMAGE,), ("shifted",), single({"mean": np.asarray(layer.mean)}), {"frame": layer.frame})


def gains(layer: Scaling) -> np.ndarray:
    """What the stem's kernel is multiplied by for Scaling's division."""
    return np.array([1 / value for value in layer.std] + [1.0] * layer.frame)


def single(arrays: Arrays) -> Arrays:
    """The arrays in float32."""
    return {name: np.ascontiguousarray(value, "float32") for name, value in arrays.items()}


def same_padding(side: int, kernel_px: int, strides: int) -> tuple[int, int]:
    """Zeros before and after, as `padding="same"` of Keras and TensorFlow has them."""
    missing = max((-(-side // strides) - 1) * strides + kernel_px - side, 0)
    return missing // 2, missing - missing // 2


def conv(
    model: keras.Model,
    name: str,
    inputs: tuple[str, ...],
    *,
    rows: np.ndarray | None = None,
    columns: np.ndarray | None = None,
    constant: np.ndarray | None = None,
    gains: np.ndarray | None = None,
    **options: Any,
) -> Step:
    """A convolution and its batch norm.

    Args:
        model: where they are.
        name: of the convolution; the output is named so.
        inputs: names of tensors.
        rows, columns: channel that stands at each place of the input, of the output; None: as they were.
        constant: added to every pixel of the input, in the old order.
        gains: that every channel of the input is multiplied by.
        options: of the step.
    """
    gain, bias = _gain_and_offset(model, name)
    kernel = model.get_layer(name).get_weights()[0].astype("float64") * gain
    if gains is not None:
        kernel = kernel * gains[:, None]
    if constant is not None:
        bias = bias + constant @ kernel[0, 0]
    kernel = kernel if rows is None else kernel[:, :, rows]
    if columns is not None:
        kernel, bias = kernel[..., columns], bias[columns]
    defaults = {"strides": 1, "padding_px": (0, 0), "activation": ""}
    return Step("conv", inputs, (name,), single({"kernel": kernel, "bias": bias}), {**defaults, **options})


def depthwise(model: keras.Model, name: str, inputs: tuple[str, ...], **options: Any) -> tuple[Step, np.ndarray]:
    """A depthwise convolution with its batch norm's gain, and the batch norm's offset [channels], which is left out.

    Args:
        options: of the step.
    """
    gain, offset = _gain_and_offset(model, name)
    kernel = model.get_layer(name).get_weights()[0].astype("float64") * gain[:, None]
    return Step("depthwise", inputs, (name,), single({"kernel": kernel}), {"activation": "", **options}), offset


def _gain_and_offset(model: keras.Model, name: str) -> tuple[np.ndarray, np.ndarray]:
    """What the batch norm after a convolution amounts to, float64."""
    layer = model.get_layer(f"{name}_bn")
    gamma, beta, mean, variance = (weight.astype("float64") for weight in layer.get_weights())
    gain = gamma / np.sqrt(variance + layer.epsilon)
    return gain, beta - mean * gain
