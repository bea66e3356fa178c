"""Weights carried from one network to another, layer by layer."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from keras_cwp.errors import ModelError
from keras_cwp.layers.eca import ECA

HEADLESS = 1  # classes of a network without a head of use: a classifier has two at least
_IMAGENET = 1000


def carry_over(source: keras.Model, target: keras.Model) -> list[str]:
    """Copy every layer that both have.

    Where only the target attends, it computes what the source does at first: zero kernels make every gate one
    half, and what comes before the gate is doubled.

    Returns:
        What was not carried over, one line each: a head of other classes than ImageNet's; gates that the target lacks.

    Raises:
        ModelError: the architectures differ.
    """
    if source.name != target.name:
        raise ModelError(f"model.weights: the file is of {source.name}, the configuration asks for {target.name}")
    theirs = {layer.name: layer for layer in source.layers}
    ours = {layer.name for layer in target.layers}
    notes, gates = [], []
    if any(isinstance(layer, ECA) and name not in ours for name, layer in theirs.items()):
        notes.append("the file's network has ECA where the configuration has none; its other weights are used without")
    for layer in target.layers:
        twin = theirs.get(layer.name)
        if isinstance(layer, ECA) and not isinstance(twin, ECA):
            layer.set_weights([np.zeros(layer.kernel.shape, "float32")])
            gates.append(layer)
        elif layer.name == "logits" and _shapes(twin) != _shapes(layer):
            notes += _about_head(source, target)
        elif layer.weights:
            _copy(twin, layer)
    for gate in gates:
        _double(target.get_layer(_before(gate.name)))
    return notes


def _about_head(source: keras.Model, target: keras.Model) -> list[str]:
    theirs, ours = source.output_shape[-1], target.output_shape[-1]
    if theirs in (HEADLESS, _IMAGENET):  # nobody expects these heads to be kept
        return []
    if theirs == ours:
        return ["the head of a probe is dropped, a new one is trained"]
    return [f"the head for {theirs} classes is dropped, a new one for {ours} is trained"]


def _shapes(layer: keras.layers.Layer | None) -> list[tuple[int, ...]] | None:
    return None if layer is None else [tuple(weight.shape) for weight in layer.weights]


def _copy(twin: Any, layer: keras.layers.Layer) -> None:
    got, wanted = _shapes(twin), _shapes(layer)
    if got != wanted:
        raise ModelError(f"model.weights: {layer.name} needs shapes {wanted}, the file has {got}")
    layer.set_weights(twin.get_weights())


def _double(layer: keras.layers.Layer) -> None:
    # what stands between is homogeneous (rectify, pool): a gain and offset twice as large, halved by the gate
    weights = layer.get_weights()
    gains = 2 if isinstance(layer, keras.layers.BatchNormalization) else len(weights)
    layer.set_weights([2 * value for value in weights[:gains]] + weights[gains:])


def _before(gate: str) -> str:
    """The name of the layer whose gain a gate multiplies."""
    if gate == "features":
        return "last_bn"
    inner = gate.removesuffix("_eca")
    if inner == "stem":
        return "stem_bn"
    return f"{inner}_project_bn" if inner.rpartition("_")[2].startswith("unit") else inner
