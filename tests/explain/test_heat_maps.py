"""Heat maps against maps worked out by hand, and the sanity check that they depend on the weights."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from keras_cwp.config import ModelConfig
from keras_cwp.errors import ModelError
from keras_cwp.explain.heat_maps import METHODS, answers_and_raw_maps, fine_layer, heat_maps, occlusion_maps, raw_maps
from keras_cwp.models.build import build_model
from keras_cwp.models.deploy import deploy

SIDE = 16


def two_spot_model(weights: list[list[float]]) -> keras.Model:
    """Channels: the image, and its negative, averaged over 4 × 4 blocks; a linear head [2, classes]."""
    image = keras.Input((SIDE, SIDE, 1))
    blocks = keras.layers.AveragePooling2D(4)(image)
    features = keras.layers.Concatenate(name="features")([blocks, 1 - blocks])
    pooled = keras.layers.GlobalAveragePooling2D()(features)
    head = keras.layers.Dense(len(weights[0]), name="head")
    model = keras.Model(image, head(pooled))
    head.set_weights([np.array(weights, "f4"), np.zeros(len(weights[0]), "f4")])
    return model


@pytest.fixture(scope="module")
def pair() -> tuple[keras.Model, keras.Model]:
    """A network with a head steep enough for its answers to differ, and its deployed graph."""
    keras.utils.set_random_seed(3)
    network = build_model(ModelConfig(), 3, 64)
    head = network.get_layer("logits")
    head.set_weights([head.get_weights()[0] * 40, head.get_weights()[1]])
    return network, deploy(network)


def spot(row: int, column: int) -> np.ndarray:
    image = np.zeros((SIDE, SIDE, 1), "f4")
    image[4 * row : 4 * row + 4, 4 * column : 4 * column + 4] = 1
    return image


@pytest.mark.parametrize("method", METHODS)
def test_the_hottest_place_is_the_one_that_speaks_for_the_class(method: str) -> None:
    model = two_spot_model([[40.0, -40.0], [0.0, 0.0]])
    images = np.stack([spot(1, 2), spot(3, 0)])
    maps = heat_maps(model, images, np.array([0, 0]), method)
    assert maps.shape == (2, SIDE, SIDE)
    assert maps.dtype == np.float32
    assert maps.max() == 1
    assert maps.min() >= 0
    for heat, (row, column) in zip(maps, [(1, 2), (3, 0)], strict=True):
        hottest = np.unravel_index(heat.argmax(), heat.shape)
        assert (hottest[0] // 4, hottest[1] // 4) == (row, column)


def test_nothing_that_speaks_for_a_class_gives_an_empty_map() -> None:
    model = two_spot_model([[1.0, -1.0], [0.0, 0.0]])
    assert not heat_maps(model, spot(1, 2)[None], np.array([1])).any()


def test_each_image_is_explained_for_its_own_class() -> None:
    model = two_spot_model([[1.0, 0.0], [0.0, 1.0]])
    images = np.stack([spot(0, 0), spot(0, 0)])
    first, second = heat_maps(model, images, np.array([0, 1]), "gradcam")
    assert first[1, 1] == 1
    assert second[1, 1] == 0  # the negative is dark where the image is bright
    assert second[10, 10] == 1


def test_layer_cam_weighs_each_place_by_its_own_positive_gradient() -> None:
    """Two linear layers over places: the gradient of a place is its weight in the head."""
    image = keras.Input((4, 4, 1))
    cells = keras.layers.Activation("linear", name="cells")(image)
    head = keras.layers.Dense(2, name="head")
    model = keras.Model(image, head(keras.layers.Flatten()(cells)))
    weights = np.random.default_rng(0).normal(size=(16, 2)).astype("f4")
    head.set_weights([weights, np.zeros(2, "f4")])
    pixels = np.random.default_rng(1).uniform(size=(3, 4, 4, 1)).astype("f4")
    index = np.array([0, 1, 1])
    maps = raw_maps(model, pixels, index, "layercam", "cells")
    expected = np.maximum(weights.T[index].reshape(3, 4, 4), 0) * pixels[..., 0]
    np.testing.assert_allclose(maps, expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("arch", "stride", "cells"),
    [
        ("shufflenet_v2_x0_5", 16, 4),
        ("shufflenet_v2_x0_5", 8, 8),
        ("mobilenet_v2", 16, 4),
        ("mobilenet_v3_small", 8, 8),  # between its layers are additions that are no layers
        ("convnext_tiny", 8, 8),
    ],
)
def test_the_fine_layer_is_one_that_everything_goes_through(arch: str, stride: int, cells: int) -> None:
    model = build_model(ModelConfig(arch=arch, eca="none"), 3, 64)
    name = fine_layer(model, stride)
    assert model.get_layer(name).output.shape[1:3] == (cells, cells)
    rest = keras.Model(model.get_layer(name).output, model.output)  # raises if anything comes by another way
    assert rest.output_shape == (None, 3)


def test_a_deployed_graph_has_no_layers_for_layer_cam(pair: tuple[keras.Model, keras.Model]) -> None:
    with pytest.raises(ModelError, match="layercam needs the trained network"):
        heat_maps(pair[1], np.zeros((1, 64, 64, 1), "f4"), np.array([0]), "layercam")


def test_raw_maps_of_several_images_keep_their_strength() -> None:
    model = two_spot_model([[1.0, 0.0], [0.0, 0.0]])
    weak, strong = raw_maps(model, np.stack([0.25 * spot(1, 1), spot(1, 1)]), np.array([0, 0]), "gradcam")
    assert strong.max() == pytest.approx(4 * weak.max())


def test_grad_cam_equals_the_class_activation_map_of_a_linear_head() -> None:
    generator = np.random.default_rng(0)
    weights = generator.normal(size=(2, 3))
    image = generator.uniform(size=(1, SIDE, SIDE, 1)).astype("f4")
    blocks = image[0, :, :, 0].reshape(4, 4, 4, 4).mean(axis=(1, 3))
    expected = np.maximum(blocks * weights[0, 2] + (1 - blocks) * weights[1, 2], 0)
    heat = heat_maps(two_spot_model(weights.tolist()), image, np.array([2]), "gradcam")[0]
    # The corners of an enlarged map are the corners of the small one.
    corners = np.array([heat[0, 0], heat[0, -1], heat[-1, 0], heat[-1, -1]])
    small = np.array([expected[0, 0], expected[0, -1], expected[-1, 0], expected[-1, -1]])
    np.testing.assert_allclose(corners / corners.max(), small / small.max(), atol=1e-5)


@pytest.mark.parametrize("method", ["layercam", "gradcam", "gradcam++"])
def test_other_weights_give_another_map(method: str) -> None:
    """Adebayo et al., Sanity Checks for Saliency Maps, NeurIPS 2018."""
    generator = np.random.default_rng(1)
    images = generator.uniform(size=(3, SIDE, SIDE, 1)).astype("f4")
    maps = []
    for seed in (0, 1):
        keras.utils.set_random_seed(seed)
        image = keras.Input((SIDE, SIDE, 1))
        features = keras.layers.Conv2D(8, 3, strides=2, padding="same", activation="relu", name="features")(image)
        output = keras.layers.Dense(3)(keras.layers.GlobalAveragePooling2D()(features))
        maps.append(heat_maps(keras.Model(image, output), images, np.array([0, 1, 2]), method))
    assert np.abs(maps[0] - maps[1]).mean() > 0.05


def test_frozen_weights_have_the_same_map() -> None:
    model = two_spot_model([[1.0, 0.0], [0.0, 1.0]])
    before = heat_maps(model, spot(1, 1)[None], np.array([0]))
    model.trainable = False
    np.testing.assert_array_equal(heat_maps(model, spot(1, 1)[None], np.array([0])), before)


@pytest.mark.parametrize("method", ["gradcam", "gradcam++"])  # occlusion only asks for probabilities
def test_the_deployed_graph_has_the_same_map(method: str, pair: tuple[keras.Model, keras.Model]) -> None:
    images = np.random.default_rng(2).uniform(size=(2, 64, 64, 1)).astype("f4")
    trained, deployed = (heat_maps(model, images, np.array([0, 2]), method) for model in pair)
    assert trained.max() == 1
    np.testing.assert_allclose(deployed, trained, atol=1e-3)


def test_occlusion_of_one_patch_by_hand() -> None:
    """Patches of 8 with step 8 do not overlap: each quarter has its own fall in probability."""
    model = two_spot_model([[16.0, 0.0], [0.0, 0.0]])
    image = spot(0, 0)
    mean = float(image.mean())  # 1/16

    def probability(brightness: float) -> float:
        return 1 / (1 + np.exp(-16 * brightness))

    clear = probability(mean)
    hidden = probability(mean * 64 / 256)  # only the grey patch is bright
    elsewhere = probability(mean + mean * 64 / 256)  # brighter: no fall
    assert elsewhere > clear > hidden
    heat = occlusion_maps(model, image[None], np.array([0]), patch_px=8, stride_px=8)[0]
    assert (heat[:8, :8] == 1).all()
    assert heat[8:].max() == 0
    assert heat[:8, 8:].max() == 0


@pytest.mark.parametrize("method", METHODS)
def test_no_images_give_no_maps(method: str) -> None:
    model = two_spot_model([[1.0], [0.0]])
    assert heat_maps(model, np.zeros((0, SIDE, SIDE, 1), "f4"), np.zeros(0, int), method).shape == (0, SIDE, SIDE)


def test_unknown_method_and_layer_are_named() -> None:
    model = two_spot_model([[1.0], [0.0]])
    images = np.zeros((1, SIDE, SIDE, 1), "f4")
    with pytest.raises(ModelError, match=r"method 'lime' is not one of layercam, gradcam, gradcam\+\+, occlusion"):
        heat_maps(model, images, np.array([0]), "lime")
    with pytest.raises(ModelError, match="has no layer 'nowhere'; its last are"):
        heat_maps(model, images, np.array([0]), layer="nowhere")
    with pytest.raises(ModelError, match=r"layer 'head' gives \(None, 1\), expected \[batch, height"):
        heat_maps(model, images, np.array([0]), layer="head")


def test_a_fine_map_is_smoothed_by_half_a_cell() -> None:
    """So that one odd cell is no place: three neighbours of 0.7 are hotter than a single 1 far away."""
    image = keras.Input((SIDE, SIDE, 1))
    cells = keras.layers.AveragePooling2D(2, name="cells")(image)
    head = keras.layers.Dense(2)
    model = keras.Model(image, head(keras.layers.GlobalAveragePooling2D()(cells)))
    head.set_weights([np.array([[1.0, -1.0]], "f4"), np.zeros(2, "f4")])
    pixels = np.zeros((1, SIDE, SIDE, 1), "f4")
    pixels[0, 2:4, 2:4] = 1
    pixels[0, 10:12, 8:14] = 0.7
    maps = [raw_maps(model, pixels, np.array([0]), "layercam", layer)[0] for layer in ("cells", None)]
    peaks = [np.unravel_index(heat.argmax(), heat.shape)[0] for heat in maps]
    assert peaks[0] < 5
    assert peaks[1] > 8


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("wanted", [None, 1])
def test_answers_and_maps_of_one_pass(method: str, wanted: int | None, pair: tuple[keras.Model, keras.Model]) -> None:
    images = np.random.default_rng(0).uniform(0, 1, (3, 64, 64, 1)).astype(np.float32)
    logits, maps = answers_and_raw_maps(pair[0], images, wanted, method)
    expected = np.asarray(pair[0](images, training=False))
    np.testing.assert_allclose(logits, expected, atol=1e-5)
    index = expected.argmax(axis=1) if wanted is None else np.full(3, wanted)
    np.testing.assert_allclose(maps, raw_maps(pair[0], images, index, method), rtol=1e-4, atol=1e-6)
