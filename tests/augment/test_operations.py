"""The table carries all that an operation needs: a row that is put into it works everywhere."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf

from keras_cwp.augment import draw
from keras_cwp.augment.follow import follow_points
from keras_cwp.augment.layer import Augment
from keras_cwp.augment.operations import OPERATIONS, Field, Operation
from keras_cwp.augment.policy import load_policy
from keras_cwp.augment.preview import describe
from keras_cwp.augment.tta import geometric_part
from keras_cwp.errors import ConfigError

SIDE, MARGIN, BATCH = 16, 4, 64
CROPS = np.random.default_rng(0).random((BATCH, SIDE + 2 * MARGIN, SIDE + 2 * MARGIN, 1)).astype(np.float32)
VIEWS = CROPS[:, MARGIN:-MARGIN, MARGIN:-MARGIN]
SEED = tf.constant([1, 2], tf.int64)


def layer_of(**operations: dict) -> Augment:
    return Augment({"operations": operations}, SIDE, MARGIN, seed=0, jit_compile=False)


@pytest.fixture
def dots(monkeypatch) -> Field:
    """Two toy operations and a toy field, by rows of the table alone: white dots on the view, and a jump sideways."""
    field = Field("dots", 8, lambda _, side_px: [side_px, side_px, 1], "share")

    def put_dots(images: tf.Tensor, share: tf.Tensor, places: tf.Tensor) -> tf.Tensor:
        return tf.where(places < share[:, None, None, None], 1.0, images)

    def jump(motion, pixels: tf.Tensor):
        return replace(motion, shift=motion.shift + tf.stack([pixels, 0 * pixels], axis=1))

    dots = Operation("erasing", 0, "linear", 1, 0, 0.5, "share of the view", "dots {:.0%}", put_dots, field)
    jumps = Operation("geometry", 0, "linear", 1, -2, 2, "pixels to the right", "jump {:+.0f}", jump)
    monkeypatch.setitem(OPERATIONS, "dots", dots)
    monkeypatch.setitem(OPERATIONS, "jump_px", jumps)
    return field


def test_a_row_of_intensity_is_checked_drawn_applied_and_described(dots: Field) -> None:
    with pytest.raises(
        ConfigError, match=r"operations.dots: range \[0, 1\] must be .* \[0, 0.5\] \(share of the view\)"
    ):
        load_policy({"operations": {"dots": {"range": [0, 1]}}})
    layer = layer_of(dots={"range": [0.1, 0.3]})
    drawn = layer.draw(BATCH, SEED)
    share, places = drawn["dots"].numpy(), drawn[dots.key].numpy()
    assert places.shape == (BATCH, SIDE, SIDE, 1)
    assert (share >= 0.1).all()
    assert (share <= 0.3).all()
    expected = np.where(places < share[:, None, None, None], 1, VIEWS)
    np.testing.assert_array_equal(layer.apply(CROPS, drawn), expected)
    assert describe({"dots": share}, BATCH)[0] == f"dots {share[0]:.0%}"


@pytest.mark.usefixtures("dots")
def test_a_row_of_geometry_moves_pixels_and_points_and_is_part_of_test_time_augmentation() -> None:
    layer = layer_of(jump_px={"range": [1, 1]}, dots={"range": [0, 0.1]})
    assert list(geometric_part(load_policy(layer.policy)).operations) == ["jump_px"]
    moved = layer_of(jump_px={"range": [1, 1]})
    drawn = moved.draw(BATCH, SEED)
    expected = CROPS[:, MARGIN:-MARGIN, MARGIN - 1 : -MARGIN - 1]
    np.testing.assert_allclose(moved.apply(CROPS, drawn), expected, atol=1e-5)
    point = tf.fill([BATCH, 1, 2], float(MARGIN + 5))
    seen = follow_points(point, drawn, load_policy(moved.policy), SIDE, MARGIN).numpy()
    np.testing.assert_allclose(seen, np.broadcast_to([6.0, 5.0], seen.shape), atol=1e-5)


@pytest.mark.usefixtures("dots")
def test_another_row_does_not_move_the_draws_of_the_others() -> None:
    alone, both = layer_of(erase={"range": [0, 0.2]}), layer_of(erase={"range": [0, 0.2]}, dots={"range": [0, 0.1]})
    np.testing.assert_array_equal(alone.draw(BATCH, SEED)["erase/field"], both.draw(BATCH, SEED)["erase/field"])


def test_rows_with_one_function_are_carried_out_once_with_the_neutral_value_of_what_is_not_drawn() -> None:
    views = VIEWS * 0.5 + 0.25
    crops = np.pad(views, ((0, 0), (MARGIN, MARGIN), (MARGIN, MARGIN), (0, 0)))
    factors = {"exposure": tf.fill([BATCH], 0.1), "contrast": tf.fill([BATCH], 1.2)}
    mean = views.mean(axis=(1, 2, 3), keepdims=True)
    layer = layer_of()
    np.testing.assert_allclose(layer.apply(crops, factors), (views - mean) * 1.2 + mean + 0.1, atol=1e-6)
    for name, expected in (("exposure", views + 0.1), ("contrast", (views - mean) * 1.2 + mean)):
        np.testing.assert_allclose(layer.apply(crops, {name: factors[name]}), expected, atol=1e-6)


def test_every_stream_is_of_one_field_only() -> None:
    fields = {row.field for row in OPERATIONS.values() if row.field}
    streams = [field.stream for field in fields] + [draw.FACTORS, draw.CHOICE, draw.MIX]
    assert len(set(streams)) == len(streams)
    assert len({field.name for field in fields}) == len(fields)
