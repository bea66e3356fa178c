from __future__ import annotations

import math

import numpy as np
import pytest
from keras import ops
from support.layer_contract import check_layer

from keras_cwp.layers.eca import ECA, eca_kernel_size


@pytest.mark.parametrize(
    ("channels", "taps"),
    # |(log2 C + 1) / 2|, cut to an integer and made odd upwards: 3 up to 64 channels, 5 from 128 (rule of eq. 12)
    [
        (1, 1),
        (8, 3),
        (24, 3),
        (48, 3),
        (58, 3),
        (64, 3),
        (96, 3),
        (116, 3),
        (122, 3),
        (127, 3),
        (128, 5),
        (232, 5),
        (488, 5),
        (512, 5),
        (1024, 5),
        (2047, 5),
        (2048, 7),
    ],
)
def test_kernel_size_follows_the_papers_rule(channels: int, taps: int) -> None:
    assert eca_kernel_size(channels) == taps


@pytest.mark.parametrize(("gamma", "b", "taps"), [(1, 1, 7), (2, 3, 5), (4, 1, 1), (2, -5, 1)])
def test_kernel_size_obeys_gamma_and_b(gamma: float, b: float, taps: int) -> None:
    assert eca_kernel_size(64, gamma, b) == taps


def slow_eca(images: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Loop over images, channels and taps, in float64."""
    outputs = np.empty(images.shape, "float64")
    reach = len(kernel) // 2
    for n, image in enumerate(images.astype("float64")):
        means = [math.fsum(image[..., c].ravel()) / image[..., c].size for c in range(image.shape[-1])]
        for c in range(len(means)):
            looked_at = [(t, c + t - reach) for t in range(len(kernel)) if 0 <= c + t - reach < len(means)]
            logit = math.fsum(kernel[t] * means[k] for t, k in looked_at)
            outputs[n, ..., c] = image[..., c] / (1 + math.exp(-logit))
    return outputs


@pytest.mark.parametrize("channels", [1, 2, 24, 128, 130])
def test_agrees_with_a_slow_implementation(channels: int, rng: np.random.Generator) -> None:
    images = rng.normal(0.5, 2, (3, 5, 4, channels)).astype("float32")
    layer = ECA()
    layer.build(images.shape)
    kernel = rng.normal(0, 1, eca_kernel_size(channels))
    layer.set_weights([kernel[:, None, None]])
    np.testing.assert_allclose(ops.convert_to_numpy(layer(images)), slow_eca(images, kernel), rtol=2e-5, atol=1e-6)


def test_a_table_by_hand() -> None:
    images = np.zeros((1, 1, 1, 8), "float32")
    images[..., 3] = math.log(3)
    layer = ECA()
    layer.build(images.shape)
    for kernel, gate in (([0, 1, 0], 3 / 4), ([0, -1, 0], 1 / 4), ([1, 0, 1], 1 / 2)):
        layer.set_weights([np.array(kernel, "float32")[:, None, None]])
        outputs = ops.convert_to_numpy(layer(images))[0, 0, 0]
        np.testing.assert_allclose(outputs, np.eye(8)[3] * math.log(3) * gate, rtol=1e-6)


def test_the_first_tap_looks_at_the_channel_before() -> None:
    images = np.ones((1, 1, 1, 8), "float32")
    images[..., 3] = -math.log(3)
    layer = ECA()
    layer.build(images.shape)
    layer.set_weights([np.array([1, 0, 0], "float32")[:, None, None]])
    expected = ops.convert_to_numpy(layer(images))[0, 0, 0]
    assert expected[4] == pytest.approx(1 / 4)
    assert expected[0] == pytest.approx(1 / 2)  # nothing stands before it


def test_contract(tmp_path, rng: np.random.Generator) -> None:
    check_layer(ECA(gamma=1.5, b=2.0), rng.random((2, 6, 5, 16), "float32"), tmp_path, weights=1)


def test_refuses_what_it_cannot_do() -> None:
    with pytest.raises(ValueError, match="gamma must be positive, got 0"):
        ECA(gamma=0)
    with pytest.raises(ValueError, match=r"expected \[batch, height, width, channels\].*got \(None, 3\)"):
        ECA().build((None, 3))
