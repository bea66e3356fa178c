"""ShuffleNet V2 x0.5 as anyone would write it first, in PyTorch and in Keras, for bench_model.py to compare with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf
import torch
from keras import layers
from torch import nn

STAGES = ((48, 4), (96, 8), (192, 4))
STEM, LAST = 24, 1024


class TorchUnit(nn.Module):
    """A unit without ECA."""

    def __init__(self, channels_in: int, channels: int, stride: int) -> None:
        super().__init__()
        half = channels // 2
        taken = channels_in if stride == 2 else half
        self.stride = stride
        self.branch = nn.Sequential(*_pointwise(taken, half), *_depthwise(half, stride), *_pointwise(half, half))
        self.side = nn.Sequential(*_depthwise(taken, 2), *_pointwise(taken, half)) if stride == 2 else nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        left, right = (x, x) if self.stride == 2 else x.chunk(2, 1)
        x = torch.cat([self.side(left), self.branch(right)], 1)
        batch, channels, height, width = x.shape
        return x.view(batch, 2, channels // 2, height, width).transpose(1, 2).reshape(batch, channels, height, width)


def _pointwise(channels_in: int, channels: int) -> list[nn.Module]:
    return [nn.Conv2d(channels_in, channels, 1, bias=False), nn.BatchNorm2d(channels), nn.ReLU(inplace=True)]


def _depthwise(channels: int, stride: int) -> list[nn.Module]:
    return [nn.Conv2d(channels, channels, 3, stride, 1, groups=channels, bias=False), nn.BatchNorm2d(channels)]


def torch_network(classes: int) -> nn.Module:
    """Grey images, channels last, no ECA."""
    parts: list[nn.Module] = [nn.Conv2d(1, STEM, 3, 2, 1, bias=False), nn.BatchNorm2d(STEM), nn.ReLU(inplace=True)]
    parts.append(nn.MaxPool2d(3, 2, 1))
    before = STEM
    for channels, units in STAGES:
        for number in range(units):
            parts.append(TorchUnit(before, channels, 2 if number == 0 else 1))
            before = channels
    parts += [*_pointwise(before, LAST), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(LAST, classes)]
    return nn.Sequential(*parts).to(memory_format=torch.channels_last)


def keras_network(classes: int, side: int) -> keras.Model:
    """The same with ECA after each unit's branch, of Keras' own layers only."""
    image = keras.Input((side, side, 1))
    x = layers.Rescaling(4.0, offset=-2.0)(image)
    x = _conv(x, STEM, 3, 2)
    x = layers.MaxPooling2D(3, 2)(layers.ZeroPadding2D(1)(x))
    for channels, units in STAGES:
        for number in range(units):
            x = _keras_unit(x, channels // 2, 2 if number == 0 else 1)
    x = layers.GlobalAveragePooling2D()(_conv(x, LAST, 1, 1))
    return keras.Model(image, layers.Dense(classes)(x))


def _keras_unit(x: Any, half: int, strides: int) -> Any:
    left, right = (x, x) if strides == 2 else (x[..., :half], x[..., half:])
    if strides == 2:
        left = _conv(_depth(left, 2), half, 1, 1)
    right = _conv(_depth(_conv(right, half, 1, 1), strides), half, 1, 1)
    right = _attend(right, half)
    x = layers.Concatenate()([left, right])
    _, height, width, channels = x.shape
    x = layers.Permute((1, 2, 4, 3))(layers.Reshape((height, width, 2, half))(x))
    return layers.Reshape((height, width, channels))(x)


def _conv(x: Any, channels: int, kernel: int, strides: int) -> Any:
    if kernel > 1:
        x = layers.ZeroPadding2D(kernel // 2)(x)
    x = layers.Conv2D(channels, kernel, strides, use_bias=False)(x)
    return layers.ReLU()(layers.BatchNormalization()(x))


def _depth(x: Any, strides: int) -> Any:
    x = layers.DepthwiseConv2D(3, strides, use_bias=False)(layers.ZeroPadding2D(1)(x))
    return layers.BatchNormalization()(x)


def _attend(x: Any, channels: int) -> Any:
    gate = layers.Reshape((channels, 1))(layers.GlobalAveragePooling2D()(x))
    gate = layers.Conv1D(1, 3, padding="same", use_bias=False, activation="sigmoid")(gate)
    return layers.Multiply()([x, layers.Reshape((1, 1, channels))(gate)])


def basic_operations() -> dict[str, Callable[[], object]]:
    """One matrix product and one convolution by TensorFlow and by PyTorch, of the same numbers."""
    matrix, pictures, kernel = (
        np.random.default_rng(0).random(shape, "float32") for shape in ((1024, 1024), (32, 28, 28, 64), (3, 3, 64, 64))
    )
    one, seen, filters = map(tf.constant, (matrix, pictures, kernel))
    own = torch.from_numpy(matrix)
    there = torch.from_numpy(pictures.transpose(0, 3, 1, 2).copy()).to(memory_format=torch.channels_last)
    weights = torch.from_numpy(kernel.transpose(3, 2, 0, 1).copy()).to(memory_format=torch.channels_last)
    return {
        "TensorFlow, product": lambda: tf.matmul(one, one).numpy(),
        "PyTorch, product": lambda: (own @ own).sum().item(),
        "TensorFlow, convolution": lambda: tf.nn.conv2d(seen, filters, 1, "SAME").numpy(),
        "PyTorch, convolution": lambda: nn.functional.conv2d(there, weights, padding=1).sum().item(),
    }
