"""The schedule by hand, and who is spared weight decay."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from keras_cwp.config import ModelConfig, TrainConfig
from keras_cwp.models.build import build_model
from keras_cwp.training.fused_adamw import FusedAdamW
from keras_cwp.training.optim import WarmupCosine, learning_rate_schedule, make_optimizer


def rates(config, steps_per_epoch, steps):
    schedule = learning_rate_schedule(config, steps_per_epoch)
    return [float(schedule(step)) for step in steps]


def test_rises_linearly_then_falls_by_half_a_cosine():
    config = TrainConfig(epochs=5, warmup_epochs=1.0, learning_rate=0.1)
    found = rates(config, 10, [0, 5, 10, 30, 50])
    np.testing.assert_allclose(found, [0, 0.05, 0.1, 0.05, 0], atol=1e-7)


def test_without_warm_up_it_starts_at_the_peak():
    assert rates(TrainConfig(epochs=2, warmup_epochs=0, learning_rate=0.1), 10, [0]) == pytest.approx([0.1])


def test_a_warm_up_longer_than_the_training_leaves_a_step_to_fall():
    found = rates(TrainConfig(epochs=1, warmup_epochs=3, learning_rate=0.1), 4, [0, 3, 4])
    np.testing.assert_allclose(found, [0, 0.1, 0], atol=1e-7)


def test_weight_decay_acts_on_kernels_alone():
    network = build_model(ModelConfig(dropout=0.0), classes=3, image_size=32)
    config = TrainConfig(warmup_epochs=0, learning_rate=0.01, weight_decay=0.5)
    optimizer = make_optimizer(config, network, 10)
    before = [keras.ops.convert_to_numpy(v) for v in network.trainable_variables]
    optimizer.apply([keras.ops.zeros_like(v) for v in network.trainable_variables], network.trainable_variables)
    for variable, old in zip(network.trainable_variables, before, strict=True):
        spared = variable.name in ("gamma", "beta", "bias") or "eca" in variable.path
        expected = old if spared else old * (1 - 0.01 * 0.5)
        np.testing.assert_allclose(keras.ops.convert_to_numpy(variable), expected, rtol=1e-5, err_msg=variable.path)


def test_an_impossible_warm_up_is_named():
    with pytest.raises(ValueError, match="warmup_steps must be from 0 to below 3, got 3"):
        WarmupCosine(0.1, 3, 3)


def test_the_schedule_comes_back_from_its_configuration():
    schedule = WarmupCosine(0.1, 2, 9)
    again = keras.optimizers.schedules.deserialize(keras.optimizers.schedules.serialize(schedule))
    assert again.get_config() == schedule.get_config()


@pytest.mark.parametrize("weight_decay", [0.0, 0.3])
def test_the_fused_step_is_keras_adamw_up_to_rounding(weight_decay):
    rng = np.random.default_rng(0)
    start = [rng.normal(size=shape).astype("float32") for shape in ((3, 3, 2, 4), (4,))]
    ours, theirs = ([keras.Variable(value) for value in start] for _ in range(2))
    options = {"weight_decay": weight_decay, "epsilon": 1e-7}
    schedules = [WarmupCosine(0.1, 2, 9) for _ in range(2)]
    fused, plain = FusedAdamW(schedules[0], **options), keras.optimizers.AdamW(schedules[1], **options)
    for optimizer, variables in ((fused, ours), (plain, theirs)):
        optimizer.build(variables)
        optimizer.exclude_from_weight_decay(var_list=[variables[1]])
    for _ in range(6):
        gradients = [rng.normal(size=value.shape).astype("float32") for value in start]
        for optimizer, variables in ((fused, ours), (plain, theirs)):
            optimizer.apply([keras.ops.convert_to_tensor(gradient) for gradient in gradients], variables)
    for our, their in zip([*ours, *fused.variables], [*theirs, *plain.variables], strict=True):
        np.testing.assert_allclose(our.numpy(), their.numpy(), rtol=1e-4, atol=5e-6, err_msg=our.path)


def test_amsgrad_and_float16_variables_are_left_to_keras():
    for dtype, amsgrad in (("float32", True), ("float16", False)):
        ours, theirs = (keras.Variable(np.ones(3), dtype=dtype) for _ in range(2))
        for kind, variable in ((FusedAdamW, ours), (keras.optimizers.AdamW, theirs)):
            optimizer = kind(0.1, amsgrad=amsgrad, epsilon=1e-4)
            optimizer.build([variable])
            optimizer.apply([keras.ops.cast(keras.ops.arange(3), dtype)], [variable])
        np.testing.assert_array_equal(ours.numpy(), theirs.numpy())
