"""Several networks as one: shares, files, deployment and ONNX."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from scipy.special import softmax
from support.trained import as_trained

from keras_cwp.config import ModelConfig
from keras_cwp.layers import MeanOfNetworks
from keras_cwp.models.build import build_model
from keras_cwp.models.deploy import deploy
from keras_cwp.models.mean import mapped_network, mean_of, networks_of, shares_of
from keras_cwp.prediction.onnx_format import run_onnx, to_onnx
from keras_cwp.training.run import ModelContract

pytestmark = pytest.mark.usefixtures("small_network")
SHARES = [0.5, 0.3, 0.2]


@pytest.fixture
def networks(rng):
    return [as_trained(build_model(ModelConfig(), 3, 32), rng) for _ in SHARES]


@pytest.fixture
def images(rng):
    return rng.random((4, 32, 32, 1), dtype=np.float32)


def probabilities(model, images):
    return softmax(np.asarray(model(images, training=False), np.float64), axis=1)


def weighted(networks, shares, images):
    return sum(share * probabilities(network, images) for share, network in zip(shares, networks, strict=True))


@pytest.mark.parametrize("shares", [None, SHARES])
def test_the_mean_is_that_of_the_probabilities_and_a_file_keeps_it(networks, images, shares, tmp_path):
    model = mean_of(networks, shares)
    expected = weighted(networks, shares or [1 / 3] * 3, images)
    np.testing.assert_allclose(probabilities(model, images), expected, atol=1e-6)
    assert shares_of(model) == pytest.approx(shares or [1 / 3] * 3)
    model.save(tmp_path / "mean.keras")
    again = keras.models.load_model(tmp_path / "mean.keras", compile=False)
    np.testing.assert_allclose(probabilities(again, images), expected, atol=1e-6)
    assert shares_of(again) == shares_of(model)


def test_a_mean_of_means_is_one_mean(networks, images):
    pair = mean_of(networks[:2], [0.75, 0.25])
    model = mean_of([pair, networks[2]], [0.4, 0.6])
    assert networks_of(model) == networks
    assert shares_of(model) == pytest.approx([0.3, 0.1, 0.6])
    np.testing.assert_allclose(probabilities(model, images), weighted(networks, [0.3, 0.1, 0.6], images), atol=1e-6)


@pytest.mark.parametrize("shares", [None, SHARES])
def test_it_deploys_and_is_written_as_onnx(networks, images, shares):
    pytest.importorskip("onnxruntime", reason="no ONNX Runtime: pip install '.[onnx]'")
    model = mean_of(networks, shares)
    expected = probabilities(model, images)
    np.testing.assert_allclose(probabilities(deploy(model), images), expected, atol=1e-4)
    contract = ModelContract(("a", "b", "c"), 32, 0.25, "pad", None, "f" * 64)
    np.testing.assert_allclose(run_onnx(to_onnx(model, contract))(images), expected, atol=1e-4)


def test_one_network_is_itself(networks):
    assert mean_of(networks[:1]) is networks[0]
    assert (networks_of(networks[0]), shares_of(networks[0])) == ([], [])
    assert mapped_network(networks[0]) is networks[0]
    assert mapped_network(mean_of(networks, SHARES)) is networks[0]


@pytest.mark.parametrize("shares", [[0.5, 0.5], [0.5, 0.5, 0.5], [1.5, -0.25, -0.25]])
def test_shares_have_to_be_shares(networks, shares):
    with pytest.raises(ValueError, match=r"shares of 3 networks: expected numbers with a sum of 1, got"):
        MeanOfNetworks(networks, shares)
