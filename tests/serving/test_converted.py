"""ONNX and LiteRT: what stands in a version, what it answers, and what is refused."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from click.testing import CliRunner
from support.small_run import CLASSES, IMAGE_SIZE, write_model

from keras_cwp.cli.main import cli
from keras_cwp.config import Config, ModelConfig, dump_config
from keras_cwp.errors import ModelError, ServingError
from keras_cwp.models.build import build_model
from keras_cwp.prediction import litert_format, onnx_format
from keras_cwp.prediction.formats import BOUND, BOUND_INT8, CARD_FILE, FORMATS
from keras_cwp.prediction.open_model import open_predictor
from keras_cwp.serving.converted import Converted, export_converted
from keras_cwp.training.run import ModelContract
from keras_cwp.training.saved import load_network

needs_onnx = pytest.mark.skipif(
    not onnx_format.is_installed(), reason="ONNX Runtime is not installed; pip install '.[onnx]'"
)
FORMAT_NAMES = [pytest.param("onnx", marks=needs_onnx), "litert"]


@pytest.fixture(scope="module")
def real_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A RUN whose network is as large as those that are trained: what eight bits spare is the weights'."""
    folder = tmp_path_factory.mktemp("real")
    write_model(folder, small=False)
    (folder / "config.yaml").write_text(dump_config(Config()))
    return folder


@pytest.fixture(scope="module")
def made(real_run: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Converted]:
    """One export of every format."""
    folder = tmp_path_factory.mktemp("formats")
    names = [name for name in FORMATS if name != "onnx" or onnx_format.is_installed()]
    return {name: export_converted(real_run, folder / name, name) for name in names}


@pytest.fixture(scope="module")
def other_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("other")
    write_model(folder, seed=5)
    return folder


@pytest.fixture(scope="module")
def crops() -> np.ndarray:
    """More than are run at a time."""
    return np.random.default_rng(0).random((11, IMAGE_SIZE, IMAGE_SIZE, 1), "float32")


@pytest.fixture(scope="module")
def expected(real_run: Path, crops: np.ndarray) -> np.ndarray:
    """The Keras model's answer."""
    logits = load_network(real_run / "model.keras")(crops, training=False)
    return tf.nn.softmax(tf.cast(logits, tf.float64)).numpy()


@pytest.mark.parametrize("name", FORMAT_NAMES)
def test_a_version_holds_its_files_and_a_card_that_describes_them(made: dict[str, Converted], name: str) -> None:
    path = made[name].path
    assert path.name == "1"
    assert {file.name for file in path.iterdir()} == {*FORMATS[name], CARD_FILE}
    card = json.loads((path / CARD_FILE).read_text())
    assert card["classes"] == list(CLASSES)
    for file, entry in card["files"].items():
        content = (path / file).read_bytes()
        assert entry["sha256"] == hashlib.sha256(content).hexdigest()
        assert entry["bytes"] == len(content)
        assert entry["difference"] == made[name].difference[file] <= entry["bound"]
        assert "Lite" in entry["engine"] or "ONNX Runtime" in entry["engine"]


@pytest.mark.parametrize("name", FORMAT_NAMES)
def test_every_file_answers_as_the_keras_model_does(
    made: dict[str, Converted], crops: np.ndarray, expected: np.ndarray, name: str
) -> None:
    assert expected.std(axis=0).max() > 0.01  # or the comparison says nothing
    for file, kind in FORMATS[name].items():
        ask = kind.run((made[name].path / file).read_bytes())
        for some in (crops, crops[:1], crops[:8], crops[:0]) if name == "onnx" else (crops, crops[:1]):
            np.testing.assert_allclose(ask(some), expected[: len(some)], atol=kind.bound)
            assert ask(some).dtype == np.float64


def test_eight_bits_make_a_difference_and_a_smaller_file(made: dict[str, Converted]) -> None:
    path, difference = made["litert"].path, made["litert"].difference
    assert difference["model.tflite"] <= BOUND < difference["model_int8.tflite"] <= BOUND_INT8
    assert (path / "model_int8.tflite").stat().st_size < 0.5 * (path / "model.tflite").stat().st_size


@pytest.mark.parametrize("name", FORMAT_NAMES)
def test_predict_takes_a_version_and_its_parent(
    made: dict[str, Converted], real_run: Path, crops: np.ndarray, expected: np.ndarray, name: str
) -> None:
    for path in (made[name].path, made[name].path.parent):
        opened = open_predictor(path)
        assert opened.contract == ModelContract.read(real_run)
        assert opened.engine.startswith(("ONNX Runtime", "LiteRT"))
        np.testing.assert_allclose(opened.ask(tf.constant(crops)), expected, atol=1e-5)


