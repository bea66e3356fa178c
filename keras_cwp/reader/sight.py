"""A network that shows what it saw: for each region its features and a tested heat map, each by one compiled call."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_cwp.explain.compiled import CompiledMaps, two_or_more
from keras_cwp.explain.trust import TriedMaps
from keras_cwp.models.probed import features_layer


class Sight:
    """See the module.

    Args:
        network: images [B, side, side, 1] in [0, 1] → logits [B, classes], as `load_with_contract` gives it.
    """

    def __init__(self, network: Any) -> None:
        self._maps, self._see = CompiledMaps(network), _seeing(network)
        self.side = self._maps.side
        self._lock = threading.Lock()  # one call at a time: each uses all cores

    def try_maps(self, images: np.ndarray, class_index: np.ndarray) -> TriedMaps:
        """Heat maps of a class, each held against maps of random weights; see `CompiledMaps.try_maps`."""
        with self._lock:
            return self._maps.try_maps(images, class_index)

    def called(self, images: np.ndarray) -> np.ndarray:
        """int [B]: the class that the network calls each image."""
        with self._lock:
            return np.asarray(self._maps.logits(images).argmax(axis=1))

    def features(self, images: np.ndarray) -> np.ndarray:
        """float32 [B, channels], averaged over the region.

        Args:
            images: float32 [B, side, side, 1] in [0, 1].
        """
        with self._lock:
            return np.asarray(self._see(tf.constant(two_or_more(images), tf.float32)).numpy()[: len(images)])


def _seeing(network: Any) -> Callable[..., Any]:
    """A function images → features float32 [B, channels]."""
    probe = keras.Model(network.inputs, network.get_layer(features_layer(network)).output)

    def see(images: Any) -> Any:
        return tf.reduce_mean(tf.cast(probe(images, training=False), tf.float32), axis=[1, 2])

    signature = [tf.TensorSpec([None, *network.input_shape[1:]], tf.float32)]
    return tf.function(see, input_signature=signature, autograph=False)
