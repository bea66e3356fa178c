"""Fine-tuning: the head comes first, stages learn at rates of their own, the schedule fits the number of ROIs."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from keras_cwp.config import Config, ModelConfig, TrainConfig
from keras_cwp.errors import ConfigError
from keras_cwp.models.build import build_model
from keras_cwp.models.stages import stage_layers
from keras_cwp.training.adapt import adapt_statistics
from keras_cwp.training.admit import admit, by_steps
from keras_cwp.training.network import _build, check_buildable
from keras_cwp.training.optim import make_optimizer
from keras_cwp.training.probe import fit_head


def test_each_stage_learns_slower_than_the_next():
    network = build_model(ModelConfig(dropout=0.0), classes=3, image_size=32)
    before = {v.path: keras.ops.convert_to_numpy(v) for v in network.trainable_variables}
    config = TrainConfig(warmup_epochs=0, learning_rate=0.01, weight_decay=0.0, layer_decay=0.5)
    optimizer = make_optimizer(config, network, 10)
    optimizer.apply([keras.ops.ones_like(v) for v in network.trainable_variables], network.trainable_variables)
    # Adam's first step is the learning rate itself
    moved = {
        v.path: float(np.abs(keras.ops.convert_to_numpy(v) - before[v.path]).max()) for v in network.trainable_variables
    }
    stages = len(stage_layers(network))
    assert moved["logits/kernel"] == pytest.approx(0.01, rel=1e-3)
    assert moved["last/kernel"] == pytest.approx(0.005, rel=1e-3)
    assert moved[network.trainable_variables[0].path] == pytest.approx(0.01 * 0.5**stages, rel=1e-2)


@pytest.mark.parametrize("fused", [True, False])
def test_weight_decay_goes_with_the_rate(fused, monkeypatch):
    variable = keras.Variable(np.ones((2, 2), "float32"), name="kernel")
    from keras_cwp.training.fused_adamw import FusedAdamW

    if not fused:
        monkeypatch.setattr(FusedAdamW, "_fits", lambda *_: False)
    optimizer = FusedAdamW(0.1, weight_decay=0.5)
    optimizer.scale_rates({variable.path: 0.25})
    optimizer.apply([keras.ops.zeros_like(variable)], [variable])
    np.testing.assert_allclose(keras.ops.convert_to_numpy(variable), 1 - 0.1 * 0.5 * 0.25, rtol=1e-6)


def test_the_schedule_follows_the_number_of_rois():
    few, many = (by_steps(TrainConfig(steps="auto"), rois) for rois in (30, 10_000))
    steps = [train.epochs * -(-rois // train.batch_size) for train, rois in ((few, 30), (many, 10_000))]
    assert steps == [200, 40 * 313]
    for train, total in zip((few, many), steps, strict=True):
        assert train.warmup_epochs <= 0.1 * train.epochs
        assert 1 / (1 - train.ema_momentum) <= 0.101 * total


def test_epochs_that_are_stated_count(prepared):
    config = Config(train={"steps": 50, "epochs": 7, "batch_size": 8})
    stated = admit(prepared, config, {"train.epochs"}).train
    assert stated.epochs == 7
    assert stated.warmup_epochs == pytest.approx(0.7)
    assert stated.ema_momentum < 0.995
    epochs = admit(prepared, config).train.epochs
    assert epochs == round(50 / -(-len(prepared) // 8))


def test_a_network_without_weights_is_not_fine_tuned(prepared):
    with pytest.raises(ConfigError, match=r"train\.mode fine_tune: .* random weights"):
        check_buildable(Config(train={"mode": "fine_tune"}), prepared)


def test_training_begins_with_a_head_that_knows_the_training_rois(prepared, tmp_path):
    start = build_model(ModelConfig(arch="shufflenet_v2_x0_5"), 2, prepared.image_size)
    path = tmp_path / "start.keras"
    start.save(path)
    config = Config(model={"weights": str(path), "dropout": 0.0}, train={"mode": "fine_tune"})
    rows = np.arange(len(prepared))
    trainee, _ = _build(prepared, rows, config, seed=0)
    again = build_model(config.model, len(prepared.classes), prepared.image_size)
    adapt_statistics(again, prepared, rows, 0)
    fit_head(again, prepared, rows, config, 0)
    np.testing.assert_array_equal(
        trainee.network.get_layer("logits").get_weights()[0], again.get_layer("logits").get_weights()[0]
    )
    crops = prepared.read(rows).astype("float32")[..., None] / 255
    side = slice(prepared.margin, prepared.margin + prepared.image_size)
    logits = np.asarray(again(crops[:, side, side], training=False))
    shares = np.bincount(prepared.labels) / len(prepared)
    losses = np.log(np.exp(logits).sum(axis=1)) - logits[rows, prepared.labels]
    assert losses.mean() < -(shares * np.log(shares)).sum()  # better than the shares of the classes alone
    average = [v for v in trainee.average if v.shape == trainee.network.get_layer("logits").kernel.shape]
    np.testing.assert_array_equal(np.asarray(average[-1]), trainee.network.get_layer("logits").get_weights()[0])
