"""A trained network as the shortest list of operations that infers the same."""

from __future__ import annotations

import keras
import numpy as np

from keras_cwp.models.lite_steps import is_lite, lite_steps
from keras_cwp.models.probed import PROBE_FEATURES, is_probed
from keras_cwp.models.shuffle_steps import is_shufflenet, shufflenet_steps
from keras_cwp.models.shufflenet import FEATURES
from keras_cwp.models.steps import LOGITS, Step, Taps, same_padding, single


def can_plan(model: keras.Model) -> bool:
    """Whether it is a ShuffleNet V2 with ECA at the ends of its branches or none, or an EfficientNet-Lite.

    A probe of such a network can be planned too.
    """
    return is_shufflenet(model) or is_lite(model)


def plan(model: keras.Model) -> list[Step]:
    """The operations from IMAGE [batch, side, side, channels] in [0, 1] to LOGITS [batch, classes]."""
    steps, taps = (lite_steps if is_lite(model) else shufflenet_steps)(model)
    kernel, bias = model.get_layer("logits").get_weights()
    joined: list[Step] = []
    seen = taps[FEATURES][0]
    if is_probed(model):
        joined, order = _joined(model, taps)
        kernel, seen = kernel[order], PROBE_FEATURES
    pool = Step("pool", (seen,), ("means",))
    return [*steps, *joined, pool, Step("dense", ("means",), (LOGITS,), single({"kernel": kernel, "bias": bias}))]


def _joined(model: keras.Model, taps: Taps) -> tuple[list[Step], np.ndarray]:
    """The steps that join the stages for a probe, and the feature at each place of what they give."""
    steps: list[Step] = []
    inputs: list[str] = []
    order = np.zeros(0, np.int64)
    for stage in model.get_layer(PROBE_FEATURES).input:
        layer = stage._keras_history.operation
        averaged = isinstance(layer, keras.layers.AveragePooling2D)
        tap = layer.input._keras_history.operation if averaged else layer
        tensor, channels = taps[tap.name]
        if averaged:
            size = layer.pool_size[0]
            options = {"size": size, "strides": size, "padding_px": same_padding(tap.output.shape[1], size, size)}
            steps.append(Step("average_pool", (tensor,), (layer.name,), options=options))
        inputs.append(layer.name if averaged else tensor)
        count = stage.shape[-1]
        order = np.concatenate([order, len(order) + (np.arange(count) if channels is None else channels)])
    return [*steps, Step("concat", tuple(inputs), (PROBE_FEATURES,))], order
