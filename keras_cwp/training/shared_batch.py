"""Layers of a network whose batch is divided among devices: they do what one device does with the whole batch.

Normalisation and dropout are the only layers that look beyond one image: at the others of the batch, or at its place in
the batch.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple

import keras
import tensorflow as tf

from keras_cwp.errors import ConfigError


class Share(NamedTuple):
    """The images of a batch that one device has, one after the other.

    A device for which the batch has no image computes on a stand-in, which counts nowhere: not every kernel takes an
    empty batch.

    Args:
        device, devices: number of this one, from 0, and how many there are.
        first: int32 [], place of the first image in the batch.
        count: int32 [], own images; 0 where there are none.
        total: int32 [], images of the batch.
    """

    device: int
    devices: int
    first: tf.Tensor
    count: tf.Tensor
    total: tf.Tensor

    def of(self, batch: tf.Tensor) -> tf.Tensor:
        """The own rows of a tensor [total, …]; the stand-in's row where there are none."""
        return batch[self.first : self.first + tf.maximum(self.count, 1)]


_share: ContextVar[Share] = ContextVar("share")  # each device is traced in a thread of its own


@contextmanager
def sharing(share: Share) -> Iterator[None]:
    """Have the layers below know, until it ends, which part of the batch their device has."""
    before = _share.set(share)
    try:
        yield
    finally:
        _share.reset(before)


def share_of(total: tf.Tensor, device: int, devices: int) -> Share:
    """Shares differ by one image at most. total: int32 []."""
    first = total * device // devices
    return Share(device, devices, first, total * (device + 1) // devices - first, total)


class SharedBatchNormalization(keras.layers.BatchNormalization):
    """Normalises by mean and variance of the batch of all devices together, forward and backward.

    Each device's mean, variance and number of pixels are put beside each other by one sum over the devices. The
    variance is that of the deviations: the mean square less the squared mean, which Keras takes, loses digits.

    Shape:
        [batch, …, channels] → the same; statistics are float32.

    Raises:
        ValueError: the channels are not the last axis.
    """

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        if not training or not self.trainable:
            return super().call(inputs, training=training, mask=mask)
        if self.axis not in (-1, len(inputs.shape) - 1):
            raise ValueError(f"{self.name}: channels must be the last axis, got axis {self.axis} of {inputs.shape}")
        values = tf.cast(inputs, tf.float32)
        mean, variance = _moments(values, _share.get())
        for moving, batch in ((self.moving_mean, mean), (self.moving_variance, variance)):
            moving.assign(moving * self.momentum + batch * (1 - self.momentum))
        scale = tf.cast(self.gamma, tf.float32) if self.scale else None
        offset = tf.cast(self.beta, tf.float32) if self.center else None
        outputs = tf.nn.batch_normalization(values, mean, variance, offset, scale, self.epsilon)
        return tf.cast(outputs, self.compute_dtype)


def _moments(values: tf.Tensor, share: Share) -> tuple[tf.Tensor, tf.Tensor]:
    """Mean and variance float32 [channels] over the images of all devices; the same on each."""
    own_mean, own_variance = tf.nn.moments(values, list(range(len(values.shape) - 1)))
    pixels = tf.cast(share.count * tf.reduce_prod(tf.shape(values)[1:-1]), tf.float32)
    row = tf.concat([own_mean, own_variance, pixels[None]], axis=0)
    own_place = tf.one_hot(share.device, share.devices)[:, None]
    table = _sum_with_gradient(own_place * row)  # a row a device
    means, variances, counts = tf.split(table, [own_mean.shape[0], own_mean.shape[0], 1], axis=1)
    weights = counts / tf.reduce_sum(counts)
    mean = tf.reduce_sum(weights * means, axis=0)
    return mean, tf.reduce_sum(weights * (variances + (means - mean) ** 2), axis=0)


def _sum_with_gradient(own: tf.Tensor) -> tf.Tensor:
    """Sum of a tensor over the devices; its gradient is the sum of their gradients.

    `ReplicaContext.all_reduce` gives the same. But while TensorFlow traces it, TensorFlow looks for variables among all
    operations that the other devices' tensors depend on, so tracing takes time that grows with the square of the
    layers. Here the sum is an argument of the function that has the gradient, and that search ends at arguments.
    """

    @tf.custom_gradient
    def with_gradient(_: tf.Tensor, total: tf.Tensor) -> tuple[tf.Tensor, Any]:
        return tf.identity(total), lambda upstream: (*sums_over_devices([upstream]), None)

    return with_gradient(own, *sums_over_devices([own]))


def sums_over_devices(own: list[tf.Tensor]) -> list[tf.Tensor]:
    """Sums of tensors over the devices, through which no gradient flows."""
    return list(tf.distribute.get_replica_context().merge_call(_sums, args=own))


def _sums(strategy: tf.distribute.Strategy, *each: Any) -> Any:
    pairs = [(values, values) for values in each]  # what is added up, and the devices that have the sum then
    return strategy.extended.batch_reduce_to(tf.distribute.ReduceOp.SUM, pairs)


class SharedDropout(keras.layers.Dropout):
    """Draws for the whole batch, as one device does, and drops in the own part."""

    def call(self, inputs: Any, training: bool = False) -> Any:
        if not training or not self.rate:
            return inputs
        share = _share.get()
        whole = tf.ones([share.total, *tf.unstack(tf.shape(inputs))[1:]], inputs.dtype)
        kept = keras.random.dropout(whole, self.rate, noise_shape=self.noise_shape, seed=self.seed_generator)
        return inputs * tf.ensure_shape(share.of(kept), inputs.shape)


def as_shared(network: keras.Model) -> keras.Model:
    """The same network with such layers; its weights are copies, in the same order and with the same names.

    Raises:
        ConfigError: another layer draws random numbers, adds a loss of its own, or is a network itself.
    """
    shared = keras.models.clone_model(network, clone_function=_shared_layer)
    for own, variable in zip(shared.variables, network.variables, strict=True):
        own.assign(variable)
    return shared


def _shared_layer(layer: keras.layers.Layer) -> keras.layers.Layer:
    kind = type(layer)
    if isinstance(layer, keras.layers.BatchNormalization):
        kind = SharedBatchNormalization
    elif kind is keras.layers.Dropout:  # a subclass, such as SpatialDropout2D, drops otherwise
        kind = SharedDropout
    elif hasattr(layer, "seed_generator") or layer.losses or isinstance(layer, keras.Model):
        raise ConfigError(
            f"train.devices: layer {layer.name} ({kind.__name__}) draws for a whole batch, adds a loss or is a "
            "network, which several devices cannot share; set train.devices to 1"
        )
    return kind.from_config(layer.get_config())
