"""The attention network that the paper's authors published.

Despite its published name it is built of ShuffleNet v1 units, with ECA after every convolution of a unit.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from keras_cwp.errors import ModelError
from keras_cwp.layers.channel_shuffle import ChannelShuffle
from keras_cwp.layers.eca import ECA
from keras_cwp.layers.padded import PaddedConv2D, PaddedDepthwiseConv2D, PaddedMaxPooling2D
from keras_cwp.layers.scaling import Scaling
from keras_cwp.models.presets import AUTHORS, GREY_MEAN, GREY_STD, AuthorsPreset
from keras_cwp.models.shufflenet import FEATURES
from keras_cwp.models.torch_weights import State, assign, fold_rgb, transposed
from keras_cwp.models.units import BN_EPSILON, BN_MOMENTUM, DEPTHWISE_STDDEV, relu

POOL_PX = 7  # window and stride of the last pooling: what ImageNet's 224 px leave of an image
# our layer of a unit → the checkpoint's module
_UNIT = {
    "compress": "group_conv1",
    "compress_eca": "att1.conv",
    "compress_bn": "bn2",
    "depthwise": "depthwise_conv3",
    "depthwise_eca": "att2.conv",
    "depthwise_bn": "bn4",
    "expand": "group_conv5",
    "expand_eca": "att3.conv",
    "expand_bn": "bn6",
}


def authors_eca(
    classes: int,
    image_size: int,
    *,
    dropout: float = 0.0,
    channels: int = 1,
    mean: Sequence[float] = GREY_MEAN,
    std: Sequence[float] = GREY_STD,
    frame: bool = False,
    preset: AuthorsPreset = AUTHORS,
    gamma: float = 2.0,
    b: float = 1.0,
) -> keras.Model:
    """Build it with random weights. It gives logits: a loss or an export applies the softmax, once.

    Args:
        classes: logits it gives.
        image_size: side of the input, pixels; the authors' is 256.
        dropout: share of features dropped before the head, in training.
        channels: of the input.
        mean, std, frame: of the Scaling layer.
        preset: its widths.
        gamma, b: of the ECA kernel rule.

    Shape:
        [batch, image_size, image_size, channels] in [0, 1] → logits [batch, classes] float32.
    """
    stem, *stages = preset.channels
    image = keras.Input((image_size, image_size, channels), name="image")
    x = Scaling(mean, std, frame, name="scaling")(image)
    x = PaddedConv2D(stem, 3, padding_px=1, strides=2, kernel_initializer="he_normal", name="stem")(x)
    x = PaddedMaxPooling2D(3, 2, padding_px=1, name="stem_pool")(x)
    for number, (units, width) in enumerate(zip(preset.units, stages, strict=True), start=2):
        for unit in range(1, units + 1):
            x = _unit(x, width, 2 if unit == 1 else 1, f"stage{number}_unit{unit}", preset.groups, (gamma, b))
    x = keras.layers.Activation("linear", name=FEATURES)(x)
    side = min(POOL_PX, x.shape[1])
    x = keras.layers.AveragePooling2D(side, side, name="corner_pool")(x)
    x = keras.layers.GlobalAveragePooling2D(name="pool")(x)
    if dropout:
        x = keras.layers.Dropout(dropout, name="dropout")(x)
    return keras.Model(image, keras.layers.Dense(classes, dtype="float32", name="logits")(x), name="authors_eca")


def from_authors(state: State, image_size: int, *, grey: bool) -> keras.Model:
    """The network of their attention checkpoint; its input is RGB in [0, 1], or grey by an exact fold.

    Raises:
        ModelError: a tensor is missing or of another shape.
    """
    mean: Sequence[float] = (0.0,) * 3
    std: Sequence[float] = (1.0,) * 3
    if grey:
        state = {**state, "conv1.weight": fold_rgb(state["conv1.weight"], mean, std, GREY_MEAN, GREY_STD)}
        mean, std = GREY_MEAN, GREY_STD
    channels = 1 if grey else 3
    model = authors_eca(len(state["fc.bias"]), image_size, channels=channels, mean=mean, std=std, frame=grey)
    for ours, theirs in _names(AUTHORS).items():
        fields = ["weight", "bias", "running_mean", "running_var"][: len(model.get_layer(ours).weights)]
        names = [f"{theirs}.{field}" for field in fields]
        missing = [name for name in names if name not in state]
        if missing:
            raise ModelError(f"weights: the checkpoint lacks {missing[0]}, which authors_eca needs")
        assign(model.get_layer(ours), [_axes(state[name], ours) for name in names], names[0])
    return model


def is_authors(state: State) -> bool:
    """Whether the names are those of their attention network."""
    return "stage2.0.group_conv1.weight" in state


def _names(preset: AuthorsPreset) -> dict[str, str]:
    names = {"stem": "conv1", "logits": "fc"}
    for stage, units in enumerate(preset.units, start=2):
        for unit in range(units):
            prefix = f"stage{stage}_unit{unit + 1}", f"stage{stage}.{unit}"
            names.update({f"{prefix[0]}_{ours}": f"{prefix[1]}.{theirs}" for ours, theirs in _UNIT.items()})
    return names


def _axes(value: np.ndarray, layer: str) -> np.ndarray:
    return value.reshape(-1, 1, 1) if layer.endswith("_eca") else transposed(value, layer)


def _unit(x: Any, channels: int, strides: int, name: str, groups: int, rule: tuple[float, float]) -> Any:
    """Grouped 1×1, shuffle, depthwise 3×3, grouped 1×1; added to the input, or set behind it when it shrinks.

    Reference:
        Zhang et al., ShuffleNet, CVPR 2018, figure 2 (b) and (c).
    """
    made = channels - (x.shape[-1] if strides == 2 else 0)
    y = _pointwise(x, made // 4, groups, f"{name}_compress", rule)
    y = ChannelShuffle(groups, name=f"{name}_shuffle")(relu(y, f"{name}_compress_relu"))
    y = PaddedDepthwiseConv2D(
        3,
        padding_px=1,
        strides=strides,
        depthwise_initializer=keras.initializers.TruncatedNormal(stddev=DEPTHWISE_STDDEV),
        name=f"{name}_depthwise",
    )(y)
    y = _batch_norm(ECA(*rule, name=f"{name}_depthwise_eca")(y), f"{name}_depthwise_bn")
    y = _pointwise(y, made, groups, f"{name}_expand", rule)
    if strides == 1:
        return relu(keras.layers.Add(name=f"{name}_add")([x, y]), name)
    # its average counts the padding, as PyTorch's does
    x = keras.layers.ZeroPadding2D(1, name=f"{name}_side_pad")(x)
    x = keras.layers.AveragePooling2D(3, 2, name=f"{name}_side_pool")(x)
    return relu(keras.layers.Concatenate(name=f"{name}_concat")([x, y]), name)


def _pointwise(x: Any, channels: int, groups: int, name: str, rule: tuple[float, float]) -> Any:
    x = PaddedConv2D(channels, 1, groups=groups, kernel_initializer="he_normal", name=name)(x)
    return _batch_norm(ECA(*rule, name=f"{name}_eca")(x), f"{name}_bn")


def _batch_norm(x: Any, name: str) -> Any:
    # Keras' own, whose multiply-and-add rounds as PyTorch's does: their variances are so small that this shows
    return keras.layers.BatchNormalization(epsilon=BN_EPSILON, momentum=BN_MOMENTUM, name=name)(x)
