"""Agreement with numbers that PyTorch gave; ../shared/data/README.md says how they came about."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import ops

from keras_cwp.models.authors import from_authors
from keras_cwp.models.checkpoint import read_checkpoint
from keras_cwp.models.torch_weights import from_torchvision

TORCHVISION = "torchvision_shufflenet_v2_x0_5_random"


def relative(got, expected) -> float:
    """Largest difference as a share of the largest number."""
    return float(np.abs(ops.convert_to_numpy(got) - expected).max() / np.abs(expected).max())


@pytest.fixture(scope="module")
def golden(shared):
    return shared / "golden"


def images(arrays) -> np.ndarray:
    return arrays["images_uint8"].astype("float32") / 255


def test_torchvision_at_every_stage(golden) -> None:
    arrays = np.load(golden / f"{TORCHVISION}.npz")
    model = from_torchvision(read_checkpoint(golden / f"{TORCHVISION}.pth"), 224, grey=False, normalised=True)
    names = ["scaling", "stem_relu", "stage2_unit4", "stage3_unit8", "stage4_unit4", "logits"]
    outputs = keras.Model(model.input, [model.get_layer(name).output for name in names])(images(arrays))
    expected = ["inputs_normalised", "after_maxpool", "stage2", "stage3", "stage4", "logits"]
    for name, output, step in zip(expected, outputs, (1, 4, 2, 2, 2, 1), strict=True):
        output = output[:, ::step, ::step] if len(output.shape) == 4 else output
        assert relative(output, arrays[name]) <= 1e-5, name


def test_grey_stem_is_the_rgb_stem_borders_included(golden, rng: np.random.Generator) -> None:
    state = read_checkpoint(golden / f"{TORCHVISION}.pth")
    grey, rgb = (from_torchvision(state, 64, grey=grey, normalised=True) for grey in (True, False))
    image = rng.random((2, 64, 64, 1), "float32")
    stems = [keras.Model(model.input, model.get_layer("stem").output) for model in (grey, rgb)]
    expected = ops.convert_to_numpy(stems[1](np.repeat(image, 3, -1)))
    assert relative(stems[0](image), expected) <= 1e-6
    assert relative(stems[0](image)[:, 0], expected[:, 0]) <= 1e-6
    assert relative(grey(image), ops.convert_to_numpy(rgb(np.repeat(image, 3, -1)))) <= 1e-5


def test_authors_baseline(golden) -> None:
    arrays = np.load(golden / "authors_baseline_a.npz")
    model = from_torchvision(read_checkpoint(golden / "authors_shufflenetv2.pth"), 256, grey=False, normalised=False)
    assert relative(model(images(arrays)), arrays["logits"]) <= 1e-5


@pytest.fixture
def float64():
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float64")
    yield
    keras.config.set_dtype_policy(before)


@pytest.mark.usefixtures("float64")
def test_authors_attention_network(golden) -> None:
    # The published variances are so small that float32 itself moves these logits by 1e-4 of the largest, by how much
    # depends on the processor. In float64 the network is the same everywhere: what is left, 1.09e-4, is the error of
    # the golden file, which PyTorch computed in float32.
    arrays = np.load(golden / "authors_eca_a.npz")
    state = read_checkpoint(golden / "authors_shufflenetv2_att.pth")
    exact = from_authors(state, 256, grey=False)(images(arrays))
    assert relative(exact, arrays["logits"]) <= 1.1e-4
    np.testing.assert_allclose(ops.softmax(exact), arrays["probabilities"], atol=1e-6)
    keras.config.set_dtype_policy("float32")
    logits = from_authors(state, 256, grey=False)(images(arrays))
    assert relative(logits, ops.convert_to_numpy(exact)) <= 2e-4
    np.testing.assert_allclose(ops.softmax(logits), arrays["probabilities"], atol=1e-6)
