"""Several devices of one machine reach the weights that one device reaches; what they cannot share is refused."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from support import mirrored_runs, mirrored_steps

from keras_cwp.config import ModelConfig, TrainConfig
from keras_cwp.errors import ConfigError
from keras_cwp.models.build import build_model
from keras_cwp.training import device
from keras_cwp.training.device import jit_compile, sharing_devices
from keras_cwp.training.shared_batch import SharedBatchNormalization, SharedDropout, as_shared, share_of

ROOT = Path(__file__).parents[2]
LIMIT = 1e-5


def in_own_process(script: object, argument: Path) -> None:
    path = os.pathsep.join([str(ROOT), str(ROOT / "tests"), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, str(getattr(script, "__file__", "")), str(argument)],
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-4000:]


@pytest.fixture(scope="module")
def steps(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[float]]:
    file = tmp_path_factory.mktemp("steps") / "differences.json"
    in_own_process(mirrored_steps, file)
    found: dict[str, list[float]] = json.loads(file.read_text())
    return found


@pytest.mark.slow
@pytest.mark.parametrize("case", ["plain", "mixing", "uneven", "average", "all"])
def test_two_and_three_devices_reach_the_variables_of_one(steps: dict[str, list[float]], case: str) -> None:
    assert len(steps[case]) == 2
    assert max(steps[case]) <= LIMIT


@pytest.mark.slow
@pytest.mark.parametrize("case", ["statistics of the own images", "mean of means", "dropout of the own images"])
def test_they_would_not_if_each_device_went_by_its_own_images(steps: dict[str, list[float]], case: str) -> None:
    assert min(steps[case]) > 100 * LIMIT


@pytest.mark.slow
def test_mixed_precision_differs_by_the_rounding_of_16_bits(steps: dict[str, list[float]]) -> None:
    assert max(steps["mixed precision"]) < 0.01


@pytest.mark.slow
def test_a_training_on_two_devices_continues_on_as_many_or_on_one(tmp_path: Path) -> None:
    in_own_process(mirrored_runs, tmp_path)
    found = json.loads((tmp_path / "differences.json").read_text())
    assert found["two devices"] <= LIMIT
    assert found["continued"] == 0
    assert found["continued on one"] <= LIMIT


@pytest.mark.parametrize("total", [1, 2, 7, 12])
def test_shares_are_the_whole_batch_once(total: int) -> None:
    batch = tf.range(total)
    shares = [share_of(tf.constant(total), number, 3) for number in range(3)]
    rows = [share.of(batch).numpy() for share in shares]
    assert [len(own) for own in rows] == [max(int(share.count), 1) for share in shares]  # a stand-in for none
    own = [one[: int(share.count)] for one, share in zip(rows, shares, strict=True)]
    np.testing.assert_array_equal(np.concatenate(own), np.arange(total))


@pytest.mark.usefixtures("small_network")
def test_the_shared_network_has_the_same_variables_by_the_same_names() -> None:
    keras.utils.set_random_seed(0)
    network = build_model(ModelConfig(), 3, 32)
    shared = as_shared(network)
    assert [v.path for v in shared.weights] == [v.path for v in network.weights]
    assert [v.path for v in shared.trainable_weights] == [v.path for v in network.trainable_weights]
    for own, other in zip(shared.variables, network.variables, strict=True):
        np.testing.assert_array_equal(own, other)
    kinds = [type(layer) for layer in shared.layers]
    assert SharedBatchNormalization in kinds
    assert SharedDropout in kinds
    images = np.random.default_rng(0).random((2, 32, 32, 1), np.float32)
    np.testing.assert_allclose(shared(images), network(images), rtol=LIMIT, atol=LIMIT)  # logits of up to 5


@pytest.mark.parametrize("kind", [keras.layers.GaussianNoise, keras.layers.SpatialDropout1D])
def test_a_layer_that_draws_for_a_whole_batch_is_refused(kind: type[keras.layers.Layer]) -> None:
    image = keras.Input((4, 4))
    noisy = keras.Model(image, kind(0.1, name="noise")(image))
    with pytest.raises(ConfigError, match=rf"layer noise \({kind.__name__}\) draws for a whole batch"):
        as_shared(noisy)


@pytest.fixture
def two_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    gpus = [tf.config.LogicalDevice(f"/device:GPU:{number}", "GPU") for number in range(2)]
    monkeypatch.setattr(device, "has_gpu", lambda: True)
    monkeypatch.setattr(tf.config, "list_logical_devices", lambda kind: gpus if kind == "GPU" else [])


@pytest.mark.usefixtures("two_gpus")
def test_devices_by_number_or_all() -> None:
    assert sharing_devices(TrainConfig()) == []
    assert sharing_devices(TrainConfig(devices="all")) == sharing_devices(TrainConfig(devices=2)) == ["GPU:0", "GPU:1"]


@pytest.mark.usefixtures("two_gpus")
def test_a_shared_step_is_not_compiled() -> None:
    assert jit_compile(TrainConfig())
    assert not jit_compile(TrainConfig(devices=2))
    with pytest.raises(ConfigError, match=r"train\.jit_compile on: a step that 2 devices share"):
        jit_compile(TrainConfig(devices=2, jit_compile="on"))


@pytest.mark.usefixtures("two_gpus")
def test_more_devices_than_there_are() -> None:
    with pytest.raises(ConfigError, match=r"train\.devices 3: TensorFlow finds GPU:0, GPU:1; set it to 2 or less"):
        sharing_devices(TrainConfig(devices=3))


@pytest.mark.usefixtures("two_gpus")
def test_a_batch_smaller_than_the_devices() -> None:
    with pytest.raises(ConfigError, match=r"train\.batch_size 1: 2 devices share each batch \(train\.devices all\)"):
        sharing_devices(TrainConfig(devices="all", batch_size=1))


def test_a_machine_without_gpu_has_one_device() -> None:
    if device.has_gpu():
        pytest.skip("this machine has a GPU")
    assert sharing_devices(TrainConfig(devices="all")) == []
    with pytest.raises(ConfigError, match=r"train\.devices 2: TensorFlow finds no GPU here, and CPU:0; set it to 1"):
        sharing_devices(TrainConfig(devices=2))
