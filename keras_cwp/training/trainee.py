"""Augmentation, network and the moving average of its weights as one model that Keras' fit trains."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from keras_cwp.augment.layer import Augment

TEACHER_SHARE = 0.5  # of what is aimed at; the labels have the rest. Not tuned


class Trainee(keras.Model):
    """A network in training: inputs are (crops, patients), of which the network sees the crops.

    Args:
        network: images [batch, height, width, 1] in [0, 1] → logits [batch, classes].
        augment: crops [batch, crop, crop, 1] → images, while training; and what mixes images afterwards.
        in_pipeline: the crops come augmented from tf.data; the layer only mixes.
        ema_momentum: of the moving average of the trainable weights; None keeps none. The first steps use
            less, min(momentum, (1 + step) / (10 + step)), so that the initial weights are soon forgotten.
        teacher: images → logits [batch, classes] of a network that is trained already; its probabilities for the
            augmented images count as much as the labels. None: labels alone.

    Shape:
        crops [batch, crop, crop, 1], patients int [batch]; labels [batch, classes]; sample weights [batch].
    """

    def __init__(
        self,
        network: keras.Model,
        augment: Augment,
        in_pipeline: bool = False,
        ema_momentum: float | None = None,
        teacher: Callable[[tf.Tensor], tf.Tensor] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.network = network
        self.teacher = teacher
        self.augment = augment
        self.in_pipeline = in_pipeline
        self.ema_momentum = ema_momentum
        self.average = [] if ema_momentum is None else _copies(network.trainable_variables)
        # Made here and not by compile: a variable that is first met while the step is traced has it traced twice.
        self._loss = keras.metrics.Mean(name="loss")
        self._accuracy = keras.metrics.CategoricalAccuracy(name="accuracy")

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        return [self._loss, self._accuracy]

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        self.built = True  # its parts are, before it is made

    def train_step(self, data: Any) -> dict[str, tf.Tensor]:
        (crops, patients), labels, weights = keras.utils.unpack_x_y_sample_weight(data)
        images, labels, weights = self.augment.mix(self._augmented(crops), labels, weights, patients)
        labels = self._taught(images, labels)
        variables = self.network.trainable_variables
        loss, gradients, logits = self.gradients(images, labels, weights)
        self.optimizer.apply(gradients, variables)
        self._follow(variables)
        self._loss.update_state(loss, sample_weight=tf.shape(crops)[0])
        self._accuracy.update_state(labels, logits)
        return self.get_metrics_result()

    def gradients(
        self, images: tf.Tensor, labels: tf.Tensor, weights: tf.Tensor
    ) -> tuple[tf.Tensor, list[tf.Tensor], tf.Tensor]:
        """Mean loss of a batch, its scaled gradients for the network's trainable variables, and the logits.

        Args:
            images: [batch, height, width, 1], augmented and mixed.
            labels: [batch, classes].
            weights: [batch], of the samples.
        """
        with tf.GradientTape() as tape:
            logits = self.network(images, training=True)
            loss = self.compute_loss(x=images, y=labels, y_pred=logits, sample_weight=weights)
            scaled = self.optimizer.scale_loss(loss)
        return loss, tape.gradient(scaled, self.network.trainable_variables), logits

    def copy_average_to(self, network: keras.Model) -> None:
        """Give another network of the same build the averaged weights and the current normalisation statistics."""
        trained = self.average or self.network.trainable_variables
        for target, source in zip(network.trainable_variables, trained, strict=True):
            target.assign(source)
        for target, source in zip(network.non_trainable_variables, self.network.non_trainable_variables, strict=True):
            target.assign(source)

    def _augmented(self, crops: tf.Tensor) -> tf.Tensor:
        if not self.in_pipeline:
            return self.augment(crops, training=True)
        self.augment.seed_generator.next()  # what mixing draws from moves on all the same
        return crops

    def _taught(self, images: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        if self.teacher is None:
            return labels
        answers = tf.nn.softmax(self.teacher(tf.cast(images, tf.float32)))
        return (1 - TEACHER_SHARE) * labels + TEACHER_SHARE * tf.cast(answers, labels.dtype)

    def _follow(self, variables: list[keras.Variable]) -> None:
        if not self.average:
            return
        step = tf.cast(self.optimizer.iterations, tf.float32)
        part = 1 - tf.minimum(self.ema_momentum, (1 + step) / (10 + step))
        for average, variable in zip(self.average, variables, strict=True):
            average.assign_add(part * (tf.cast(variable, tf.float32) - average))


def _copies(variables: list[keras.Variable]) -> list[keras.Variable]:
    return [
        keras.Variable(keras.ops.convert_to_numpy(v), trainable=False, dtype="float32", name=f"average_{n}")
        for n, v in enumerate(variables)
    ]
