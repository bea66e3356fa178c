"""A state that was saved continues as if nothing had happened; a damaged one is refused."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from keras_cwp.errors import RunError
from keras_cwp.training.state import Progress, load_state, save_state


def model(width=3):
    keras.utils.set_random_seed(width)
    network = keras.Sequential([keras.Input((4,)), keras.layers.Dropout(0.5), keras.layers.Dense(width)])
    network.compile(keras.optimizers.AdamW(0.1), "mse", jit_compile=False)
    network.optimizer.build(network.trainable_variables)
    return network


def train(network, steps):
    images = np.linspace(0, 1, 32, dtype=np.float32).reshape(8, 4)
    targets = np.ones((8, network.output_shape[-1]), np.float32)
    network.fit(images, targets, batch_size=8, epochs=steps, verbose=0)


def test_continues_to_the_same_weights(tmp_path):
    undisturbed, killed, taken_up = model(), model(), model()
    train(undisturbed, 6)
    train(killed, 3)
    save_state(tmp_path / "state.npz", killed, Progress())
    train(taken_up, 1)  # whatever it did before is forgotten
    load_state(tmp_path / "state.npz", taken_up)
    train(taken_up, 3)
    for a, b in zip(undisturbed.variables, taken_up.variables, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())


def test_progress_comes_back(tmp_path):
    best = [np.arange(3.0), np.eye(2, dtype=np.float32)]
    progress = Progress([{"epoch": 1, "loss": 0.5}], 0, (0.75, -1.5), best)
    save_state(tmp_path / "state.npz", model(), progress)
    again = load_state(tmp_path / "state.npz", model())
    assert (again.history, again.best_epoch, again.best_score) == (progress.history, 0, (0.75, -1.5))
    for a, b in zip(again.best_weights, best, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_state_of_another_model_is_refused(tmp_path):
    save_state(tmp_path / "state.npz", model(3), Progress())
    with pytest.raises(RunError, match=r"state.npz: cannot continue .*remove the run"):
        load_state(tmp_path / "state.npz", model(4))


def test_a_damaged_state_is_refused(tmp_path):
    path = tmp_path / "state.npz"
    save_state(path, model(), Progress())
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(RunError, match="cannot continue"):
        load_state(path, model())


def test_an_empty_state_says_so(tmp_path):
    path = tmp_path / "state.npz"
    path.write_bytes(b"")
    with pytest.raises(RunError, match=r"state.npz: cannot continue from it \(it is empty\); remove the run"):
        load_state(path, model())
