"""A frozen network under a linear head that sees all its stages, as one ordinary model."""

from __future__ import annotations

import keras

from keras_cwp.models.shufflenet import FEATURES
from keras_cwp.models.stages import stage_layers

# The layer before pooling: all stages side by side. "features" itself is one of them.
PROBE_FEATURES = "probe_features"
PROBE_POOL = "probe_pool"


def probed(network: keras.Model, classes: int) -> keras.Model:
    """A network's stages, averaged to the grid of the coarsest, joined, pooled, and one linear layer.

    Args:
        network: of `build_model`; its own head is left out. Its layers are frozen.
        classes: logits that the new head gives; it starts at zero.

    Shape:
        as `network`: [batch, side, side, channels] in [0, 1] → logits [batch, classes] float32. The layer PROBE_POOL
        gives [batch, features] float32, which is all that the head sees.
    """
    network.trainable = False
    stages = [layer.output for layer in stage_layers(network)]
    coarsest = stages[-1].shape[1]
    joined = keras.layers.Concatenate(dtype="float32", name=PROBE_FEATURES)(
        [_averaged(stage, coarsest, f"probe_stage{number}") for number, stage in enumerate(stages, start=1)]
    )
    pooled = keras.layers.GlobalAveragePooling2D(dtype="float32", name=PROBE_POOL)(joined)
    logits = keras.layers.Dense(classes, kernel_initializer="zeros", dtype="float32", name="logits")(pooled)
    return keras.Model(network.input, logits, name=network.name)


def is_probed(model: keras.Model) -> bool:
    """Whether `probed` made a model."""
    return any(layer.name == PROBE_FEATURES for layer in model.layers)


def features_layer(model: keras.Model) -> str:
    """The name of the layer before the pooling that the head sees."""
    return PROBE_FEATURES if is_probed(model) else FEATURES


def _averaged(stage: keras.KerasTensor, side: int, name: str) -> keras.KerasTensor:
    step = -(-stage.shape[1] // side)
    if step == 1:
        return stage
    return keras.layers.AveragePooling2D(step, step, padding="same", name=name)(stage)
