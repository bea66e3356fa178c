from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import ops

from keras_cwp.config import ModelConfig
from keras_cwp.models.build import build_model
from keras_cwp.models.probed import PROBE_POOL, features_layer, probed
from keras_cwp.models.stages import pooled_stages, stage_layers


@pytest.mark.parametrize(
    ("arch", "channels"),
    [
        ("shufflenet_v2_x0_5", [24, 24, 48, 96, 1024]),
        ("authors_eca", [24, 24, 120, 240, 480]),
        ("efficientnet_lite0", [96, 144, 240, 672, 1280]),
    ],
)
def test_one_tap_a_resolution_and_none_inside_a_unit(arch: str, channels: list[int]) -> None:
    stages = stage_layers(build_model(ModelConfig(arch=arch), 3, 64))
    assert [layer.output.shape[1] for layer in stages] == [32, 16, 8, 4, 2]
    assert [layer.output.shape[-1] for layer in stages] == channels
    assert stages[-1].name == "features"


def small() -> keras.Model:
    """Three convolutions, the second with a way around it."""
    image = keras.Input((8, 8, 1), name="image")
    first = keras.layers.Conv2D(2, 3, 2, padding="same", name="first")(image)
    around = keras.layers.Conv2D(2, 3, padding="same", name="around")(first)
    joined = keras.layers.Add(name="joined")([first, around])
    last = keras.layers.Conv2D(3, 3, 2, padding="same", name="features")(joined)
    pooled = keras.layers.GlobalAveragePooling2D(name="pool")(last)
    return keras.Model(image, keras.layers.Dense(2, name="logits")(pooled), name="small")


def test_a_branch_is_never_tapped() -> None:
    assert [layer.name for layer in stage_layers(small())] == ["joined", "features"]


def test_the_probe_sees_the_means_of_the_stages() -> None:
    model = small()
    images = np.random.default_rng(0).random((3, 8, 8, 1), "float32")
    means = np.concatenate([ops.convert_to_numpy(stage) for stage in pooled_stages(model)(images)], axis=1)
    probe = probed(model, 4)
    pooled = keras.Model(probe.input, probe.get_layer(PROBE_POOL).output)(images)
    np.testing.assert_allclose(pooled, means, rtol=1e-5)
    assert probe.output_shape == (None, 4)
    assert [weight.path for weight in probe.trainable_variables] == ["logits/kernel", "logits/bias"]


def test_the_head_of_a_probe_sees_all_stages() -> None:
    model = build_model(ModelConfig(), 3, 64)
    assert features_layer(model) == "features"
    assert features_layer(probed(model, 3)) == "probe_features"
