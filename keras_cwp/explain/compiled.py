"""LayerCAM maps of one network, compiled: for a page that asks about one image after the other, and for many images.

`heat_maps` builds its graph anew at each call, which takes a second, and computes gradients operation by operation.
Here the graph is built once. It gives the same maps, six times as fast for ShuffleNet V2 x0.5.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_cwp.explain.gradients import class_gradient, layercam
from keras_cwp.explain.heat_maps import fine_layer, probe_of, smoothed
from keras_cwp.explain.trust import TriedMaps, randomised, tested
from keras_cwp.models.forward import forward

_Maps = Callable[[Any, Any], list[tuple[Any, Any]]]


class CompiledMaps:
    """See the module.

    Args:
        network: images [B, side, side, 1] in [0, 1] → logits [B, classes]; as trained, not a graph for deployment.

    Raises:
        ModelError: a graph for deployment.
    """

    def __init__(self, network: Any) -> None:
        self.side = int(network.input_shape[1])
        self._map = _mapping([network, *randomised(network)], self.side)
        self._ask = forward(network)

    def try_maps(self, images: np.ndarray, class_index: np.ndarray) -> TriedMaps:
        """As `trust.try_maps` by the method `layercam`.

        Args:
            images: float32 [B, side, side, 1] in [0, 1].
            class_index: int [B]; the class that each map is of.
        """
        index = np.asarray(class_index)
        given = tf.constant(two_or_more(images), tf.float32), tf.constant(two_or_more(index), tf.int32)
        answers = [(logits.numpy()[: len(images)], cells.numpy()[: len(images)]) for logits, cells in self._map(*given)]
        maps, *others = (smoothed(cells, (self.side, self.side)) for _, cells in answers)
        return tested(self.logits, images, index, answers[0][0].astype(np.float64), maps, others)

    def logits(self, images: np.ndarray) -> np.ndarray:
        """float64 [B, classes]."""
        answers = self._ask(tf.constant(two_or_more(images), tf.float32)).numpy()[: len(images)]
        return np.asarray(answers, dtype=np.float64)


def two_or_more(values: np.ndarray) -> np.ndarray:
    """One image becomes two of the same, on the first axis.

    TensorFlow joins a convolution with the batch normalisation after it. For one image oneDNN then takes a slow kernel:
    ShuffleNet V2 x0.5 took 103 ms for one image of 160 px and 18 ms for two (2 cores with AVX2, no AVX-512).
    """
    return np.repeat(values, 2, axis=0) if len(values) == 1 else values


def _mapping(networks: list[Any], side: int) -> _Maps:
    """A function images, class_index → of each network logits and maps float32 [B, h, w], all in one call.

    The networks have the same layers, so one of them is traced, with the weights as an argument.
    """
    probe = probe_of(networks[0], fine_layer(networks[0]))

    @tf.function(autograph=False)
    def look(images: Any, class_index: Any, weights: list[Any]) -> tuple[Any, Any]:
        with keras.StatelessScope(state_mapping=list(zip(networks[0].variables, weights, strict=True))):
            logits, activations, gradient = class_gradient(probe, images, class_index)
        return logits, layercam(activations, gradient)

    def look_by_all(images: Any, class_index: Any) -> list[tuple[Any, Any]]:
        return [look(images, class_index, [each.value for each in network.variables]) for network in networks]

    signature = [_images(side), tf.TensorSpec([None], tf.int32)]
    traced = tf.function(look_by_all, input_signature=signature, autograph=False).get_concrete_function()
    traced.networks = networks  # it does not keep the weights by itself
    return traced


def _images(side: int) -> Any:
    return tf.TensorSpec([None, side, side, 1], tf.float32)
