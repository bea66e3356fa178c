from __future__ import annotations

import numpy as np
import pytest
from keras import ops
from support.layer_contract import check_layer

from keras_cwp.layers.channel_shuffle import ChannelShuffle


@pytest.mark.parametrize(
    ("groups", "dealt"),
    [(1, [0, 1, 2, 3, 4, 5]), (2, [0, 3, 1, 4, 2, 5]), (3, [0, 2, 4, 1, 3, 5]), (6, [0, 1, 2, 3, 4, 5])],
)
def test_deals_the_groups_out_in_turn(groups: int, dealt: list[int]) -> None:
    channels = np.arange(6, dtype="float32")[None, None, None]
    assert ops.convert_to_numpy(ChannelShuffle(groups)(channels))[0, 0, 0].tolist() == dealt


def test_leaves_places_and_images_apart(rng: np.random.Generator) -> None:
    images = rng.random((2, 3, 4, 6), "float32")
    expected = images[..., [0, 3, 1, 4, 2, 5]]
    np.testing.assert_array_equal(ops.convert_to_numpy(ChannelShuffle(2)(images)), expected)


def test_contract(tmp_path, rng: np.random.Generator) -> None:
    check_layer(ChannelShuffle(3), rng.random((2, 4, 3, 12), "float32"), tmp_path, weights=0)


def test_refuses_what_it_cannot_do() -> None:
    with pytest.raises(ValueError, match="groups must be at least 1, got 0"):
        ChannelShuffle(0)
    with pytest.raises(ValueError, match="7 channels do not divide into 2 groups"):
        ChannelShuffle(2).build((None, 4, 4, 7))
