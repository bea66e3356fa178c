from __future__ import annotations

import numpy as np
import pytest
from keras import ops
from support.layer_contract import check_layer

from keras_cwp.layers.channel_split import ChannelSplit


def test_cuts_the_channels_in_order() -> None:
    parts = ChannelSplit(3)(np.arange(6, dtype="float32")[None, None, None])
    assert [ops.convert_to_numpy(part).ravel().tolist() for part in parts] == [[0, 1], [2, 3], [4, 5]]


def test_contract(tmp_path, rng: np.random.Generator) -> None:
    check_layer(ChannelSplit(2), rng.random((2, 4, 3, 12), "float32"), tmp_path, weights=0)


def test_refuses_what_it_cannot_do() -> None:
    with pytest.raises(ValueError, match="parts must be at least 1, got -1"):
        ChannelSplit(-1)
    with pytest.raises(ValueError, match="7 channels do not divide into 2 parts"):
        ChannelSplit(2).build((None, 4, 4, 7))