@needs_onnx
def test_a_run_is_predicted_by_onnx_runtime_and_quietly_by_tensorflow_without_it(
    real_run: Path, crops: np.ndarray, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    by_runtime = open_predictor(real_run)
    monkeypatch.setattr(onnx_format, "is_installed", lambda: False)
    by_tensorflow = open_predictor(real_run)
    assert by_runtime.engine == onnx_format.engine_name()
    assert by_tensorflow.engine == f"TensorFlow {tf.__version__}"
    np.testing.assert_allclose(by_runtime.ask(crops), by_tensorflow.ask(crops), atol=1e-5)
    assert not caplog.records


@needs_onnx
def test_a_gpu_keeps_tensorflow(real_run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [kind])
    assert open_predictor(real_run).engine.startswith("TensorFlow")


def test_a_network_that_onnx_does_not_know_is_predicted_by_tensorflow(
    real_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onnx_format, "why_not_onnx", lambda _: "of another kind")
    assert open_predictor(real_run).engine.startswith("TensorFlow")


@needs_onnx
def test_a_network_that_onnx_does_not_know_is_refused() -> None:
    network = build_model(ModelConfig(eca="every_conv"), 3, 32)
    contract = ModelContract(CLASSES, 32, 0.25, "pad", None, "")
    with pytest.raises(ServingError, match="is neither a ShuffleNet V2 with ECA at the ends"):
        onnx_format.to_onnx(network, contract)


def test_a_network_that_litert_does_not_know_is_named() -> None:
    network = keras.Sequential([keras.Input((8, 8, 1)), Unknown(), keras.layers.Flatten(), keras.layers.Dense(3)])
    contract = ModelContract(CLASSES, 8, 0.25, "pad", None, "")
    with pytest.raises(ServingError, match=r"--format litert: 'sequential.*' cannot be converted: "):
        litert_format.to_litert(network, contract)


class Unknown(keras.layers.Layer):
    """An operation that LiteRT has not: an incomplete gamma function."""

    def call(self, inputs):
        return tf.math.igamma(inputs, inputs)


def test_without_the_extra_the_error_says_what_to_install(real_run: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(onnx_format, "is_installed", lambda: False)
    with pytest.raises(ServingError, match=r"pip install .*onnx"):
        export_converted(real_run, tmp_path / "onnx", "onnx")
    assert not (tmp_path / "onnx").exists()


@pytest.mark.parametrize("name", FORMAT_NAMES)
def test_a_file_that_differs_too_much_is_not_published(
    other_run: Path, made: dict[str, Converted], tmp_path: Path, monkeypatch, name: str
) -> None:
    """Made of another network: as if the conversion had gone wrong."""
    file, kind = next(iter(FORMATS[name].items()))
    content = (made[name].path / file).read_bytes()
    monkeypatch.setitem(FORMATS, name, {file: replace(kind, convert=lambda *_: content)})
    with pytest.raises(ServingError, match=rf"{file} under .* differs from the Keras model by .* more than 1e-05"):
        export_converted(other_run, tmp_path / "out", name)
    assert not (tmp_path / "out").exists()


def test_no_number_is_not_within_a_bound(other_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nothing = replace(
        FORMATS["litert"]["model.tflite"],
        convert=lambda *_: b"",
        run=lambda _: lambda x: np.full((len(x), 3), np.nan),
    )
    monkeypatch.setitem(FORMATS, "litert", {"model.tflite": nothing})
    with pytest.raises(ServingError, match="by nan in a probability"):
        export_converted(other_run, tmp_path / "out", "litert")


def test_eight_bits_that_differ_too_much_are_left_out(
    other_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = FORMATS["litert"]
    strict = replace(files["model_int8.tflite"], bound=1e-12)
    monkeypatch.setitem(FORMATS, "litert", files | {"model_int8.tflite": strict})
    notes: list[str] = []
    made = export_converted(other_run, tmp_path / "out", "litert", note=notes.append)
    assert {each.name for each in made.path.iterdir()} == {"model.tflite", CARD_FILE}
    card = json.loads((made.path / CARD_FILE).read_text())
    assert list(card["files"]) == ["model.tflite"]
    assert card["left_out"] == made.left_out
    assert notes[-1] == f"left out: {made.left_out['model_int8.tflite']}"
    assert "in a probability, more than 1e-12" in notes[-1]
    assert open_predictor(made.path).engine.startswith("LiteRT")


@needs_onnx
def test_the_command_counts_versions_and_keeps_formats_apart(real_run: Path, made: dict[str, Converted]) -> None:
    out = made["onnx"].path.parent

    def export(format_name: str) -> object:
        return CliRunner().invoke(cli, ["export", str(real_run), "--out", str(out), "--format", format_name])

    result = export("onnx")
    assert result.exit_code == 0, result.output
    assert result.stdout.strip() == str(out / "2")
    assert "model.onnx: largest difference of a probability" in result.stderr
    for other in ("savedmodel", "litert"):
        refused = export(other)
        assert isinstance(refused.exception, ServingError)
        assert "holds versions of another format" in str(refused.exception)


def test_damaged_files_are_named(made: dict[str, Converted], tmp_path: Path) -> None:
    (tmp_path / "model.tflite").write_bytes(b"no flatbuffer")
    with pytest.raises(ModelError, match=r"its model card or model\.tflite cannot be read"):
        open_predictor(tmp_path)
    (tmp_path / CARD_FILE).write_bytes((made["litert"].path / CARD_FILE).read_bytes())
    with pytest.raises(ServingError, match="the LiteRT interpreter cannot read the model"):
        open_predictor(tmp_path)


@needs_onnx
def test_a_damaged_onnx_file_is_named() -> None:
    with pytest.raises(ServingError, match="ONNX Runtime cannot read the model"):
        onnx_format.run_onnx(b"no protobuf")
