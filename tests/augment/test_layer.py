"""The layer: identity, reproducibility across eager, graph and XLA, precision, batch sizes, contract."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from support.layer_contract import check_layer

from keras_cwp.augment.layer import Augment, MagnitudeRamp, load_policy, ramp
from keras_cwp.augment.policy import policy_names

SIDE, MARGIN = 32, 8
CROPS = np.random.default_rng(0).random((4, SIDE + 2 * MARGIN, SIDE + 2 * MARGIN, 1)).astype(np.float32)


def layer_of(policy: object = "paper", **kwargs: object) -> Augment:
    """Not compiled unless asked for: these images are smaller than XLA's compilation is long."""
    return Augment(policy, SIDE, MARGIN, seed=11, **{"jit_compile": False, **kwargs})


@pytest.mark.parametrize("policy", ["none", "randaugment"])
def test_contract(policy: str, tmp_path: Path) -> None:
    check_layer(layer_of(policy), CROPS, tmp_path, weights=1)


@pytest.mark.parametrize("policy", policy_names())
def test_without_training_it_is_the_central_slice_and_with_it_stays_in_range(policy: str) -> None:
    layer = layer_of(policy)
    np.testing.assert_array_equal(layer(CROPS), CROPS[:, MARGIN:-MARGIN, MARGIN:-MARGIN])
    images = layer(CROPS, training=True).numpy()
    assert images.shape == (4, SIDE, SIDE, 1)
    assert np.isfinite(images).all()
    assert images.min() >= 0
    assert images.max() <= 1
    assert (policy == "none") == np.array_equal(images, CROPS[:, MARGIN:-MARGIN, MARGIN:-MARGIN])


def test_eager_and_graph_give_the_same_numbers_and_each_step_others() -> None:
    eager, graph = layer_of("strong"), layer_of("strong")
    step = tf.function(lambda images: graph(images, training=True))
    previous = None
    for _ in range(3):
        images = eager(CROPS, training=True).numpy()
        np.testing.assert_allclose(step(CROPS), images, atol=1e-4)
        assert previous is None or np.abs(images - previous).max() > 0.1
        previous = images


def test_a_restored_generator_goes_on_where_it_stopped() -> None:
    unbroken, continued = layer_of(), layer_of()
    for _ in range(2):
        unbroken(CROPS, training=True)
    continued.seed_generator.state.assign(unbroken.seed_generator.state)
    np.testing.assert_array_equal(continued(CROPS, training=True), unbroken(CROPS, training=True))


def test_the_state_is_among_the_variables_before_the_first_call() -> None:
    assert [v.name for v in layer_of().variables] == ["magnitude", "seed_generator_state"]


def test_what_xla_compiles_is_what_the_operations_say() -> None:
    plain, compiled = layer_of("strong"), layer_of("strong", jit_compile=True)
    draw = plain.draw(4, tf.constant([1, 2], tf.int64))
    np.testing.assert_allclose(compiled.apply(CROPS, draw), plain.apply(CROPS, draw), atol=1e-4)
    twin = layer_of("strong", jit_compile=True)
    assert twin._pixels is compiled._pixels  # one program for all layers alike


def test_nothing_leaves_the_device() -> None:
    """No Python function and no operation that only a CPU has among those of a step."""
    layer = layer_of("randaugment", jit_compile=True)
    concrete = tf.function(lambda images: layer(images, training=True)).get_concrete_function(CROPS)
    definition = concrete.graph.as_graph_def()
    kinds = {node.op for node in definition.node}
    kinds |= {node.op for function in definition.library.function for node in function.node_def}
    assert "StatelessRandomUniformV2" in kinds
    assert not {kind for kind in kinds if "PyFunc" in kind or "Projective" in kind or "NumpyFunction" in kind}


