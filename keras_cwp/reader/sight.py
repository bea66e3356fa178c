"""A network that shows what it saw: for each region its features and a heat map, by one compiled call.

`explain.heat_maps` builds its graph anew at each call, which takes a second; a page cannot wait for that. A test holds
the maps here against those of its method `layercam`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, NamedTuple

import cv2
import keras
import numpy as np
import tensorflow as tf

from keras_cwp.explain.heat_maps import fine_layer
from keras_cwp.models.probed import features_layer


class Seen(NamedTuple):
    """What a network saw in regions.

    Args:
        maps: float32 [B, side, side] in [0, 1], each divided by its own largest value; all zero where nothing raised
            the score.
        features: float32 [B, channels], averaged over the region.
    """

    maps: np.ndarray
    features: np.ndarray


class Sight:
    """See the module.

    Args:
        network: images [B, side, side, 1] in [0, 1] → logits [B, classes], as `load_with_contract` gives it.
    """

    def __init__(self, network: Any) -> None:
        self.side = int(network.input_shape[1])
        self._lock = threading.Lock()
        self._look = _compiled(network, self.side)

    def look(self, images: np.ndarray, class_index: np.ndarray) -> Seen:
        """Maps of a class, and features.

        Args:
            images: float32 [B, side, side, 1] in [0, 1].
            class_index: int [B]; the class that each map is of.
        """
        with self._lock:
            maps, features = self._look(tf.constant(images, tf.float32), tf.constant(class_index, tf.int32))
        large = [cv2.resize(each, (self.side, self.side), interpolation=cv2.INTER_LINEAR) for each in maps.numpy()]
        raw = np.stack(large)
        peak = raw.max(axis=(1, 2), keepdims=True)
        return Seen(np.divide(raw, peak, out=np.zeros_like(raw), where=peak > 0), features.numpy())


def _compiled(network: Any, side: int) -> Callable[..., Any]:
    fine, deep = (network.get_layer(name).output for name in (fine_layer(network), features_layer(network)))
    probe = keras.Model(network.inputs, [fine, deep, network.output])

    def look(images: Any, class_index: Any) -> tuple[Any, Any]:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(images)  # so that frozen networks are recorded too
            activations, features, logits = probe(images, training=False)
            score = tf.gather(logits, class_index, batch_dims=1)
        gradient = tf.cast(tape.gradient(score, activations), tf.float32)
        raised = tf.nn.relu(gradient) * tf.cast(activations, tf.float32)
        maps = tf.nn.relu(tf.reduce_sum(raised, axis=3))
        return maps, tf.reduce_mean(tf.cast(features, tf.float32), axis=[1, 2])

    signature = [tf.TensorSpec([None, side, side, 1], tf.float32), tf.TensorSpec([None], tf.int32)]
    return tf.function(look, input_signature=signature, autograph=False)
