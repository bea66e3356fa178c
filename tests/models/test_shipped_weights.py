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
MOST_BYTES = {ARCH: 2_000_000, "shufflenet_v2_x1_0": 5_000_000}
ALL = sorted(MOST_BYTES)


@pytest.mark.parametrize("arch", ALL)
def test_the_file_is_small_and_safe(arch: str) -> None:
    path = shipped(arch)
    assert path.stat().st_size <= MOST_BYTES[arch]
    assert {file.suffix for file in SHIPPED.iterdir()} == {".safetensors"}
    assert importlib.util.find_spec("torch") is None or path.read_bytes()[:4] != b"PK\x03\x04"  # no zip, no pickle


@pytest.mark.parametrize("arch", ALL)
def test_the_default_settings_start_from_it(arch: str) -> None:
    default = load_config("default").model
    assert (default.weights, default.arch) == ("cxr", ARCH)
    config = default.model_copy(update={"arch": arch})
    network = build_model(config, 3, 96)
    again = build_model(config, 3, 96)
    fresh = build_model(ModelConfig(arch=arch), 3, 96)
    first = next(layer for layer in network.layers if layer.weights).name
    for name in (first, "last"):
        loaded, other = network.get_layer(name).get_weights()[0], again.get_layer(name).get_weights()[0]
        np.testing.assert_array_equal(loaded, other)
        assert np.abs(loaded - fresh.get_layer(name).get_weights()[0]).max() > 1e-3
    logits = keras.ops.convert_to_numpy(network(np.random.default_rng(0).random((2, 96, 96, 1)).astype("float32")))
    assert np.isfinite(logits).all()


def test_other_networks_have_none() -> None:
    with pytest.raises(
        ModelError, match=f"no such weights of shufflenet_v2_x2_0 are shipped, only of: {', '.join(ALL)};"
    ):
        build_model(ModelConfig(arch="shufflenet_v2_x2_0", weights="cxr"), 3, 96)


@pytest.mark.parametrize("arch", ALL)
def test_it_says_what_it_was_made_from(arch: str) -> None:
    looks = looks_of(ModelConfig(arch=arch, weights="cxr"))
    assert len(looks) > 3000
    assert looks == sorted(set(looks)) == shipped_looks()


@pytest.mark.parametrize("name", ["cwp_sim/rois.csv", "pediatric_cxr/labels.csv"])
def test_no_radiograph_that_figures_are_reported_for_was_seen(name: str, shared: Path) -> None:
    table = shared / "data" / name
    with open(table, newline="", encoding="utf-8") as file:
        images = sorted({row["image"] for row in csv.DictReader(file)})
    looks = [look_of(read_radiograph(table.parent / "images" / image, DataConfig()).pixels) for image in images]
    assert alike(looks, shipped_looks()) == []
