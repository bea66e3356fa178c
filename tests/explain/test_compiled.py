"""Compiled maps are those of `heat_maps`, with the same test."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support.small_run import write_model

from keras_cwp.api.model import Model
from keras_cwp.explain.compiled import CompiledMaps
from keras_cwp.explain.trust import randomised, try_maps


@pytest.mark.parametrize("count", [1, 5])
def test_maps_and_their_test_are_those_of_try_maps(tmp_path: Path, count: int) -> None:
    write_model(tmp_path)
    network = Model(tmp_path).network
    compiled = CompiledMaps(network)
    images = np.random.default_rng(0).uniform(size=(count, compiled.side, compiled.side, 1)).astype(np.float32)
    index = np.arange(count) % 3
    found = compiled.try_maps(images, index)
    expected = try_maps(network, randomised(network), images, index, "layercam")
    for name in ("logits", "maps", "fall", "fall_random"):
        np.testing.assert_allclose(getattr(found, name), getattr(expected, name), rtol=1e-3, atol=1e-5, err_msg=name)
    assert found.maps.any(axis=(1, 2)).all()
