"""A network in pretraining: its heads, its losses and the moving average of its weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from keras_cwp.augment.layer import Augment
from keras_cwp.data.phantom.lay import TARGETS
from keras_cwp.models.stages import pooled_stages

_FINDINGS_WEIGHT = 3.0  # both losses then fall by about as much


class Pretrainee(keras.Model):
    """A network under two heads: findings from its features, and a teacher's features from each of its stages.

    Args:
        network: images → logits; its own head stays as it is.
        augment: crops → images.
        teacher_channels: of each of the teacher's stages; () without a teacher.
        ema_momentum: of the moving average of the network's weights.

    Shape:
        crops float32 [batch, side + 2 margin, side + 2 margin, 1] → findings [batch, TARGETS], and one
        [batch, channels] for each of the teacher's stages.
    """

    def __init__(
        self,
        network: keras.Model,
        augment: Augment,
        teacher_channels: Sequence[int],
        ema_momentum: float,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.network = network
        self.augment = augment
        self.ema_momentum = ema_momentum
        taps = pooled_stages(network)
        pooled = taps.output[-len(teacher_channels) :] if teacher_channels else []
        findings = keras.layers.Dense(len(TARGETS), name="findings")(taps.output[-1])
        heads = [
            keras.layers.Dense(channels, name=f"teacher_{number}")(stage)
            for number, (stage, channels) in enumerate(zip(pooled, teacher_channels, strict=True))
        ]
        self.both = keras.Model(network.input, [findings, *heads])
        self.average = [
            keras.Variable(keras.ops.convert_to_numpy(variable), trainable=False, name=f"average_{number}")
            for number, variable in enumerate(self.both.trainable_variables)
        ]
        self.trackers = {name: keras.metrics.Mean(name=name) for name in ("loss", "findings", "teacher")}

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        return list(self.trackers.values())

    def build(self, input_shape: Any) -> None:
        self.built = True

    def call(self, crops: Any, training: bool = False) -> Any:
        return self.both(self.augment(crops, training=training), training=training)

    def train_step(self, data: Any) -> dict[str, tf.Tensor]:
        crops, targets, known, teacher = data
        variables = self.both.trainable_variables
        images = self.augment(crops, training=True)
        with tf.GradientTape() as tape:
            findings, *stages = as_list(self.both(images, training=True))
            finding_loss = _masked_cross_entropy(findings, targets, known)
            teacher_loss = _distance(stages, teacher)
            loss = _FINDINGS_WEIGHT * finding_loss + teacher_loss
        self.optimizer.apply(tape.gradient(loss, variables), variables)
        step = tf.cast(self.optimizer.iterations, tf.float32)
        keep = tf.minimum(self.ema_momentum, (1 + step) / (10 + step))
        for average, variable in zip(self.average, variables, strict=True):
            average.assign_add((1 - keep) * (tf.convert_to_tensor(variable) - average))
        for name, value in (("loss", loss), ("findings", finding_loss), ("teacher", teacher_loss)):
            self.trackers[name].update_state(value)
        return self.get_metrics_result()

    def take_average(self) -> None:
        """Put the averaged weights in the place of the last ones."""
        for variable, average in zip(self.both.trainable_variables, self.average, strict=True):
            variable.assign(average)


def as_list(outputs: Any) -> list[Any]:
    """Keras gives a model's only output without its list."""
    return outputs if isinstance(outputs, list) else [outputs]


def _masked_cross_entropy(logits: tf.Tensor, targets: tf.Tensor, known: tf.Tensor) -> tf.Tensor:
    each = tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(targets, logits), axis=1)
    return tf.reduce_sum(each * known) / tf.maximum(tf.reduce_sum(known), 1.0)


def _distance(stages: list[tf.Tensor], teacher: tuple[tf.Tensor, ...]) -> tf.Tensor:
    if not stages:
        return tf.constant(0.0)
    same = teacher[-len(stages) :]
    return tf.add_n([tf.reduce_mean((a - b) ** 2) for a, b in zip(stages, same, strict=True)]) / len(stages)
