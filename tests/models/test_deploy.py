from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import ops
from support.trained import REAL_NETWORKS, as_trained, real_network

from keras_cwp.config import ModelConfig
from keras_cwp.models.build import build_model
from keras_cwp.models.deploy import deploy
from keras_cwp.models.plan import plan
from keras_cwp.models.pretrained import read_network


def largest_difference(model: keras.Model, images: np.ndarray) -> float:
    both = [ops.convert_to_numpy(ops.softmax(network(images))) for network in (model, deploy(model))]
    return float(np.abs(both[0] - both[1]).max())


@pytest.mark.parametrize("arch", ["shufflenet_v2_x0_5", "shufflenet_v2_x1_5"])
@pytest.mark.parametrize("eca", ["none", "unit"])
@pytest.mark.parametrize("side", [64, 95])
def test_probabilities_are_the_same(arch: str, eca: str, side: int, rng: np.random.Generator) -> None:
    model = as_trained(build_model(ModelConfig(arch=arch, eca=eca), 3, side), rng)
    assert largest_difference(model, rng.random((3, side, side, 1), "float32")) <= 1e-5


@pytest.mark.parametrize("kind", REAL_NETWORKS, ids=str)
def test_lite_networks_and_probes_too(kind: tuple[str, str, bool, int], rng: np.random.Generator) -> None:
    model, images = real_network(*kind, rng)
    deployed = deploy(model)
    assert deployed is not model
    expected = ops.convert_to_numpy(model(images))
    np.testing.assert_allclose(deployed(images), expected, atol=1e-4)


def test_imported_network_keeps_its_borders(shared, rng: np.random.Generator) -> None:
    model = read_network(shared / "golden/torchvision_shufflenet_v2_x0_5_random.pth", 64)
    images = rng.random((3, 64, 64, 1), "float32")
    expected = ops.convert_to_numpy(model(images))
    np.testing.assert_allclose(deploy(model)(images), expected, atol=1e-5 * np.abs(expected).max())


def test_no_norm_no_shuffle_and_every_channel_is_cut_once() -> None:
    model = build_model(ModelConfig(), 3, 64)
    steps = plan(model)
    kinds = [step.kind for step in steps]
    assert set(kinds) == {"shift", "conv", "max_pool", "depthwise", "split", "concat", "gate", "pool", "dense"}
    assert kinds.count("gate") == 16
    made = [name for step in steps for name in step.outputs]
    used = [name for step in steps for name in step.inputs]
    assert len(made) == len(set(made))
    assert set(made) - set(used) == {"logits"}
    twice = {name for name in used if used.count(name) > 1}
    assert twice == {"pooled", "stage2", "stage3"}  # what a unit of stride 2 sees with both branches


@pytest.mark.parametrize("config", [{"arch": "authors_eca"}, {"eca": "every_conv"}, {"eca": "stem_head"}], ids=str)
def test_other_networks_stay_as_they_are(config) -> None:
    model = build_model(ModelConfig(**config), 3, 64)
    assert deploy(model) is model
