"""EfficientNet-Lite0: EfficientNet without squeeze and excitation, rectified at six, for small machines."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from keras_cwp.errors import ModelError
from keras_cwp.layers.batch_norm import FusedBatchNormalization
from keras_cwp.layers.scaling import Scaling
from keras_cwp.models.presets import LITE0, LitePreset
from keras_cwp.models.shufflenet import FEATURES, head
from keras_cwp.models.torch_weights import State, assign, transposed

# The published weights see (byte - 127) / 128 in every colour (Tan, efficientnet/lite, 2020).
LITE_MEAN, LITE_STD = 127 / 255, 128 / 255
_BN_EPSILON, _BN_MOMENTUM = 1e-3, 0.99
_BN_FIELDS = ("weight", "bias", "running_mean", "running_var")
# our layer of a block → the checkpoint's module
_BLOCK = {
    "expand": "_expand_conv",
    "expand_bn": "_bn0",
    "depthwise": "_depthwise_conv",
    "depthwise_bn": "_bn1",
    "project": "_project_conv",
    "project_bn": "_bn2",
}
_OUTSIDE = {"stem": "_conv_stem", "stem_bn": "_bn0", "last": "_conv_head", "last_bn": "_bn1", "logits": "_fc"}


def efficientnet_lite(
    preset: LitePreset,
    classes: int,
    image_size: int,
    *,
    dropout: float = 0.0,
    channels: int = 1,
    name: str = "efficientnet_lite0",
) -> keras.Model:
    """Build it with random weights.

    Args:
        preset: its blocks.
        classes: logits it gives.
        image_size: side of the input, pixels.
        dropout: share of features dropped before the head, in training.
        channels: of the input: 1, or 3 as published.
        name: of the model.

    Shape:
        [batch, image_size, image_size, channels] in [0, 1] → logits [batch, classes] float32.

    Reference:
        Tan and Le, EfficientNet, ICML 2019; its Lite variants were published as code in 2020.
    """
    image = keras.Input((image_size, image_size, channels), name="image")
    x = Scaling((LITE_MEAN,) * channels, (LITE_STD,) * channels, name="scaling")(image)
    x = _conv(x, preset.stem, "stem", kernel=3, strides=2)
    for number, block in enumerate(preset.blocks(), start=1):
        x = _block(x, *block, f"block{number}")
    x = _conv(x, preset.last, "last", output=FEATURES)
    return keras.Model(image, head(x, classes, dropout), name=name)


def is_efficientnet_lite(state: State) -> bool:
    """Whether the names are those of the PyTorch port of EfficientNet-Lite0."""
    return "_conv_stem.weight" in state and "_blocks.15._project_conv.weight" in state


def from_efficientnet_lite(state: State, image_size: int, *, grey: bool) -> keras.Model:
    """The network of a checkpoint of the PyTorch port, with as many classes as it has.

    Args:
        state: tensors by name.
        image_size: side of the input, pixels.
        grey: fold the RGB stem into a grey one; exact for R = G = B, because all colours are scaled alike.

    Raises:
        ModelError: a tensor is missing, unexpected or of another shape.
    """
    if grey:
        stem = state["_conv_stem.weight"]
        state = {**state, "_conv_stem.weight": stem.astype("float64").sum(1, keepdims=True).astype(stem.dtype)}
    classes = len(state["_fc.bias"]) if "_fc.bias" in state else 1
    model = efficientnet_lite(LITE0, classes, image_size, channels=1 if grey else 3)
    left = {name for name in state if not name.endswith("num_batches_tracked")}
    for ours, theirs in _names(LITE0).items():
        left -= _assign(model.get_layer(ours), theirs, state)
    if left:
        raise ModelError(f"weights: {model.name} has no place for {min(left)} ({len(left)} such tensors)")
    return model


def _assign(layer: keras.layers.Layer, module: str, state: State) -> set[str]:
    """Set a layer's weights; the names of the tensors that were used."""
    fields = _BN_FIELDS if layer.name.endswith("_bn") else ("weight", "bias")[: len(layer.weights)]
    names = [f"{module}.{field}" for field in fields]
    missing = [name for name in names if name not in state]
    if missing:
        raise ModelError(f"weights: the checkpoint lacks {missing[0]}, which efficientnet_lite0 needs")
    assign(layer, [np.asarray(transposed(state[name], layer.name), "float32") for name in names], names[0])
    return set(names)


def _names(preset: LitePreset) -> dict[str, str]:
    """Our layer name → the checkpoint's module."""
    names = dict(_OUTSIDE)
    for number, (_, _, _, expansion) in enumerate(preset.blocks()):
        parts = (part for part in _BLOCK if expansion > 1 or not part.startswith("expand"))
        names.update({f"block{number + 1}_{part}": f"_blocks.{number}.{_BLOCK[part]}" for part in parts})
    return names


def _block(x: Any, channels: int, kernel: int, strides: int, expansion: int, name: str) -> Any:
    """Expand, filter each channel, project without an activation; added to the input where the shapes agree."""
    y = x if expansion == 1 else _conv(x, expansion * x.shape[-1], f"{name}_expand")
    depthwise = keras.layers.DepthwiseConv2D(
        kernel, strides, padding="same", use_bias=False, depthwise_initializer="he_normal", name=f"{name}_depthwise"
    )
    y = _relu6(_batch_norm(depthwise(y), f"{name}_depthwise_bn"), f"{name}_depthwise_relu")
    y = _linear(y, channels, f"{name}_project")
    return keras.layers.Add(name=name)([x, y]) if strides == 1 and x.shape[-1] == channels else y


def _conv(x: Any, channels: int, name: str, *, kernel: int = 1, strides: int = 1, output: str | None = None) -> Any:
    return _relu6(_linear(x, channels, name, kernel=kernel, strides=strides), output or f"{name}_relu")


def _linear(x: Any, channels: int, name: str, *, kernel: int = 1, strides: int = 1) -> Any:
    conv = keras.layers.Conv2D(
        channels, kernel, strides, padding="same", use_bias=False, kernel_initializer="he_normal", name=name
    )
    return _batch_norm(conv(x), f"{name}_bn")


def _batch_norm(x: Any, name: str) -> Any:
    return FusedBatchNormalization(epsilon=_BN_EPSILON, momentum=_BN_MOMENTUM, name=name)(x)


def _relu6(x: Any, name: str) -> Any:
    return keras.layers.ReLU(max_value=6.0, name=name)(x)
