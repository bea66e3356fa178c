"""The same augmentation in tf.data, for when the device has better things to do."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from keras_cwp.augment.layer import Augment, ramp


def augment_dataset(
    dataset: tf.data.Dataset,
    layer: Augment,
    first_step: int = 0,
    steps_per_epoch: int | None = None,
    ramp_epochs: int = 0,
) -> tf.data.Dataset:
    """Augment batches as the layer would in the training step.

    Step n is drawn from [seed, n], which is what the layer's generator holds in its n-th training call: the
    numbers are the same, in whatever order tf.data computes. The generator itself is not advanced.

    Args:
        dataset: of batches (images, …); the rest passes through.
        first_step: number of the first batch, when a run is resumed.
        steps_per_epoch: batches of an epoch; only to ramp.
        ramp_epochs: as in ramp.ramp; 0: full magnitude.

    Raises:
        ValueError: `ramp_epochs` without `steps_per_epoch`.
    """
    if ramp_epochs and not steps_per_epoch:
        raise ValueError("augment_dataset: ramp_epochs needs steps_per_epoch")
    start = tf.constant([int(layer.seed_generator.state.numpy()[0]), 0], tf.int64)
    magnitudes = tf.constant([ramp(epoch, ramp_epochs) for epoch in range(max(ramp_epochs, 1))], tf.float32)

    def apply(step: tf.Tensor, batch: tuple[Any, ...]) -> tuple[Any, ...]:
        images, *rest = batch
        epoch = step // (steps_per_epoch or 1)
        magnitude = magnitudes[tf.minimum(epoch, len(magnitudes) - 1)]
        draw = layer.draw(tf.shape(images)[0], start + [0, 1] * step, magnitude)
        return (layer.apply(images, draw), *rest)

    numbered = dataset.enumerate(first_step)
    return numbered.map(lambda step, batch: apply(step, batch), num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
