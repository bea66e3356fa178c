"""ShuffleNet V2, with efficient channel attention where it is wanted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from keras_cwp.layers.padded import PaddedMaxPooling2D
from keras_cwp.layers.scaling import Scaling
from keras_cwp.models.presets import GREY_MEAN, GREY_STD, ShuffleNetPreset
from keras_cwp.models.units import NO_ATTENTION, Attention, basic_unit, batch_norm, conv, down_unit, relu

FEATURES = "features"  # the layer before pooling, in every architecture


def shufflenet_v2(
    preset: ShuffleNetPreset,
    classes: int,
    image_size: int,
    *,
    eca: Attention = NO_ATTENTION,
    dropout: float = 0.0,
    channels: int = 1,
    mean: Sequence[float] = GREY_MEAN,
    std: Sequence[float] = GREY_STD,
    frame: bool = False,
    name: str = "shufflenet_v2",
) -> keras.Model:
    """Build it with random weights.

    Args:
        preset: its width.
        classes: logits it gives.
        image_size: side of the input, pixels.
        eca: where attention stands.
        dropout: share of features dropped before the head, in training.
        channels: of the input.
        mean, std, frame: of the Scaling layer.
        name: of the model.

    Shape:
        [batch, image_size, image_size, channels] in [0, 1] → logits [batch, classes] float32.

    Reference:
        Ma et al., ShuffleNet V2, ECCV 2018; Wang et al., ECA-Net, CVPR 2020.
    """
    stem, *stages, last = preset.channels
    image = keras.Input((image_size, image_size, channels), name="image")
    x = Scaling(mean, std, frame, name="scaling")(image)
    x = batch_norm(conv(x, stem, "stem", kernel=3, strides=2), "stem_bn")
    # pooled before it is rectified: the same numbers for a quarter of the work
    x = relu(PaddedMaxPooling2D(3, 2, padding_px=1, name="stem_pool")(x), "stem_relu")
    x = eca.after("stem_head", x, "stem_eca")
    for number, (units, width) in enumerate(zip(preset.units, stages, strict=True), start=2):
        x = _stage(x, width, units, f"stage{number}", eca)
    x = batch_norm(conv(x, last, "last"), "last_bn")
    attends = eca.place == "stem_head"
    x = eca.after("stem_head", relu(x, "last_relu" if attends else FEATURES), FEATURES)
    return keras.Model(image, head(x, classes, dropout), name=name)


def head(features: Any, classes: int, dropout: float) -> Any:
    """Pool, drop, and one linear layer in float32 to logits."""
    x = keras.layers.GlobalAveragePooling2D(name="pool")(features)
    if dropout:
        x = keras.layers.Dropout(dropout, name="dropout")(x)
    return keras.layers.Dense(classes, dtype="float32", name="logits")(x)


def _stage(x: Any, channels: int, units: int, name: str, eca: Attention) -> Any:
    x = down_unit(x, channels, f"{name}_unit1", eca)
    for number in range(2, units + 1):
        x = basic_unit(x, f"{name}_unit{number}", eca)
    return x
