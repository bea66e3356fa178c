"""The weights that come with the package: what the file holds, and what it must not have seen."""

from __future__ import annotations

import csv
import importlib.util
from pathlib import Path

import keras
import numpy as np
import pytest

from keras_cwp.audit.lookalikes import alike
from keras_cwp.config import DataConfig, ModelConfig, load_config
from keras_cwp.data.fingerprints import look_of
from keras_cwp.data.radiographs.radiograph import read_radiograph
from keras_cwp.errors import ModelError
from keras_cwp.models.build import build_model
from keras_cwp.models.weight_notes import SHIPPED, looks_of, shipped, shipped_looks

ARCH = "shufflenet_v2_x0_5"
MOST_BYTES = 2_000_000


def test_the_file_is_small_and_safe() -> None:
    path = shipped(ARCH)
    assert path.stat().st_size <= MOST_BYTES
    assert {file.suffix for file in SHIPPED.iterdir()} == {".safetensors"}
    assert importlib.util.find_spec("torch") is None or path.read_bytes()[:4] != b"PK\x03\x04"  # no zip, no pickle


def test_the_default_settings_start_from_it() -> None:
    config = load_config("default").model
    assert (config.weights, config.arch) == ("cxr", ARCH)
    network = build_model(config, 3, 96)
    again = build_model(config, 3, 96)
    fresh = build_model(ModelConfig(), 3, 96)
    first = next(layer for layer in network.layers if layer.weights).name
    for name in (first, "last"):
        loaded, other = network.get_layer(name).get_weights()[0], again.get_layer(name).get_weights()[0]
        np.testing.assert_array_equal(loaded, other)
        assert np.abs(loaded - fresh.get_layer(name).get_weights()[0]).max() > 1e-3
    logits = keras.ops.convert_to_numpy(network(np.random.default_rng(0).random((2, 96, 96, 1)).astype("float32")))
    assert np.isfinite(logits).all()


def test_other_networks_have_none() -> None:
    with pytest.raises(ModelError, match=f"no such weights of shufflenet_v2_x2_0 are shipped, only of: {ARCH}"):
        build_model(ModelConfig(arch="shufflenet_v2_x2_0", weights="cxr"), 3, 96)


def test_it_says_what_it_was_made_from() -> None:
    looks = looks_of(ModelConfig(weights="cxr"))
    assert len(looks) > 3000
    assert looks == sorted(set(looks)) == shipped_looks()


@pytest.mark.parametrize("name", ["cwp_sim/rois.csv", "pediatric_cxr/labels.csv"])
def test_no_radiograph_that_figures_are_reported_for_was_seen(name: str, shared: Path) -> None:
    table = shared / "data" / name
    with open(table, newline="", encoding="utf-8") as file:
        images = sorted({row["image"] for row in csv.DictReader(file)})
    looks = [look_of(read_radiograph(table.parent / "images" / image, DataConfig()).pixels) for image in images]
    assert alike(looks, shipped_looks()) == []
