"""The gradient of a class's logit in a layer, and LayerCAM's map of it. Both run eagerly and inside `tf.function`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

Probe = Callable[[Any], tuple[Any, Any]]
"""Images float32 [B, H, W, 1] → activations [B, h, w, channels] and logits [B, classes]."""


def class_gradient(probe: Probe, images: Any, class_index: Any = None) -> tuple[Any, Any, Any]:
    """What a network answers, and how each activation of a layer raises the logit of a class.

    Args:
        images: float32 tensor [B, H, W, 1] in [0, 1].
        class_index: int [B]; None: of each image the class with the greatest logit.

    Returns:
        Tensors: logits [B, classes]; activations and the logit's gradient in them, both float32 [B, h, w, channels].
    """
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(images)  # so that frozen networks are recorded too
        activations, logits = probe(images)
        index = tf.argmax(logits, axis=1) if class_index is None else class_index
        score = tf.gather(logits, tf.cast(index, tf.int32), batch_dims=1)
    return logits, tf.cast(activations, tf.float32), tf.cast(tape.gradient(score, activations), tf.float32)


def layercam(activations: Any, gradient: Any) -> Any:
    """Each activation by its own positive gradient, summed over channels: float32 [B, h, w], at least 0.

    Reference: Jiang et al., LayerCAM, IEEE Transactions on Image Processing 30 (2021) 5875-5888.
    """
    return tf.nn.relu(tf.reduce_sum(tf.nn.relu(gradient) * activations, axis=3))
