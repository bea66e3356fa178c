"""From a configuration to a network."""

from __future__ import annotations

import keras

from keras_cwp.config import ModelConfig
from keras_cwp.errors import ModelError
from keras_cwp.models.presets import PRESETS, ShuffleNetPreset
from keras_cwp.models.shufflenet_v2 import shufflenet_v2
from keras_cwp.models.units import Attention


def build_model(config: ModelConfig, classes: int, image_size: int) -> keras.Model:
    """The network that `config` names.

    Shape:
        [batch, image_size, image_size, 1] float in [0, 1], bone bright → logits [batch, classes] float32.

    Raises:
        ModelError: unknown architecture, or weights that cannot be found, read or matched.
    """
    preset = PRESETS.get(config.arch)
    if preset is None:
        raise ModelError(f"model.arch: unknown architecture {config.arch!r}; known: {', '.join(PRESETS)}")
    if config.weights is not None:
        raise ModelError(f"model.weights: {config.weights!r} cannot be loaded yet")
    assert isinstance(preset, ShuffleNetPreset)
    eca = Attention(config.eca, config.eca_gamma, config.eca_b)
    return shufflenet_v2(preset, classes, image_size, eca=eca, dropout=config.dropout, name=config.arch)
