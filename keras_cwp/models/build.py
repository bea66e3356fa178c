"""From a configuration to a network."""

from __future__ import annotations

import logging

import keras

from keras_cwp.config import ModelConfig
from keras_cwp.errors import ModelError
from keras_cwp.models.authors import authors_eca
from keras_cwp.models.baselines import baseline
from keras_cwp.models.lite import efficientnet_lite
from keras_cwp.models.presets import PRESETS, AuthorsPreset, BaselinePreset, LitePreset
from keras_cwp.models.pretrained import find_weights, has_frame, read_network
from keras_cwp.models.shufflenet import shufflenet_v2
from keras_cwp.models.transfer import carry_over
from keras_cwp.models.units import Attention

_log = logging.getLogger(__name__)


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
    if isinstance(preset, BaselinePreset):
        return baseline(preset, config.arch, classes, image_size, dropout=config.dropout, weights=config.weights)
    if config.weights is None:
        return _build(config, classes, image_size, frame=False)
    source = read_network(find_weights(config.weights, config.arch), image_size)
    model = _build(config, classes, image_size, frame=has_frame(source))
    for note in carry_over(source, model):
        _log.warning("model.weights %s: %s", config.weights, note)
    return model


def _build(config: ModelConfig, classes: int, image_size: int, *, frame: bool) -> keras.Model:
    preset = PRESETS[config.arch]
    if isinstance(preset, LitePreset):
        return efficientnet_lite(preset, classes, image_size, dropout=config.dropout, name=config.arch)
    if isinstance(preset, AuthorsPreset):
        return authors_eca(
            classes,
            image_size,
            dropout=config.dropout,
            frame=frame,
            preset=preset,
            gamma=config.eca_gamma,
            b=config.eca_b,
        )
    assert not isinstance(preset, BaselinePreset)
    eca = Attention(config.eca, config.eca_gamma, config.eca_b)
    return shufflenet_v2(preset, classes, image_size, eca=eca, dropout=config.dropout, frame=frame, name=config.arch)
