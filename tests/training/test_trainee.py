"""A training step against one written out by hand."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_cwp.augment.layer import Augment
from keras_cwp.training.trainee import Trainee


class Shift(Augment):
    """Adds 1 while training: an augmentation whose effect is easy to see."""

    def __init__(self, mixing=None):
        super().__init__("none", image_size=2, margin=0, seed=1, jit_compile=False)
        self.mixing = mixing

    def call(self, images, training=False):
        return images + 1.0 if training else images

    def mix(self, images, labels, weights=None, patients=None, seed=None):
        return self.mixing(images, labels, weights, patients) if self.mixing else (images, labels, weights)


def linear_network(value=1.0):
    inputs = keras.Input((2, 2, 1))
    flat = keras.layers.Flatten()(inputs)
    return keras.Model(inputs, keras.layers.Dense(2, kernel_initializer=keras.initializers.Constant(value))(flat))


def compiled(momentum, mixing=None, in_pipeline=False, teacher=None):
    trainee = Trainee(linear_network(), Shift(mixing), in_pipeline, momentum, teacher)
    trainee.compile(
        keras.optimizers.SGD(0.5),
        keras.losses.CategoricalCrossentropy(from_logits=True),
        jit_compile=False,
    )
    return trainee


PATIENTS = np.array([4, 4, 7], dtype=np.int32)
IMAGES = np.arange(12, dtype=np.float32).reshape(3, 2, 2, 1) / 12
LABELS = np.eye(2, dtype=np.float32)[[0, 1, 1]]
WEIGHTS = np.array([1, 2, 0], dtype=np.float32)


def test_one_step_is_gradient_descent_on_augmented_images():
    trainee = compiled(None)
    trainee.fit((IMAGES, PATIENTS), LABELS, sample_weight=WEIGHTS, batch_size=3, verbose=0)
    flat = IMAGES.reshape(3, 4) + 1
    logits = flat @ np.ones((4, 2))
    share = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    gradient = flat.T @ ((share - LABELS) * WEIGHTS[:, None]) / 3
    np.testing.assert_allclose(trainee.network.trainable_variables[0], 1 - 0.5 * gradient, rtol=1e-5)


def test_a_teachers_answers_to_the_augmented_images_count_as_much_as_the_labels():
    def teacher(images):
        sums = tf.reduce_sum(images, (1, 2, 3))
        return tf.stack([sums, tf.zeros_like(sums)], axis=1)

    trainee = compiled(None, teacher=teacher)
    trainee.fit((IMAGES, PATIENTS), LABELS, sample_weight=WEIGHTS, batch_size=3, verbose=0)
    flat = IMAGES.reshape(3, 4) + 1
    taught = 1 / (1 + np.exp(-flat.sum(1)))
    aims = (LABELS + np.stack([taught, 1 - taught], axis=1)) / 2
    gradient = flat.T @ ((0.5 - aims) * WEIGHTS[:, None]) / 3  # at first both logits are alike
    np.testing.assert_allclose(trainee.network.trainable_variables[0], 1 - 0.5 * gradient, rtol=1e-5)


def test_the_average_follows_by_the_warmed_up_momentum():
    trainee = compiled(0.9)
    start = trainee.network.trainable_variables[0].numpy().copy()
    trainee.fit((IMAGES, PATIENTS), LABELS, batch_size=3, verbose=0)
    first = trainee.network.trainable_variables[0].numpy().copy()
    keep = (1 + 1) / (10 + 1)  # after one step, far below 0.9
    other = linear_network(7.0)
    trainee.copy_average_to(other)
    np.testing.assert_allclose(other.trainable_variables[0], keep * start + (1 - keep) * first, rtol=1e-6)
    np.testing.assert_allclose(trainee.network.trainable_variables[0], first)


def test_without_average_the_weights_themselves_are_copied():
    trainee = compiled(None)
    other = linear_network(7.0)
    trainee.copy_average_to(other)
    np.testing.assert_array_equal(other.trainable_variables[0], trainee.network.trainable_variables[0])


def test_mixing_changes_what_the_loss_sees():
    def only_patient_7_counts(images, labels, weights, patients):
        return images, labels, weights * tf.cast(patients == 7, tf.float32)

    trainee = compiled(None, only_patient_7_counts)  # and that patient's weight is 0
    before = trainee.network.trainable_variables[0].numpy().copy()
    trainee.fit((IMAGES, PATIENTS), LABELS, sample_weight=WEIGHTS, batch_size=3, verbose=0)
    np.testing.assert_array_equal(trainee.network.trainable_variables[0], before)


def test_loss_of_an_epoch_counts_each_image_once():
    trainee = compiled(None)
    trainee.optimizer.learning_rate = 0.0
    history = trainee.fit((IMAGES, PATIENTS), LABELS, batch_size=2, shuffle=False, verbose=0)  # batches of 2 and 1
    logits = trainee.network(IMAGES + 1.0)
    expected = float(keras.losses.CategoricalCrossentropy(from_logits=True)(LABELS, logits))
    assert history.history["loss"][0] == pytest.approx(expected, rel=1e-5)


def test_crops_from_the_pipeline_are_not_augmented_again():
    trainee = compiled(None, in_pipeline=True)
    trainee.optimizer.learning_rate = 0.0
    history = trainee.fit((IMAGES, PATIENTS), LABELS, batch_size=3, verbose=0)
    expected = float(keras.losses.CategoricalCrossentropy(from_logits=True)(LABELS, trainee.network(IMAGES)))
    assert history.history["loss"][0] == pytest.approx(expected, rel=1e-5)
    assert int(trainee.augment.seed_generator.state[1]) == 1  # mixing draws anew in each step
