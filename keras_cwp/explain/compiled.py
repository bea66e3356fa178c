"""LayerCAM maps of one network, compiled: for a page that asks about one image after the other, and for many images.

`heat_maps` builds its graph anew at each call, which takes a second, and computes gradients operation by operation.
Here the graph is built once. It gives the same maps, six times as fast for ShuffleNet V2 x0.5.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from keras_cwp.explain.gradients import class_gradient, layercam
from keras_cwp.explain.heat_maps import fine_layer, probe_of, smoothed
from keras_cwp.explain.trust import TriedMaps, randomised, tested

_Map = Callable[[Any, Any], tuple[Any, Any]]


class CompiledMaps:
    """See the module.

    Args:
        network: images [B, side, side, 1] in [0, 1] → logits [B, classes]; as trained, not a graph for deployment.

    Raises:
        ModelError: a graph for deployment.
    """

    def __init__(self, network: Any) -> None:
        self.side = int(network.input_shape[1])
        self._own, *self._twins = (_mapping(each, self.side) for each in (network, *randomised(network)))
        self._ask = _asking(network, self.side)

    def try_maps(self, images: np.ndarray, class_index: np.ndarray) -> TriedMaps:
        """As `trust.try_maps` by the method `layercam`.

        Args:
            images: float32 [B, side, side, 1] in [0, 1].
            class_index: int [B]; the class that each map is of.
        """
        given = tf.constant(images, tf.float32), tf.constant(class_index, tf.int32)
        logits, own = self._own(*given)
        maps, *others = (self._enlarged(cells) for cells in (own, *(twin(*given)[1] for twin in self._twins)))
        index = np.asarray(class_index)
        return tested(self.logits, images, index, logits.numpy().astype(np.float64), maps, others)

    def logits(self, images: np.ndarray) -> np.ndarray:
        """float64 [B, classes]."""
        return np.asarray(self._ask(tf.constant(images, tf.float32)).numpy(), dtype=np.float64)

    def _enlarged(self, cells: Any) -> np.ndarray:
        return smoothed(cells.numpy(), (self.side, self.side))


def _mapping(network: Any, side: int) -> _Map:
    """A function images, class_index → logits and maps float32 [B, h, w]."""
    probe = probe_of(network, fine_layer(network))

    def look(images: Any, class_index: Any) -> tuple[Any, Any]:
        logits, activations, gradient = class_gradient(probe, images, class_index)
        return logits, layercam(activations, gradient)

    signature = [_images(side), tf.TensorSpec([None], tf.int32)]
    return tf.function(look, input_signature=signature, autograph=False)


def _asking(network: Any, side: int) -> Callable[[Any], Any]:
    """Logits without a gradient, which takes much memory."""
    return tf.function(lambda images: network(images, training=False), input_signature=[_images(side)], autograph=False)


def _images(side: int) -> Any:
    return tf.TensorSpec([None, side, side, 1], tf.float32)
