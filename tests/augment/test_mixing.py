"""Mixing: partners, and labels and weights that stay right."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from keras_cwp.augment.mixing import MixDraw, draw_mix, mix
from keras_cwp.augment.policy import Mixing

RNG = np.random.default_rng(0)
IMAGES = RNG.random((4, 32, 32, 1)).astype(np.float32)
LABELS = np.eye(3, dtype=np.float32)[[0, 1, 2, 0]]
WEIGHTS = np.array([1.0, 2.0, 0.5, 0.0], np.float32)
LOGITS = RNG.normal(size=(4, 3)).astype(np.float32)


def draw_of(partner: list[int], share: list[float], patch: list[bool]) -> MixDraw:
    place = tf.constant([[0.5, 0.5], [0.0, 0.0], [0.3, 0.8], [1.0, 0.2]])
    return MixDraw(tf.constant(partner), tf.constant(share), tf.constant(patch), place)


def test_mixup_by_hand() -> None:
    draw = draw_of([1, 0, 3, 2], [0.75, 1.0, 0.5, 0.25], [False] * 4)
    images, labels, weights = mix(IMAGES, LABELS, None, draw)
    np.testing.assert_allclose(images[0], 0.75 * IMAGES[0] + 0.25 * IMAGES[1], atol=1e-6)
    np.testing.assert_array_equal(images[1], IMAGES[1])
    np.testing.assert_allclose(labels, [[0.75, 0.25, 0], [0, 1, 0], [0.5, 0, 0.5], [0.25, 0, 0.75]], atol=1e-6)
    np.testing.assert_allclose(weights, 1)


def test_cutmix_labels_are_the_pixels_that_are_seen() -> None:
    draw = draw_of([1, 2, 3, 0], [0.6, 0.6, 0.5, 1.0], [True] * 4)
    images, labels, _ = mix(IMAGES, LABELS, None, draw)
    own = (images.numpy() == IMAGES).mean(axis=(1, 2, 3))
    other = (images.numpy() == IMAGES[[1, 2, 3, 0]]).mean(axis=(1, 2, 3))
    np.testing.assert_allclose(own + other, 1)
    assert own[0] == pytest.approx(0.6, abs=0.03)
    assert own[1] == pytest.approx(0.9, abs=0.02)  # a rectangle about a corner: a quarter of it is inside
    expected = own[:, None] * LABELS + other[:, None] * LABELS[[1, 2, 3, 0]]
    np.testing.assert_allclose(labels, expected, atol=1e-6)


@pytest.mark.parametrize("patch", [False, True])
def test_weighted_loss_of_a_mixture_is_the_mixture_of_weighted_losses(patch: bool) -> None:
    draw = draw_of([3, 2, 1, 0], [0.7, 0.4, 0.9, 0.2], [patch] * 4)
    images, labels, weights = mix(IMAGES, LABELS, WEIGHTS, draw)
    share = 1 - np.array([0.3, 0.6, 0.1, 0.8])
    if patch:
        share = (images.numpy() == IMAGES).mean(axis=(1, 2, 3))
    entropy = keras.losses.CategoricalCrossentropy(from_logits=True, reduction=None)
    expected = share * WEIGHTS * entropy(LABELS, LOGITS)
    expected += (1 - share) * WEIGHTS[::-1] * entropy(LABELS[::-1].copy(), LOGITS)
    np.testing.assert_allclose(weights * entropy(labels, LOGITS), expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(np.sum(labels, axis=1), 1, rtol=1e-6)


def test_images_of_one_patient_are_left_alone_where_patients_are_given() -> None:
    draw = draw_of([1, 2, 3, 0], [0.5] * 4, [False, True, False, True])
    images, labels, _ = mix(IMAGES, LABELS, None, draw, patients=tf.constant([7, 7, 7, 8]))
    for row in (0, 1):
        np.testing.assert_array_equal(images[row], IMAGES[row])
        np.testing.assert_array_equal(labels[row], LABELS[row])
    assert (images[2].numpy() != IMAGES[2]).any()


@pytest.mark.parametrize("alpha", [0.3, 1.0, 4.0])
def test_shares_are_beta_and_as_often_as_said(alpha: float) -> None:
    draw = draw_mix(Mixing(mixup_alpha=alpha, probability=0.5), 20_000, tf.constant([1, 2], tf.int64))
    mixed = draw.share.numpy()[draw.share.numpy() < 1]
    assert len(mixed) / 20_000 == pytest.approx(0.5, abs=0.02)
    assert stats.kstest(mixed, stats.beta(alpha, alpha).cdf).pvalue > 1e-4


def test_partners_are_a_permutation_without_a_fixed_point() -> None:
    partner = draw_mix(Mixing(mixup_alpha=1), 50, tf.constant([3, 2], tf.int64)).partner.numpy()
    np.testing.assert_array_equal(np.sort(partner), np.arange(50))
    assert (partner != np.arange(50)).all()


def test_both_kinds_are_drawn_when_both_are_asked_for() -> None:
    draw = draw_mix(Mixing(mixup_alpha=1, cutmix_alpha=1), 4000, tf.constant([3, 3], tf.int64))
    assert draw.patch.numpy().mean() == pytest.approx(0.5, abs=0.04)
    assert not draw_mix(Mixing(mixup_alpha=1), 40, tf.constant([3, 3], tf.int64)).patch.numpy().any()
    assert draw_mix(Mixing(cutmix_alpha=1), 40, tf.constant([3, 3], tf.int64)).patch.numpy().all()


def test_a_batch_of_one_mixes_with_itself_and_float16_stays() -> None:
    draw = draw_mix(Mixing(mixup_alpha=1, probability=1), 1, tf.constant([3, 3], tf.int64))
    images, labels, weights = mix(tf.constant(IMAGES[:1], tf.float16), tf.constant(LABELS[:1]), None, draw)
    assert images.dtype == tf.float16
    np.testing.assert_allclose(images, IMAGES[:1], atol=2e-3)
    np.testing.assert_allclose(labels, LABELS[:1], rtol=1e-6)
    np.testing.assert_allclose(weights, [1], rtol=1e-6)
