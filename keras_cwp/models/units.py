"""The units of ShuffleNet V2. Their layers' names say where they stand; torch_weights and deploy read them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras

from keras_cwp.layers.batch_norm import FusedBatchNormalization
from keras_cwp.layers.channel_shuffle import ChannelShuffle
from keras_cwp.layers.channel_split import ChannelSplit
from keras_cwp.layers.eca import ECA
from keras_cwp.layers.padded import PaddedConv2D, PaddedDepthwiseConv2D

BN_EPSILON = 1e-5  # as PyTorch's, so that its weights mean the same here
BN_MOMENTUM = 0.9  # PyTorch's 0.1, told from the other side
# He et al. 2015 for the nine taps that reach one output; Keras' rule would count every channel as well.
DEPTHWISE_STDDEV = (2 / 9) ** 0.5


@dataclass(frozen=True)
class Attention:
    """Where ECA stands, and its kernel rule."""

    place: str = "none"
    gamma: float = 2.0
    b: float = 1.0

    def after(self, place: str, x: Any, name: str) -> Any:
        """`x` through ECA if `place` is where it stands, else `x`."""
        return ECA(self.gamma, self.b, name=name)(x) if place == self.place else x


NO_ATTENTION = Attention()


def batch_norm(x: Any, name: str) -> Any:
    """Batch normalisation with PyTorch's constants."""
    return FusedBatchNormalization(epsilon=BN_EPSILON, momentum=BN_MOMENTUM, name=name)(x)


def relu(x: Any, name: str) -> Any:
    """Rectify."""
    return keras.layers.ReLU(name=name)(x)


def conv(x: Any, channels: int, name: str, *, kernel: int = 1, strides: int = 1) -> Any:
    """A convolution without bias that keeps the size, but for its strides."""
    return PaddedConv2D(
        channels,
        kernel,
        padding_px=kernel // 2,
        strides=strides,
        use_bias=False,
        kernel_initializer="he_normal",
        name=name,
    )(x)


def depthwise(x: Any, name: str, strides: int) -> Any:
    """A 3×3 depthwise convolution without bias."""
    return PaddedDepthwiseConv2D(
        3,
        padding_px=1,
        strides=strides,
        use_bias=False,
        depthwise_initializer=keras.initializers.TruncatedNormal(stddev=DEPTHWISE_STDDEV),
        name=name,
    )(x)


def basic_unit(x: Any, name: str, eca: Attention) -> Any:
    """Stride 1: half of the channels pass, the other half go through the branch; then shuffled.

    Shape:
        [batch, height, width, channels] → the same.

    Reference:
        Ma et al., ShuffleNet V2, ECCV 2018, figure 3 (c).
    """
    kept, taken = ChannelSplit(2, name=f"{name}_split")(x)
    return _join(kept, _branch(taken, kept.shape[-1], name, 1, eca), name)


def down_unit(x: Any, channels: int, name: str, eca: Attention) -> Any:
    """Stride 2: both branches see every channel; the size halves and the channels become `channels`.

    Shape:
        [batch, height, width, any] → [batch, ceil(height / 2), ceil(width / 2), channels].

    Reference:
        Ma et al., ShuffleNet V2, ECCV 2018, figure 3 (d).
    """
    half = channels // 2
    side = depthwise(x, f"{name}_side_depthwise", 2)
    side = eca.after("every_conv", side, f"{name}_side_depthwise_eca")
    side = batch_norm(side, f"{name}_side_depthwise_bn")
    side = conv(side, half, f"{name}_side_project")
    side = eca.after("every_conv", side, f"{name}_side_project_eca")
    side = relu(batch_norm(side, f"{name}_side_project_bn"), f"{name}_side_project_relu")
    return _join(side, _branch(x, half, name, 2, eca), name)


def _branch(x: Any, channels: int, name: str, strides: int, eca: Attention) -> Any:
    x = conv(x, channels, f"{name}_expand")
    x = eca.after("every_conv", x, f"{name}_expand_eca")
    x = relu(batch_norm(x, f"{name}_expand_bn"), f"{name}_expand_relu")
    x = depthwise(x, f"{name}_depthwise", strides)
    x = eca.after("every_conv", x, f"{name}_depthwise_eca")
    x = batch_norm(x, f"{name}_depthwise_bn")
    x = conv(x, channels, f"{name}_project")
    x = eca.after("every_conv", x, f"{name}_project_eca")
    x = relu(batch_norm(x, f"{name}_project_bn"), f"{name}_project_relu")
    return eca.after("unit", x, f"{name}_eca")


def _join(left: Any, right: Any, name: str) -> Any:
    x = keras.layers.Concatenate(name=f"{name}_concat")([left, right])
    return ChannelShuffle(2, name=name)(x)
