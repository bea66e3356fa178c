"""The mean of several networks' probabilities, or a weighted one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

_TINY = 1e-30  # keeps the logarithm of a probability finite
_ROUNDING = 1e-6


@keras.saving.register_keras_serializable("keras_cwp")
class MeanOfNetworks(keras.layers.Layer):
    """Logits whose softmax is the mean of the networks' probabilities.

    Args:
        networks: of one input and the same classes; images → logits.
        shares: of each network in the mean, at least 0, with a sum of 1; None: all alike.

    Raises:
        ValueError: shares that are not such numbers, one for each network.

    Shape:
        as each network: [batch, side, side, channels] → [batch, classes] float32.
    """

    def __init__(self, networks: Sequence[keras.Model], shares: Sequence[float] | None = None, **kwargs: Any) -> None:
        super().__init__(dtype="float32", **kwargs)
        self.networks = list(networks)
        self.shares = None if shares is None else tuple(float(share) for share in shares)
        if self.shares is not None and not _are_shares(self.shares, len(self.networks)):
            raise ValueError(f"shares of {len(self.networks)} networks: expected numbers with a sum of 1, got {shares}")

    def build(self, input_shape: Any) -> None:
        self.built = True

    def call(self, images: Any, training: bool = False) -> Any:
        answers = [ops.softmax(network(images, training=training)) for network in self.networks]
        if self.shares is None:
            mean = sum(answers[1:], answers[0]) / len(answers)
        else:
            weighted = [share * answer for share, answer in zip(self.shares, answers, strict=True)]
            mean = sum(weighted[1:], weighted[0])
        return ops.log(ops.maximum(mean, _TINY))

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        return (input_shape[0], self.networks[0].output_shape[-1])

    def get_config(self) -> dict[str, Any]:
        networks = [keras.saving.serialize_keras_object(network) for network in self.networks]
        return {**super().get_config(), "networks": networks, "shares": self.shares}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> MeanOfNetworks:
        networks = [keras.saving.deserialize_keras_object(network) for network in config.pop("networks")]
        config.pop("dtype", None)
        return cls(networks, **config)


def _are_shares(shares: Sequence[float], networks: int) -> bool:
    return len(shares) == networks and min(shares) >= 0 and abs(sum(shares) - 1) < _ROUNDING
