"""Losses: by hand, against Keras, and TensorFlow Addons' golden numbers."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_cwp.config import TrainConfig
from keras_cwp.training.losses import (
    CumulativeCrossEntropy,
    FocalCrossEntropy,
    make_loss,
    sigmoid_focal_loss,
    smooth_labels,
)

LOGITS = np.random.default_rng(0).normal(0, 2, (6, 3)).astype(np.float32)
LABELS = np.eye(3, dtype=np.float32)[[0, 1, 2, 0, 1, 2]]


def test_sigmoid_focal_loss_is_that_of_tensorflow_addons(shared: Path) -> None:
    with np.load(shared / "golden" / "tensorflow_addons_0.23.npz", allow_pickle=False) as golden:
        labels = np.eye(3, dtype=np.float32)[golden["labels"]]
        ours = sigmoid_focal_loss(labels, golden["logits"], 0.25, 2.0)
        np.testing.assert_allclose(ours, golden["sigmoid_focal_loss_a0p25_g2"], atol=1e-6)


@pytest.mark.parametrize(
    ("probability", "gamma", "expected"),
    [(0.5, 0.0, np.log(2)), (0.5, 2.0, np.log(2) / 4), (0.9, 2.0, -0.01 * np.log(0.9)), (0.1, 1.0, -0.9 * np.log(0.1))],
)
def test_focal_of_two_classes_by_hand(probability: float, gamma: float, expected: float) -> None:
    logits = np.log([[probability, 1 - probability]]).astype(np.float32)
    loss = FocalCrossEntropy(gamma)(np.array([[1.0, 0.0]], np.float32), logits)
    assert float(loss) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_gamma_zero_is_cross_entropy(smoothing: float) -> None:
    ours = FocalCrossEntropy(0.0, smoothing)(LABELS, LOGITS)
    theirs = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=smoothing)(LABELS, LOGITS)
    assert float(ours) == pytest.approx(float(theirs), rel=1e-6)


def test_a_mixed_label_costs_the_mixture_of_both() -> None:
    loss = FocalCrossEntropy(2.0, reduction=None)
    mixed = loss(0.3 * LABELS + 0.7 * LABELS[::-1], LOGITS)
    np.testing.assert_allclose(mixed, 0.3 * loss(LABELS, LOGITS) + 0.7 * loss(LABELS[::-1].copy(), LOGITS), rtol=1e-5)


def test_sample_weights_weigh() -> None:
    each = FocalCrossEntropy(2.0, reduction=None)(LABELS, LOGITS).numpy()
    weights = np.array([0, 1, 2, 3, 0, 1], np.float32)
    weighted = FocalCrossEntropy(2.0)(LABELS, LOGITS, sample_weight=weights)
    assert float(weighted) == pytest.approx(np.sum(each * weights) / len(each), rel=1e-6)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_loss_and_gradient_are_finite_however_sure_the_network_is(gamma: float) -> None:
    logits = tf.constant([[200.0, -200.0, 0.0], [-200.0, 200.0, 0.0]])
    with tf.GradientTape() as tape:
        tape.watch(logits)
        loss = FocalCrossEntropy(gamma)(LABELS[[0, 0]], logits)
    assert np.isfinite(loss)
    assert np.isfinite(tape.gradient(loss, logits)).all()


def test_smoothing_spreads_over_all_classes() -> None:
    np.testing.assert_allclose(smooth_labels(LABELS[:1], 0.3), [[0.8, 0.1, 0.1]], rtol=1e-6)


def test_make_loss_follows_the_configuration() -> None:
    focal = make_loss(TrainConfig(loss="focal", focal_gamma=1.5, label_smoothing=0.1))
    assert isinstance(focal, FocalCrossEntropy)
    assert (focal.gamma, focal.label_smoothing) == (1.5, 0.1)
    plain = make_loss(TrainConfig(loss="cross_entropy", label_smoothing=0.0))
    log_p = LOGITS - np.log(np.exp(LOGITS).sum(axis=1, keepdims=True))
    assert float(plain(LABELS, LOGITS)) == pytest.approx(-np.mean(np.sum(LABELS * log_p, axis=1)), rel=1e-5)


def test_focal_survives_serialisation() -> None:
    loss = keras.losses.deserialize(keras.losses.serialize(FocalCrossEntropy(1.5, 0.1)))
    assert (loss.gamma, loss.label_smoothing) == (1.5, 0.1)


def test_focal_refuses_what_it_cannot_be() -> None:
    with pytest.raises(ValueError, match=r"gamma must not be negative .* got -1"):
        FocalCrossEntropy(-1)


def test_cumulative_loss_by_hand() -> None:
    """Of the order 2, 0, 1 the second step is "worse than 0", which is class 1 alone."""
    p = np.array([0.2, 0.3, 0.5])
    loss = CumulativeCrossEntropy((2, 0, 1), reduction=None)
    found = loss(np.eye(3, dtype=np.float32), np.log(np.tile(p, (3, 1))).astype(np.float32))
    expected = [-np.log(0.5) - np.log(0.7), -np.log(0.5) - np.log(0.3), -np.log(0.5) - np.log(0.7)]
    np.testing.assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_cumulative_loss_of_two_classes_is_cross_entropy(smoothing: float) -> None:
    labels, logits = LABELS[:2, :2], LOGITS[:2, :2]
    ours = CumulativeCrossEntropy((1, 0), smoothing)(labels, logits)
    theirs = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=smoothing)(labels, logits)
    assert float(ours) == pytest.approx(float(theirs), rel=1e-6)


def test_cumulative_loss_is_least_at_the_shares_of_a_soft_label() -> None:
    shares = tf.constant([[0.2, 0.5, 0.3]])
    logits = tf.Variable([[0.3, -0.8, 1.1]])
    loss = CumulativeCrossEntropy((0, 1, 2))
    for _ in range(300):
        with tf.GradientTape() as tape:
            value = loss(shares, logits)
        logits.assign_sub(tape.gradient(value, logits))
    np.testing.assert_allclose(tf.nn.softmax(logits), shares, atol=1e-3)


def test_cumulative_loss_costs_more_the_farther_off_and_is_finite() -> None:
    loss = CumulativeCrossEntropy((0, 1, 2), reduction=None)
    near, far = loss(LABELS[[0, 0]], np.array([[0, 3, 0], [0, 0, 3]], np.float32))
    assert far > near
    logits = tf.constant([[200.0, -200.0, 0.0], [-200.0, 200.0, 0.0]])
    with tf.GradientTape() as tape:
        tape.watch(logits)
        value = loss(LABELS[[1, 2]], logits)
    assert np.isfinite(value).all()
    assert np.isfinite(tape.gradient(value, logits)).all()


def test_cumulative_loss_survives_serialisation_and_refuses_no_order() -> None:
    loss = keras.losses.deserialize(keras.losses.serialize(make_loss(TrainConfig(loss="cumulative"), (1, 0, 2))))
    assert (loss.order, loss.label_smoothing) == ((1, 0, 2), 0.1)
    for order in ((0, 0, 1), (0,), ()):
        with pytest.raises(ValueError, match=r"order must have each class once"):
            CumulativeCrossEntropy(order)
