"""Several networks as one: the mean of their probabilities."""

from __future__ import annotations

from collections.abc import Sequence

import keras

from keras_cwp.layers.mean_of_networks import MeanOfNetworks


def mean_of(networks: Sequence[keras.Model], shares: Sequence[float] | None = None) -> keras.Model:
    """One model for several, such as those of a cross-validation's folds; the only one as it is.

    Networks that are such means themselves are replaced by those behind them.

    Args:
        shares: of each network in the mean, with a sum of 1; None: all alike.

    Shape:
        as each network: [batch, side, side, channels] in [0, 1] → logits [batch, classes] float32.
    """
    if len(networks) == 1:
        return networks[0]
    own = shares or [1 / len(networks)] * len(networks)
    behind = [
        (inner, share * part)
        for network, share in zip(networks, own, strict=True)
        for inner, part in zip(networks_of(network) or [network], shares_of(network) or [1.0], strict=True)
    ]
    alike = len({share for _, share in behind}) == 1
    image = keras.Input(networks[0].input_shape[1:], name="image")
    mean = MeanOfNetworks(
        [inner for inner, _ in behind], None if alike else [share for _, share in behind], name="logits"
    )
    return keras.Model(image, mean(image), name=f"mean_of_{len(behind)}")


def networks_of(model: keras.Model) -> list[keras.Model]:
    """The networks behind a model that `mean_of` made; [] for any other."""
    last = model.layers[-1]
    return last.networks if isinstance(last, MeanOfNetworks) else []


def shares_of(model: keras.Model) -> list[float]:
    """The share of each of `networks_of` in the mean; [] for any other model."""
    last = model.layers[-1]
    if not isinstance(last, MeanOfNetworks):
        return []
    return list(last.shares or [1 / len(last.networks)] * len(last.networks))


def mapped_network(model: keras.Model) -> keras.Model:
    """The network that heat maps are of and that another training may start from: the first of a mean, or the model."""
    return (networks_of(model) or [model])[0]
