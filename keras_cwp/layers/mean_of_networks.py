"""The mean of several networks' probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

_TINY = 1e-30  # keeps the logarithm of a probability finite


@keras.saving.register_keras_serializable("keras_cwp")
class MeanOfNetworks(keras.layers.Layer):
    """Logits whose softmax is the mean of the networks' probabilities.

    Args:
        networks: of one input and the same classes; images → logits.

    Shape:
        as each network: [batch, side, side, channels] → [batch, classes] float32.
    """

    def __init__(self, networks: Sequence[keras.Model], **kwargs: Any) -> None:
        super().__init__(dtype="float32", **kwargs)
        self.networks = list(networks)

    def build(self, input_shape: Any) -> None:
        self.built = True

    def call(self, images: Any, training: bool = False) -> Any:
        answers = [ops.softmax(network(images, training=training)) for network in self.networks]
        return ops.log(ops.maximum(sum(answers[1:], answers[0]) / len(answers), _TINY))

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        return (input_shape[0], self.networks[0].output_shape[-1])

    def get_config(self) -> dict[str, Any]:
        networks = [keras.saving.serialize_keras_object(network) for network in self.networks]
        return {**super().get_config(), "networks": networks}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> MeanOfNetworks:
        networks = [keras.saving.deserialize_keras_object(network) for network in config.pop("networks")]
        config.pop("dtype", None)
        return cls(networks, **config)
