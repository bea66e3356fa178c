"""A training step whose batch is divided among several devices of this machine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from keras_cwp.runtime import errors_of_tensorflow_only
from keras_cwp.training.shared_batch import Share, as_shared, share_of, sharing, sums_over_devices
from keras_cwp.training.trainee import Trainee


class MirroredTrainee(Trainee):
    """A `Trainee` with the weights that one device would reach by the same batches, up to rounding.

    Network and gradient are computed on all devices, each for its part of the batch, and the gradients are added up.
    All the rest is done for the whole batch on the first device, by the code that one device runs: augmentation,
    mixing (whose partners are in other parts), the teacher's answers, AdamW, loss scale and moving average. So the
    variables, and what a state file has of them, are those of one device. The price: these parts become no faster, and
    each step sends images and weights from the first device to the others.

    Args:
        network: see Trainee; a copy of it is trained.
        devices: names such as GPU:0, two or more; the first is TensorFlow's default device.
        others: as Trainee.

    Raises:
        ConfigError: see `as_shared`.
    """

    def __init__(self, network: keras.Model, *others: Any, devices: Sequence[str], **kwargs: Any) -> None:
        super().__init__(as_shared(network), *others, **kwargs)
        with errors_of_tensorflow_only():
            # Copies and a sum in a fixed order, which no kind of device lacks: what CPUs test is what GPUs do.
            self.strategy = tf.distribute.MirroredStrategy(list(devices), tf.distribute.ReductionToOneDevice())

    def gradients(
        self, images: tf.Tensor, labels: tf.Tensor, weights: tf.Tensor
    ) -> tuple[tf.Tensor, list[tf.Tensor], tf.Tensor]:
        network = self.network
        trained = [tf.convert_to_tensor(variable) for variable in network.trainable_variables]
        states = [tf.convert_to_tensor(variable) for variable in network.non_trainable_variables]
        loss_scale = self.optimizer.scale_loss(tf.constant(1.0))
        devices, total = self.strategy.num_replicas_in_sync, tf.shape(images)[0]

        def part(context: tf.distribute.ValueContext) -> tuple[Any, ...]:
            share = share_of(total, context.replica_id_in_sync_group, devices)
            return share, *(share.of(whole) for whole in (images, labels, weights))

        parts = self.strategy.experimental_distribute_values_from_function(part)
        each = self.strategy.run(self._of_share, (parts, trained, states, loss_scale))
        local = self.strategy.experimental_local_results
        (loss, gradients, states, _), *_ = local(each)  # the same on all devices
        for variable, value in zip(network.non_trainable_variables, states, strict=True):
            variable.assign(value)
        return loss, gradients, tf.concat([logits for *_, logits in local(each)], axis=0)

    def _of_share(
        self, part: tuple[Any, ...], trained: list[tf.Tensor], states: list[tf.Tensor], loss_scale: tf.Tensor
    ) -> tuple[tf.Tensor, list[tf.Tensor], list[tf.Tensor], tf.Tensor]:
        """On one device: loss and gradients of the whole batch, the network's states after it, the own logits."""
        share, images, labels, weights = part
        with tf.GradientTape() as tape:
            tape.watch(trained)
            logits, states = self._forward(share, images, trained, states)
            loss = self._own_loss(share, labels, logits, weights)
            scaled = loss * loss_scale
        gradients = tape.gradient(scaled, trained)
        loss, *gradients = sums_over_devices([loss, *gradients])
        return loss, gradients, states, logits[: share.count]

    def _forward(
        self, share: Share, images: tf.Tensor, trained: list[tf.Tensor], states: list[tf.Tensor]
    ) -> tuple[tf.Tensor, list[tf.Tensor]]:
        """Logits of some images, and the network's other variables after them; values stand in for the variables."""
        network = self.network
        values = [*zip(network.trainable_variables, trained, strict=True)]
        values += zip(network.non_trainable_variables, states, strict=True)
        with sharing(share), keras.StatelessScope(state_mapping=values) as scope:
            logits = network(images, training=True)
        after = [scope.get_current_value(variable) for variable in network.non_trainable_variables]
        return logits, after

    def _own_loss(self, share: Share, labels: tf.Tensor, logits: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
        """What the own images add to the mean over the batch."""
        losses = self.loss.call(labels, logits) * tf.cast(weights, logits.dtype)
        return tf.where(share.count > 0, tf.reduce_sum(losses), 0.0) / tf.cast(share.total, logits.dtype)
