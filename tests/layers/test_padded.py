from __future__ import annotations

import numpy as np
import pytest
from keras import ops
from support.layer_contract import check_layer

from keras_cwp.layers.padded import PaddedConv2D, PaddedDepthwiseConv2D, PaddedMaxPooling2D


def windows(image: np.ndarray, size: int, stride: int, padding: int, value: float) -> np.ndarray:
    """[height, width, channels] → [rows, columns, size, size, channels], padded on every side."""
    padded = np.pad(image, ((padding, padding), (padding, padding), (0, 0)), constant_values=value)
    view = np.lib.stride_tricks.sliding_window_view(padded, (size, size), axis=(0, 1))
    return view[::stride, ::stride].transpose(0, 1, 3, 4, 2)


SIDES = pytest.mark.parametrize("side", [5, 6])
STRIDES = pytest.mark.parametrize("stride", [1, 2])


@SIDES
@STRIDES
def test_convolution_pads_every_side_alike(side: int, stride: int, rng: np.random.Generator) -> None:
    images = rng.normal(size=(2, side, side, 3)).astype("float32")
    layer = PaddedConv2D(4, 3, padding_px=1, strides=stride)
    outputs = ops.convert_to_numpy(layer(images))
    expected = [np.einsum("abijc,ijcd->abd", windows(i, 3, stride, 1, 0), layer.get_weights()[0]) for i in images]
    np.testing.assert_allclose(outputs, expected, rtol=1e-4, atol=1e-5)


@SIDES
@STRIDES
def test_depthwise_pads_every_side_alike(side: int, stride: int, rng: np.random.Generator) -> None:
    images = rng.normal(size=(2, side, side, 3)).astype("float32")
    layer = PaddedDepthwiseConv2D(3, padding_px=1, strides=stride)
    outputs = ops.convert_to_numpy(layer(images))
    kernel = layer.get_weights()[0][..., 0]
    expected = [np.einsum("abijc,ijc->abc", windows(i, 3, stride, 1, 0), kernel) for i in images]
    np.testing.assert_allclose(outputs, expected, rtol=1e-4, atol=1e-5)


@SIDES
@STRIDES
def test_pooling_never_takes_the_padding(side: int, stride: int, rng: np.random.Generator) -> None:
    images = -1 - rng.random((2, side, side, 3), "float32")  # a padding of zeros would win everywhere
    outputs = ops.convert_to_numpy(PaddedMaxPooling2D(3, stride, padding_px=1)(images))
    expected = [windows(i, 3, stride, 1, -np.inf).max((2, 3)) for i in images]
    np.testing.assert_array_equal(outputs, expected)


@pytest.mark.parametrize(
    ("layer", "weights"),
    [
        (PaddedConv2D(4, 3, padding_px=1, strides=2), 2),
        (PaddedConv2D(4, 1, use_bias=False), 1),
        (PaddedDepthwiseConv2D(3, padding_px=1, strides=2), 2),
        (PaddedDepthwiseConv2D(3, padding_px=1, use_bias=False), 1),
        (PaddedMaxPooling2D(3, 2, padding_px=1), 0),
    ],
    ids=lambda value: getattr(value, "name", str(value)),
)
def test_contract(layer, weights: int, tmp_path, rng: np.random.Generator) -> None:
    check_layer(layer, rng.random((2, 8, 7, 6), "float32"), tmp_path, weights=weights)


@pytest.mark.parametrize("make", [lambda: PaddedConv2D(1, 3, -1), lambda: PaddedDepthwiseConv2D(3, -1)])
def test_refuses_negative_padding(make) -> None:
    with pytest.raises(ValueError, match="padding_px must not be negative, got -1"):
        make()
