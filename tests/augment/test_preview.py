"""The preview: which ROIs, what is written under each, and files that open."""

from __future__ import annotations

import io

import numpy as np
import tensorflow as tf
from PIL import Image

from keras_cwp.augment.layer import Augment
from keras_cwp.augment.preview import animation, choose_rows, contact_sheet, describe, drawn_views

CROPS = np.random.default_rng(0).random((3, 48, 48, 1)).astype(np.float32)


def test_rows_come_from_each_class_by_turns() -> None:
    labels = np.array([0] * 50 + [1] * 3 + [2] * 2)
    rows = choose_rows(labels, 7, seed=1)
    assert labels[rows].tolist() == [0, 1, 2, 0, 1, 2, 0]
    assert len(set(rows)) == 7
    assert len(choose_rows(labels, 99, seed=1)) == 55
    assert choose_rows(labels, 7, seed=2).tolist() != rows.tolist()


def test_captions_say_what_was_drawn_and_leave_out_what_was_not() -> None:
    draw = {"zoom": np.float32([1.1, 1]), "shift": np.float32([[0.05, -0.1], [0, 0]]), "flip_x": np.float32([1, 0])}
    assert describe(draw, 2) == ["flipped ↔, zoom ×1.10, shift +5% -10%", "unchanged"]


def test_sheet_and_animation_open_and_begin_with_the_original() -> None:
    layer = Augment("randaugment", 32, 8, seed=1, jit_compile=False)
    views, captions = drawn_views(layer, CROPS, draws=2, seed=4)
    assert views.shape == (3, 3, 32, 32)
    assert [len(row) for row in captions] == [3, 3, 3]
    np.testing.assert_array_equal(views[:, 0], CROPS[:, 8:40, 8:40, 0])
    draw = layer.draw(3, tf.constant([4, 1], tf.int64))
    np.testing.assert_allclose(views[:, 2], layer.apply(CROPS, draw)[..., 0], atol=1e-6)
    with Image.open(io.BytesIO(contact_sheet(views, captions, ["a", "b", "c"], "title"))) as sheet:
        assert sheet.width > 3 * 100
    with Image.open(io.BytesIO(animation(views))) as gif:
        assert gif.n_frames == 3
        assert gif.size == (3 * 32, 32)
        np.testing.assert_allclose(np.array(gif.convert("L")), np.hstack(list(views[:, 0])) * 255, atol=4)
