from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import ops

from keras_cwp.config import ModelConfig
from keras_cwp.errors import ModelError
from keras_cwp.layers.eca import ECA
from keras_cwp.models.authors import authors_eca
from keras_cwp.models.build import build_model
from keras_cwp.models.presets import AUTHORS, PRESETS, AuthorsPreset, BaselinePreset, LitePreset, ShuffleNetPreset
from keras_cwp.models.shufflenet import shufflenet_v2
from keras_cwp.training.fused_adamw import FusedAdamW

SHUFFLENETS = [arch for arch, preset in PRESETS.items() if isinstance(preset, ShuffleNetPreset)]


def trainable(model: keras.Model) -> int:
    return sum(int(np.prod(weight.shape)) for weight in model.trainable_variables)


@pytest.mark.parametrize("arch", SHUFFLENETS)
def test_parameter_count_stands_in_the_row(arch: str) -> None:
    preset = PRESETS[arch]
    model = shufflenet_v2(preset, 1000, 64, channels=3, mean=(0, 0, 0), std=(1, 1, 1))
    assert trainable(model) == preset.parameters


def test_authors_parameter_count_stands_in_the_row() -> None:
    model = authors_eca(3, 256, channels=3, mean=(0, 0, 0), std=(1, 1, 1))
    assert trainable(model) == AUTHORS.parameters


@pytest.mark.slow
@pytest.mark.parametrize("arch", [arch for arch, preset in PRESETS.items() if isinstance(preset, BaselinePreset)])
def test_baseline_is_the_published_network(arch: str) -> None:
    preset = PRESETS[arch]
    assert getattr(keras.applications, preset.application)(weights=None).count_params() == preset.parameters
    model = build_model(ModelConfig(arch=arch, dropout=0), 3, 96)
    images = np.random.default_rng(0).random((2, 96, 96, 1), "float32")
    assert ops.convert_to_numpy(model(images)).shape == (2, 3)
    assert model.get_layer("features").output.shape[-1] == model.get_layer("logits").kernel.shape[0]


@pytest.mark.parametrize(
    ("place", "gates"),
    # 16 units; 13 of stride 1 with three convolutions, 3 of stride 2 with five
    [("none", 0), ("unit", 16), ("every_conv", 13 * 3 + 3 * 5), ("stem_head", 2)],
)
def test_eca_stands_where_it_is_asked_for(place: str, gates: int) -> None:
    model = build_model(ModelConfig(eca=place), 3, 64)
    assert sum(isinstance(layer, ECA) for layer in model.layers) == gates


def test_default_eca_costs_few_parameters() -> None:
    with_eca, without = (trainable(build_model(ModelConfig(eca=place), 3, 64)) for place in ("unit", "none"))
    assert with_eca - without == 16 * 3  # three taps for 24, 48 and 96 channels


@pytest.mark.slow
@pytest.mark.parametrize("arch", ["shufflenet_v2_x0_5", "authors_eca"])
def test_grey_in_logits_out_and_it_learns(arch: str) -> None:
    keras.utils.set_random_seed(0)
    model = build_model(ModelConfig(arch=arch, dropout=0.1), 2, 64)
    assert model.input_shape == (None, 64, 64, 1)
    assert model.output.dtype == "float32"
    labels = np.arange(16) % 2
    images = np.random.default_rng(0).random((16, 64, 64, 1), "float32") * 0.5 + 0.5 * labels[:, None, None, None]
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(FusedAdamW(1e-3, weight_decay=0.0), loss, jit_compile=False)
    losses = [model.train_on_batch(images, labels) for _ in range(12)]
    assert losses[-1] < 0.5 * losses[0]


def test_saved_network_is_the_same(tmp_path) -> None:
    model = build_model(ModelConfig(), 3, 64)
    model.save(tmp_path / "m.keras")
    images = np.random.default_rng(0).random((2, 64, 64, 1), "float32")
    again = keras.models.load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(again(images), model(images))


def test_mixed_precision_keeps_float32_logits() -> None:
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = build_model(ModelConfig(), 3, 64)
    finally:
        keras.config.set_dtype_policy("float32")
    logits = model(np.random.default_rng(0).random((2, 64, 64, 1), "float32"), training=True)
    assert logits.dtype == "float32"
    assert np.isfinite(logits).all()


def test_refuses_what_it_cannot_build() -> None:
    with pytest.raises(ModelError, match="unknown architecture 'lenet'; known: shufflenet_v2_x0_5, "):
        build_model(ModelConfig(arch="lenet"), 3, 64)
    with pytest.raises(ModelError, match="inception_v3: needs images of 75 px or more, got 64"):
        build_model(ModelConfig(arch="inception_v3"), 3, 64)


def test_every_row_is_of_a_known_kind() -> None:
    kinds = (ShuffleNetPreset, AuthorsPreset, BaselinePreset, LitePreset)
    assert [arch for arch, preset in PRESETS.items() if not isinstance(preset, kinds)] == []
