from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
from keras import ops
from safetensors.numpy import load_file

from keras_cwp.config import ModelConfig
from keras_cwp.errors import CwpError, ModelError
from keras_cwp.models.build import build_model
from keras_cwp.models.own_weights import read_own, write_weights
from keras_cwp.models.pretrained import find_weights
from keras_cwp.models.probed import probed
from keras_cwp.models.weight_notes import ABOUT, read_notes

SMALL = ModelConfig(dropout=0.0)


@pytest.fixture(scope="module")
def network() -> keras.Model:
    keras.utils.set_random_seed(3)
    return build_model(SMALL, 3, 64)


def answers(model: keras.Model, side: int = 64) -> np.ndarray:
    images = np.random.default_rng(0).random((2, side, side, 1), "float32")
    return ops.convert_to_numpy(model(images))


def test_half_precision_keeps_the_answers_and_the_notes(network: keras.Model, tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    write_weights(network, path, notes={"source": "phantoms"})
    assert path.stat().st_size < 2.2 * network.count_params() + 60_000
    assert {tensor.dtype.name for tensor in load_file(path).values()} == {"float16"}
    notes = read_notes(path)
    assert notes.pop(ABOUT)
    assert notes == {"source": "phantoms"}
    other = tmp_path / "other"
    other.touch()
    assert path.stat().st_mode == other.stat().st_mode  # as readable as any file
    again = answers(read_own(path, 64))
    np.testing.assert_allclose(again, answers(network), atol=5e-3 * np.abs(again).max())


def test_without_its_head_a_file_fits_any_number_of_classes(
    network: keras.Model, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "w.safetensors"
    write_weights(network, path, head=False)
    assert not any(name.startswith("logits") for name in load_file(path))
    model = build_model(SMALL.model_copy(update={"weights": str(path)}), 5, 96)
    stem = network.get_layer("stem").get_weights()[0]
    np.testing.assert_allclose(model.get_layer("stem").get_weights()[0], stem, atol=1e-3)
    assert caplog.text == ""


@pytest.mark.parametrize("named", ["file", "folder"])
def test_a_keras_file_or_a_run_of_fit_gives_its_weights(named: str, network: keras.Model, tmp_path: Path) -> None:
    network.save(tmp_path / "model.keras")
    weights = tmp_path / "model.keras" if named == "file" else tmp_path
    model = build_model(SMALL.model_copy(update={"weights": str(weights)}), 3, 64)
    np.testing.assert_allclose(answers(model), answers(network), rtol=1e-6)


def test_a_probe_gives_its_network_but_not_its_head(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    keras.utils.set_random_seed(4)
    source = build_model(SMALL, 3, 64)
    stem = source.get_layer("stem").get_weights()[0]
    probed(source, 3).save(tmp_path / "model.keras")
    model = build_model(SMALL.model_copy(update={"weights": str(tmp_path)}), 3, 64)
    np.testing.assert_array_equal(model.get_layer("stem").get_weights()[0], stem)
    assert all(layer.trainable for layer in model.layers)
    assert "the head of a probe is dropped" in caplog.text


def test_a_run_of_cv_asks_for_one_of_its_folds(network: keras.Model, tmp_path: Path) -> None:
    (tmp_path / "fold_2").mkdir()
    network.save(tmp_path / "fold_2" / "model.keras")
    with pytest.raises(ModelError, match=r"no model\.keras there; name a fold of it, such as .*fold_2"):
        read_own(tmp_path, 64)


def test_attention_that_the_configuration_leaves_out_is_told(
    network: keras.Model, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_weights(network, tmp_path / "w.safetensors")
    build_model(ModelConfig(eca="none", weights=str(tmp_path / "w.safetensors")), 3, 64)
    assert "the file's network has ECA where the configuration has none" in caplog.text


def test_refuses_other_names_and_damaged_files(network: keras.Model, tmp_path: Path) -> None:
    with pytest.raises(CwpError, match=r"has to end in \.weights\.h5 or \.safetensors"):
        write_weights(network, tmp_path / "w.npz")
    (tmp_path / "w.safetensors").write_bytes(b"no")
    with pytest.raises(ModelError, match="damaged or not a checkpoint"):
        build_model(ModelConfig(weights=str(tmp_path / "w.safetensors")), 3, 64)
    (tmp_path / "w.keras").write_bytes(b"no")
    with pytest.raises(ModelError, match=r"w\.keras: cannot be loaded"):
        build_model(ModelConfig(weights=str(tmp_path / "w.keras")), 3, 64)
    with pytest.raises(ModelError, match=r"there is no none\.keras there"):
        build_model(ModelConfig(weights=str(tmp_path / "none.keras")), 3, 64)


def test_cxr_weights_of_another_architecture_are_not_shipped() -> None:
    with pytest.raises(ModelError, match="no such weights of authors_eca are shipped"):
        find_weights("cxr", "authors_eca")
