"""The test of heat maps against random weights: on networks that look at a known place, and by hand."""

from __future__ import annotations

import random

import keras
import numpy as np
import pytest

from keras_cwp.config import ModelConfig
from keras_cwp.explain.trust import TriedMaps, hidden, randomised, trust_of, try_maps
from keras_cwp.models.build import build_model
from keras_cwp.models.deploy import deploy
from keras_cwp.models.probed import probed

SIDE = 16


def looks_at_bright_spots() -> keras.Model:
    """Logit of class 0: the mean of the image's square, of 2 × 2 blocks."""
    image = keras.Input((SIDE, SIDE, 1))
    blocks = keras.layers.AveragePooling2D(2)(image)
    features = keras.layers.Conv2D(2, 1, activation="relu", name="features")(blocks)
    pooled = keras.layers.GlobalAveragePooling2D()(features)
    model = keras.Model(image, keras.layers.Dense(2)(pooled))
    model.set_weights(
        [np.array([[[[1.0, -1.0]]]], "f4"), np.array([-0.5, 0.5], "f4"), 40 * np.array([[1.0, -1.0], [0.0, 0.0]], "f4"),
         np.zeros(2, "f4")]
    )  # fmt: skip
    return model


def spots(count: int) -> np.ndarray:
    generator = np.random.default_rng(0)
    images = generator.uniform(0, 0.2, (count, SIDE, SIDE, 1)).astype("f4")
    for image, (top, left) in zip(images, generator.integers(0, 12, (count, 2)), strict=True):
        image[top : top + 4, left : left + 4] = 1
    return images


def trained(images: np.ndarray, method: str = "gradcam") -> tuple[keras.Model, TriedMaps]:
    network = looks_at_bright_spots()
    index = np.zeros(len(images), int)
    return network, try_maps(network, randomised(network), images, index, method)


def tried(own: list[float], other: list[float]) -> TriedMaps:
    return TriedMaps(np.zeros((len(own), 2)), np.ones((len(own), 1, 1)), np.array(own), np.array(other))


def test_what_is_marked_is_blurred_and_nothing_else() -> None:
    image = np.random.default_rng(0).random((1, 20, 20, 1)).astype("f4")
    heat = np.zeros((1, 20, 20), "f4")
    heat[0, :4, :10] = 1
    changed = (hidden(image, heat, share=0.1) != image)[0, ..., 0]
    np.testing.assert_array_equal(changed, heat[0] > 0)
    np.testing.assert_array_equal(hidden(image, 0 * heat), image)


def test_only_the_most_marked_tenth_is_hidden() -> None:
    image = np.random.default_rng(0).random((1, 20, 20, 1)).astype("f4")
    heat = np.arange(400, dtype="f4").reshape(1, 20, 20)
    assert (hidden(image, heat) != image).sum() == 40


def test_random_weights_are_fresh_and_the_same_each_time() -> None:
    network = build_model(ModelConfig(), 3, 64)
    before, state = network.get_weights(), random.getstate()
    first, second = randomised(network)
    assert random.getstate() == state
    for own, one, other, same, left in zip(
        before, *(each.get_weights() for each in (first, second, randomised(network)[0], network)), strict=True
    ):
        assert one.shape == own.shape
        np.testing.assert_array_equal(one, same)
        np.testing.assert_array_equal(own, left)
        if own.ndim > 1:
            assert not np.array_equal(one, other)
            assert not np.array_equal(one, own)


def test_a_head_that_begins_at_zero_is_drawn() -> None:
    """Else its maps are empty, and any map of the probe would beat them."""
    keras.utils.set_random_seed(0)
    probe = probed(build_model(ModelConfig(), 3, 64), 3)
    head = randomised(probe, 1)[0].get_layer("logits").get_weights()[0]
    assert head.std() == pytest.approx(1 / np.sqrt(len(head)), rel=0.2)


def test_a_graph_for_deployment_has_no_twins_and_its_maps_pass() -> None:
    keras.utils.set_random_seed(0)
    network = deploy(build_model(ModelConfig(), 3, 64))
    assert randomised(network) == []
    images = np.random.default_rng(0).random((2, 64, 64, 1)).astype("f4")
    found = try_maps(network, [], images, np.array([0, 1]), "gradcam")
    assert found.beats.tolist() == found.maps.any(axis=(1, 2)).tolist()


def test_maps_of_a_network_that_looks_at_the_spot_beat_random_weights() -> None:
    images = spots(12)
    _, found = trained(images)
    assert found.beats.all()
    trust = trust_of([found], [str(n // 2) for n in range(12)], "gradcam")
    assert trust["shown"]
    assert (trust["rois"], trust["patients"], trust["beaten"]) == (12, 6, 12)
    assert trust["fall"] > trust["fall_random"]
    assert trust["verdict"].endswith("The maps of 12 of 12 ROIs did better.")


def test_maps_of_random_weights_do_not_beat_random_weights() -> None:
    """The network under test is itself one of random weights, so nothing can be learnt from its maps."""
    network = looks_at_bright_spots()
    one, *others = randomised(network, count=4)
    images = spots(24)
    found = try_maps(one, others, images, np.zeros(24, int), "gradcam")
    assert not trust_of([found], [str(n) for n in range(24)], "gradcam")["shown"]


def test_an_empty_map_beats_nothing() -> None:
    own = TriedMaps(np.zeros((1, 2)), np.zeros((1, 2, 2)), np.array([1.0]), np.array([0.0]))
    assert own.beats.tolist() == [False]


def test_the_interval_is_over_patients() -> None:
    """Three patients with mean differences 1, 2 and 3: t = 4.302653 on 2 degrees of freedom, se = 1 / sqrt 3."""
    found = tried([1, 1, 2, 5, 1], [0, 0, 0, 2, -2])
    trust = trust_of([found], ["a", "a", "b", "c", "c"], "layercam")
    assert trust["difference"]["value"] == pytest.approx(2)
    assert trust["difference"]["ci95"] == pytest.approx([2 - 4.302653 / 3**0.5, 2 + 4.302653 / 3**0.5], rel=1e-5)
    assert not trust["shown"]
    assert "They are not shown to do better than random weights, so all maps are withheld" in trust["verdict"]


def test_few_patients_and_single_failures_are_said() -> None:
    assert "too few patients to say" in trust_of([tried([1, 2], [0, 0])], ["a", "b"], "layercam")["verdict"]
    found = tried([2, 2.1, 1.9, 2, 0], [0, 0, 0, 0, 1])
    trust = trust_of([found], ["a", "b", "c", "d", "d"], "layercam")
    assert trust["shown"]
    assert trust["verdict"].endswith("The maps of 4 of 5 ROIs did better; the 1 map that did not is withheld.")
