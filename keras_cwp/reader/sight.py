"""A network that shows what it saw: for each region its features and a heat map, each by one compiled call.

`explain.heat_maps` builds its graph anew at each call, which takes a second; a page cannot wait for that. A test holds
the maps here against those of its method `layercam`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import cv2
import keras
import numpy as np
import tensorflow as tf

from keras_cwp.explain.heat_maps import fine_layer
from keras_cwp.models.probed import features_layer


class Sight:
    """See the module.

    Args:
        network: images [B, side, side, 1] in [0, 1] → logits [B, classes], as `load_with_contract` gives it.
    """

    def __init__(self, network: Any) -> None:
        self.side = int(network.input_shape[1])
        self._lock = threading.Lock()  # one call at a time: each uses all cores
        self._map, self._see = _mapping(network, self.side), _seeing(network, self.side)

    def maps(self, images: np.ndarray, class_index: np.ndarray) -> np.ndarray:
        """Heat maps of a class.

        Args:
            images: float32 [B, side, side, 1] in [0, 1].
            class_index: int [B]; the class that each map is of.

        Returns:
            float32 [B, side, side] in [0, 1], each divided by its own largest value; all zero where nothing raised
            the score.
        """
        with self._lock:
            maps = self._map(tf.constant(images, tf.float32), tf.constant(class_index, tf.int32)).numpy()
        raw = np.stack([cv2.resize(each, (self.side, self.side), interpolation=cv2.INTER_LINEAR) for each in maps])
        peak = raw.max(axis=(1, 2), keepdims=True)
        return np.divide(raw, peak, out=np.zeros_like(raw), where=peak > 0)

    def features(self, images: np.ndarray) -> np.ndarray:
        """float32 [B, channels], averaged over the region."""
        with self._lock:
            return np.asarray(self._see(tf.constant(images, tf.float32)).numpy())


def _mapping(network: Any, side: int) -> Callable[..., Any]:
    """A function images, class_index → maps float32 [B, h, w], at least 0."""
    fine = network.get_layer(fine_layer(network)).output
    probe = keras.Model(network.inputs, [fine, network.output])

    def look(images: Any, class_index: Any) -> Any:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(images)  # so that frozen networks are recorded too
            activations, logits = probe(images, training=False)
            score = tf.gather(logits, class_index, batch_dims=1)
        gradient = tf.cast(tape.gradient(score, activations), tf.float32)
        raised = tf.nn.relu(gradient) * tf.cast(activations, tf.float32)
        return tf.nn.relu(tf.reduce_sum(raised, axis=3))

    signature = [tf.TensorSpec([None, side, side, 1], tf.float32), tf.TensorSpec([None], tf.int32)]
    return tf.function(look, input_signature=signature, autograph=False)


def _seeing(network: Any, side: int) -> Callable[..., Any]:
    """A function images → features float32 [B, channels]; apart from `_mapping`, for gradients take much memory."""
    probe = keras.Model(network.inputs, network.get_layer(features_layer(network)).output)

    def see(images: Any) -> Any:
        return tf.reduce_mean(tf.cast(probe(images, training=False), tf.float32), axis=[1, 2])

    signature = [tf.TensorSpec([None, side, side, 1], tf.float32)]
    return tf.function(see, input_signature=signature, autograph=False)
