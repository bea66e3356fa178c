"""A network's inference as one graph."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

Forward = Callable[[Any], Any]


def forward(network: Any) -> Forward:
    """The network's inference as one graph, traced once: images [B, side, side, channels] → logits [B, classes].

    It reads the network's weights when it is called, so it follows them. It records no gradient.
    """
    side, channels = network.input_shape[1], network.input_shape[3]
    signature = [tf.TensorSpec([None, side, side, channels], tf.float32)]
    graph = tf.function(lambda images: network(images, training=False), signature, autograph=False)
    traced = graph.get_concrete_function()  # a `tf.function` warns when there are many of it: cv has several a fold
    traced.network = network  # it does not keep the weights by itself
    return traced
