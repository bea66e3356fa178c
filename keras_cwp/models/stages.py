"""Where a network can be tapped: its features at each resolution."""

from __future__ import annotations

import keras

from keras_cwp.models.shufflenet import FEATURES


def stage_layers(model: keras.Model) -> list[keras.layers.Layer]:
    """The last layer of each resolution that everything passes through, fine to coarse; the last one is "features".

    The input's own resolution is left out. A layer counts if no connection leads past it, so a tap never shows one
    branch of a unit only.

    Args:
        model: of this package: images [batch, side, side, channels] → logits.
    """
    place = {id(layer.output): number for number, layer in enumerate(model.layers) if _one_output(layer)}
    for number, layer in enumerate(model.layers):
        if not _one_output(layer):
            place |= {id(tensor): number for tensor in layer.output}
    passed = [0] * (len(model.layers) + 1)
    for number, layer in enumerate(model.layers[1:], start=1):
        first = min(place[id(tensor)] for tensor in keras.tree.flatten(layer.input))
        for between in range(first + 1, number):
            passed[between] += 1
    found: dict[int, keras.layers.Layer] = {}
    for number, layer in enumerate(model.layers):
        if not passed[number] and _is_picture(layer):
            found[layer.output.shape[1]] = layer
        if layer.name == FEATURES:
            break
    found.pop(model.input_shape[1], None)
    return list(found.values())


def _is_picture(layer: keras.layers.Layer) -> bool:
    if isinstance(layer, keras.layers.ZeroPadding2D) or not _one_output(layer):
        return False
    return len(layer.output.shape) == 4


def _one_output(layer: keras.layers.Layer) -> bool:
    return not isinstance(layer.output, (list, tuple))


def pooled_stages(model: keras.Model) -> keras.Model:
    """The same network with the mean of each of its `stage_layers` as outputs, list of [batch, channels]."""
    pool = keras.layers.GlobalAveragePooling2D
    return keras.Model(
        model.input, [pool(name=f"pool_{n}")(layer.output) for n, layer in enumerate(stage_layers(model))]
    )