def test_the_whole_step_compiles_with_xla_mixing_included() -> None:
    layer = layer_of("strong_mix")
    labels = tf.one_hot([0, 1, 0, 1], 2)

    @tf.function(jit_compile=True)
    def step(images: tf.Tensor) -> tf.Tensor:
        draw = layer.draw(4, tf.constant([1, 2], tf.int64))
        return layer.mix(layer.apply(images, draw), labels, seed=tf.constant([1, 3], tf.int64))

    compiled = step(CROPS)
    draw = layer.draw(4, tf.constant([1, 2], tf.int64))
    plain = layer.mix(layer.apply(CROPS, draw), labels, seed=tf.constant([1, 3], tf.int64))
    for ours, theirs in zip(compiled, plain, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-4)


def test_float16_is_computed_in_float32_and_rounded_once() -> None:
    half, full = layer_of(dtype="mixed_float16"), layer_of()
    images = half(CROPS, training=True)
    assert images.dtype == tf.float16
    np.testing.assert_allclose(images, full(CROPS, training=True), atol=6e-4)
    assert half(CROPS.astype(np.float16)).dtype == tf.float16


@pytest.mark.parametrize("batch", [1, 3, 1024])
def test_any_batch_size_in_one_graph(batch: int) -> None:
    small = Augment("paper", 8, 2, seed=1, jit_compile=False)
    step = tf.function(lambda x: small(x, training=True), input_signature=[tf.TensorSpec([None, 12, 12, 1])])
    assert step(np.zeros((batch, 12, 12, 1), np.float32)).shape == (batch, 8, 8, 1)


def test_without_a_margin_the_border_is_mirrored() -> None:
    bright = np.full((4, SIDE, SIDE, 1), 0.8, np.float32)
    policy = {"operations": {"rotation_deg": {"range": [30, 60]}}}
    np.testing.assert_allclose(Augment(policy, SIDE, 0, jit_compile=False)(bright, training=True), 0.8, atol=1e-5)
    black = Augment(policy | {"fill": "constant"}, SIDE, 0, jit_compile=False)(bright, training=True)
    assert float(tf.reduce_min(black)) == 0


def test_config_holds_a_policy_given_as_an_object() -> None:
    layer = layer_of(load_policy("light"))
    twin = Augment.from_config(layer.get_config())
    np.testing.assert_array_equal(twin(CROPS, training=True), layer(CROPS, training=True))


def test_magnitude_zero_is_the_central_slice() -> None:
    layer = layer_of({"operations": {"rotation_deg": {"range": [-40, 40]}, "gamma": {"range": [0.5, 2]}}})
    layer.magnitude.assign(0)
    np.testing.assert_allclose(layer(CROPS, training=True), layer(CROPS), atol=1e-4)


def test_ramp_by_hand_and_in_fit() -> None:
    assert [ramp(epoch, 4) for epoch in range(6)] == [0.25, 0.5, 0.75, 1, 1, 1]
    assert ramp(0, 0) == 1
    layer, seen = layer_of(), []
    model = keras.Sequential([keras.Input(CROPS.shape[1:]), layer, keras.layers.Flatten(), keras.layers.Dense(1)])
    model.compile("sgd", "mse", jit_compile=False)
    look = keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: seen.append(float(layer.magnitude)))
    model.fit(CROPS, np.zeros(4), epochs=3, verbose=0, callbacks=[MagnitudeRamp(layer, 2), look])
    assert seen == [0.5, 1, 1]
    with pytest.raises(ValueError, match="epochs must not be negative, got -1"):
        MagnitudeRamp(layer, -1)


def test_mix_is_the_identity_for_a_policy_without_and_wants_patients_where_forbidden() -> None:
    labels = tf.one_hot([0, 1, 0, 1], 2)
    images, same, weights = layer_of().mix(CROPS, labels)
    assert images is CROPS
    assert same is labels
    np.testing.assert_array_equal(weights, np.ones(4))
    strict = layer_of({"mixing": {"mixup_alpha": 1, "same_patient": False}})
    with pytest.raises(ValueError, match="same_patient false, so it needs `patients`"):
        strict.mix(CROPS, labels)
    np.testing.assert_array_equal(strict.mix(CROPS, labels, patients=tf.zeros(4))[1], labels)


def test_a_size_that_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="image_size must be positive and margin not negative, got 0 and 2"):
        Augment("none", 0, 2)
