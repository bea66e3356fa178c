"""Convolution and pooling with the symmetric padding of the papers' code, done inside the operation.

Keras' "same" pads a strided window at the bottom right only, and a separate padding layer copies the whole tensor.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


def _check(layer: str, padding_px: int) -> int:
    if padding_px < 0:
        raise ValueError(f"{layer}: padding_px must not be negative, got {padding_px}")
    return padding_px


def _grown(shape: tuple[int | None, ...], padding_px: int) -> tuple[int | None, ...]:
    batch, height, width, channels = shape
    return (
        batch,
        None if height is None else height + 2 * padding_px,
        None if width is None else width + 2 * padding_px,
        channels,
    )


def _around(padding_px: int) -> list[list[int]]:
    return [[0, 0], [padding_px, padding_px], [padding_px, padding_px], [0, 0]]


def _on_tensorflow() -> bool:
    return keras.backend.backend() == "tensorflow"


@keras.saving.register_keras_serializable("keras_cwp")
class PaddedConv2D(keras.layers.Conv2D):
    """Conv2D, channels last, with `padding_px` zeros on every side.

    Args:
        padding_px: pixels of padding on each side.

    Shape:
        [batch, height, width, channels] → [batch, (height + 2 padding_px - kernel) // stride + 1, …, filters].

    Raises:
        ValueError: `padding_px` is negative.
    """

    def __init__(self, filters: int, kernel_size: int, padding_px: int = 0, **kwargs: Any) -> None:
        super().__init__(filters, kernel_size, padding="valid", data_format="channels_last", **kwargs)
        self.padding_px = _check("PaddedConv2D", padding_px)

    def convolution_op(self, inputs: Any, kernel: Any) -> Any:
        if not _on_tensorflow():
            padded = ops.pad(inputs, _around(self.padding_px))
            return super().convolution_op(padded, kernel)
        import tensorflow as tf

        return tf.nn.conv2d(inputs, kernel, self.strides, _around(self.padding_px), dilations=self.dilation_rate)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return super().compute_output_shape(_grown(input_shape, self.padding_px))

    def get_config(self) -> dict[str, Any]:
        return _config(super().get_config(), self.padding_px)


@keras.saving.register_keras_serializable("keras_cwp")
class PaddedDepthwiseConv2D(keras.layers.DepthwiseConv2D):
    """DepthwiseConv2D, channels last, with `padding_px` zeros on every side.

    Args:
        padding_px: pixels of padding on each side.

    Shape:
        [batch, height, width, channels] → [batch, (height + 2 padding_px - kernel) // stride + 1, …, channels].

    Raises:
        ValueError: `padding_px` is negative.
    """

    def __init__(self, kernel_size: int, padding_px: int = 0, **kwargs: Any) -> None:
        super().__init__(kernel_size, padding="valid", data_format="channels_last", **kwargs)
        self.padding_px = _check("PaddedDepthwiseConv2D", padding_px)

    def call(self, inputs: Any) -> Any:
        if not _on_tensorflow():
            return super().call(ops.pad(inputs, _around(self.padding_px)))
        import tensorflow as tf

        strides = (1, *self.strides, 1)
        outputs = tf.nn.depthwise_conv2d(inputs, self.kernel, strides, _around(self.padding_px))
        if self.use_bias:
            outputs = tf.nn.bias_add(outputs, self.bias)
        return self.activation(outputs) if self.activation is not None else outputs

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return super().compute_output_shape(_grown(input_shape, self.padding_px))

    def get_config(self) -> dict[str, Any]:
        return _config(super().get_config(), self.padding_px)


@keras.saving.register_keras_serializable("keras_cwp")
class PaddedMaxPooling2D(keras.layers.MaxPooling2D):
    """MaxPooling2D, channels last, whose window may hang `padding_px` pixels over the edge; those never win.

    Args:
        padding_px: pixels of padding on each side.

    Shape:
        [batch, height, width, channels] → [batch, (height + 2 padding_px - pool) // stride + 1, …, channels].

    Raises:
        ValueError: `padding_px` is negative.
    """

    def __init__(self, pool_size: int, strides: int, padding_px: int = 0, **kwargs: Any) -> None:
        super().__init__(pool_size, strides, padding="valid", data_format="channels_last", **kwargs)
        self.padding_px = _check("PaddedMaxPooling2D", padding_px)

    def call(self, inputs: Any) -> Any:
        if not _on_tensorflow():
            return super().call(ops.pad(inputs, _around(self.padding_px), constant_values=float("-inf")))
        import tensorflow as tf

        return tf.nn.max_pool2d(inputs, self.pool_size, self.strides, _around(self.padding_px))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return super().compute_output_shape(_grown(input_shape, self.padding_px))

    def get_config(self) -> dict[str, Any]:
        return _config(super().get_config(), self.padding_px)


def _config(config: dict[str, Any], padding_px: int) -> dict[str, Any]:
    config = {key: value for key, value in config.items() if key not in ("padding", "data_format")}
    return {**config, "padding_px": padding_px}
