from __future__ import annotations

import hashlib
import urllib.error
import urllib.request

import numpy as np
import pytest
from keras import ops

from keras_cwp.config import ModelConfig
from keras_cwp.errors import ModelError
from keras_cwp.models.build import build_model
from keras_cwp.models.own_weights import write_weights
from keras_cwp.models.pretrained import find_weights, read_network

GOLDEN = "golden/torchvision_shufflenet_v2_x0_5_random.pth"


def test_without_a_network_it_says_which_file_to_put_where(tmp_path, monkeypatch) -> None:
    def refuse(*_, **__):
        raise urllib.error.URLError("no route")

    monkeypatch.setenv("KERAS_CWP_CACHE", str(tmp_path))
    monkeypatch.setattr(urllib.request, "urlopen", refuse)
    with pytest.raises(
        ModelError, match=rf"cannot download .*\(no route\).* put it at {tmp_path}/shufflenetv2_x0.5-f707"
    ):
        find_weights("imagenet", "shufflenet_v2_x0_5")
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_not_the_published_one_is_refused(tmp_path, monkeypatch) -> None:
    path = tmp_path / "shufflenetv2_x0.5-f707e7126e.pth"
    path.write_bytes(b"something else")
    monkeypatch.setenv("KERAS_CWP_CACHE", str(tmp_path))
    digest = hashlib.sha256(b"something else").hexdigest()[:12]
    with pytest.raises(ModelError, match=f"its SHA-256 is {digest}…, its name promises f707e7126e"):
        find_weights("imagenet", "shufflenet_v2_x0_5")


def test_imagenet_of_the_authors_network_does_not_exist() -> None:
    with pytest.raises(ModelError, match="no ImageNet weights are published for authors_eca"):
        find_weights("imagenet", "authors_eca")


@pytest.mark.parametrize("place", ["none", "unit", "every_conv", "stem_head"])
def test_new_gates_change_nothing_at_first(place: str, shared, rng: np.random.Generator) -> None:
    images = rng.random((2, 64, 64, 1), "float32")
    expected = ops.convert_to_numpy(read_network(shared / GOLDEN, 64)(images))
    model = build_model(ModelConfig(eca=place, weights=str(shared / GOLDEN)), 3, 64)
    np.testing.assert_allclose(model(images), expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize("arch", ["shufflenet_v2_x0_5", "authors_eca"])
def test_written_weights_are_read_back(arch: str, tmp_path, shared, rng: np.random.Generator) -> None:
    file = GOLDEN if arch.startswith("shuffle") else "golden/authors_shufflenetv2_att.pth"
    network = read_network(shared / file, 64)
    write_weights(network, tmp_path / "w.weights.h5")
    images = rng.random((2, 64, 64, 1), "float32")
    model = build_model(ModelConfig(arch=arch, eca="none", weights=str(tmp_path / "w.weights.h5")), 3, 64)
    np.testing.assert_allclose(model(images), network(images), rtol=1e-5)
    assert [path.name for path in tmp_path.iterdir()] == ["w.weights.h5"]


def test_another_number_of_classes_gets_a_new_head(shared, caplog) -> None:
    model = build_model(ModelConfig(weights=str(shared / GOLDEN)), 5, 64)
    assert model.output_shape == (None, 5)
    assert "the head for 3 classes is dropped, a new one for 5 is trained" in caplog.text


def test_refuses_weights_of_another_network(shared, tmp_path) -> None:
    with pytest.raises(ModelError, match="the file is of shufflenet_v2_x0_5, the configuration"):
        build_model(ModelConfig(arch="shufflenet_v2_x1_0", weights=str(shared / GOLDEN)), 3, 64)
    (tmp_path / "x.weights.h5").write_bytes(b"no")
    with pytest.raises(ModelError, match="not a file that `keras-cwp weights import` wrote"):
        read_network(tmp_path / "x.weights.h5", 64)


def test_layers_and_builders_come_from_their_packages() -> None:
    import keras_cwp.models.shufflenet  # noqa: F401  # a module of the package must not hide a function of it
    from keras_cwp.layers import ECA, ChannelShuffle
    from keras_cwp.models import build_model as built
    from keras_cwp.models import shufflenet_v2

    assert built is build_model
    assert callable(shufflenet_v2)
    assert (ECA.__name__, ChannelShuffle.__name__) == ("ECA", "ChannelShuffle")
