"""Several networks as one: the mean of their probabilities."""

from __future__ import annotations

from collections.abc import Sequence

import keras

from keras_cwp.layers.mean_of_networks import MeanOfNetworks


def mean_of(networks: Sequence[keras.Model]) -> keras.Model:
    """One model for several, such as those of a cross-validation's folds; the only one as it is.

    Shape:
        as each network: [batch, side, side, channels] in [0, 1] → logits [batch, classes] float32.
    """
    if len(networks) == 1:
        return networks[0]
    image = keras.Input(networks[0].input_shape[1:], name="image")
    return keras.Model(image, MeanOfNetworks(networks, name="logits")(image), name=f"mean_of_{len(networks)}")


def networks_of(model: keras.Model) -> list[keras.Model]:
    """The networks behind a model that `mean_of` made; [] for any other."""
    last = model.layers[-1]
    return last.networks if isinstance(last, MeanOfNetworks) else []
