"""The bundle: its files, its answers in this process and in one without Keras, and what it refuses."""

from __future__ import annotations

import json
import logging
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import keras
import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import text_format
from support.small_run import CLASSES, write_model
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow_serving.apis import prediction_log_pb2
from tensorflow_serving.config import model_server_config_pb2

from keras_cwp.config import Config
from keras_cwp.data.crops import crop_roi
from keras_cwp.errors import CwpError, ModelError, RunError, ServingError
from keras_cwp.prediction.card import CARD_FILE
from keras_cwp.prediction.open_model import open_predictor
from keras_cwp.serving import export as exporting
from keras_cwp.serving.bundle import BATCH_SIZES, FILES, write_bundle_files
from keras_cwp.serving.decode import OK, UNREADABLE
from keras_cwp.serving.expected import answers_of, read_expected
from keras_cwp.serving.export import Exported, export
from keras_cwp.serving.resample import BAD_BOX
from keras_cwp.serving.server.parameters import UNSTATED
from keras_cwp.serving.server.servable import Servable
from keras_cwp.serving.signatures import BAD_PIXELS
from keras_cwp.serving.verify import verify
from keras_cwp.serving.warmup import WARMUP_FILE
from keras_cwp.training.run import ModelContract
from keras_cwp.training.saved import load_mean, load_network, load_with_contract

SIGNATURES = {"serving_default", "roi_bytes", "pixels", "classify", "regress"}


@pytest.fixture(scope="session")
def exported(fit_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    return export(fit_run, tmp_path_factory.mktemp("saved_models") / "cwp")


@pytest.fixture(scope="session")
def loaded(exported: Exported) -> Any:
    return tf.saved_model.load(str(exported.path))


def noise(seed: int, *shape: int) -> np.ndarray:
    rough = np.random.default_rng(seed).uniform(0, 255, (6, 6))
    return cv2.resize(rough, shape[::-1]).astype(np.uint8)


def png(image: np.ndarray) -> bytes:
    return bytes(cv2.imencode(".png", image)[1])


def keras_answer(run: Path, crops: list[np.ndarray]) -> np.ndarray:
    logits = load_network(run / "model.keras")(np.stack(crops)[..., None], training=False)
    return tf.nn.softmax(logits).numpy()


def training_crop(image: np.ndarray, box: tuple[float, ...] | None) -> np.ndarray:
    return crop_roi(image / np.float32(255), box, 64, 16, "pad")[16:80, 16:80]  # type: ignore[arg-type]


def test_tensorflow_says_nothing_of_it(fit_run: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """In a notebook its log prints "INFO:tensorflow:Assets written at …"."""
    network, contract = load_with_contract(fit_run)
    logger = tf.get_logger()
    before, propagated = logger.level, logger.propagate
    logger.setLevel("INFO")
    logger.propagate = True
    try:
        with caplog.at_level("INFO"):
            exporting.write_saved_model(network, contract, CLASSES[0], tmp_path / "1")
        assert logger.level == logging.INFO
    finally:
        logger.setLevel(before)
        logger.propagate = propagated
    assert [record.message for record in caplog.records if record.name == "tensorflow"] == []


def test_the_version_holds_what_tensorflow_serving_looks_for(exported: Exported) -> None:
    assert exported.path.name == "1"
    for name in ("saved_model.pb", "variables/variables.index", WARMUP_FILE, "assets.extra/model_card.json"):
        assert (exported.path / name).is_file(), name
    assert {file.name for file in exported.path.parent.iterdir()} == {*FILES, "1"}


def test_the_check_in_the_other_process_covered_every_signature(exported: Exported) -> None:
    assert set(exported.difference) == SIGNATURES
    assert exported.difference["pixels"] <= 1e-5
    assert max(exported.difference.values()) <= 5e-5
    assert exported.warmup == dict.fromkeys(SIGNATURES, 1) | {"serving_default": len(BATCH_SIZES)}


def test_the_answers_that_it_carries_are_those_of_a_server(exported: Exported) -> None:
    servable = Servable(exported.path, UNSTATED)
    found, carried = answers_of(servable), read_expected(exported.path)
    servable.close()
    assert len(carried) == len(found) == len(SIGNATURES) + len(BATCH_SIZES[1:]) + 1
    for one, other in zip(carried, found, strict=True):
        assert one.keys() == other.keys()
        for name, value in one.items():
            assert value.dtype == other[name].dtype
            if value.dtype == object:
                assert value.tolist() == other[name].tolist()
            else:
                np.testing.assert_allclose(value, other[name], atol=1e-6)
    assert len(np.unique(carried[-1]["probabilities"][:, 0])) > 1  # of noise, which is not even grey


def test_crops_and_radiographs_get_the_probabilities_of_training(fit_run: Path, loaded: Any) -> None:
    images = [noise(1, 90, 80), noise(2, 64, 64), noise(3, 200, 130)]
    boxes = [(10.0, 5.0, 40.0, 30.0), (0.0, 0.0, 64.0, 64.0), (100.0, 150.0, 30.0, 50.0)]
    files = tf.constant([png(image) for image in images])
    whole = loaded.signatures["serving_default"](image_bytes=files)["probabilities"]
    np.testing.assert_allclose(whole, keras_answer(fit_run, [training_crop(i, None) for i in images]), atol=1e-5)
    rois = loaded.signatures["roi_bytes"](image_bytes=files, box=tf.constant(boxes))["probabilities"]
    crops = [training_crop(image, box) for image, box in zip(images, boxes, strict=True)]
    np.testing.assert_allclose(rois, keras_answer(fit_run, crops), atol=1e-5)
    assert np.abs(rois - whole).max() > 0.01  # or the comparison above says nothing


def test_a_row_that_cannot_be_used_says_why_and_leaves_the_others_alone(loaded: Any) -> None:
    image = png(noise(4, 70, 70))
    files = tf.constant([image, b"junk", image, image])
    boxes = tf.constant([[0.0, 0, 70, 70], [0, 0, 5, 5], [80, 0, 10, 10], [np.nan] * 4])
    answer = loaded.signatures["roi_bytes"](image_bytes=files, box=boxes)
    assert [status.decode() for status in answer["status"].numpy()] == [OK, UNREADABLE, BAD_BOX, BAD_BOX]
    assert np.isnan(answer["probabilities"][1:]).all()
    alone = loaded.signatures["serving_default"](image_bytes=tf.constant([image]))
    np.testing.assert_allclose(answer["probabilities"][0], alone["probabilities"][0], atol=1e-6)
    assert answer["label"].numpy().tolist() == [alone["label"].numpy()[0], b"", b"", b""]


def test_pixels_that_are_not_in_the_unit_range_are_refused_by_row(loaded: Any) -> None:
    pixels = np.full((3, 64, 64, 1), 0.5, np.float32)
    pixels[1] *= 255
    pixels[2, 3, 3] = np.nan
    answer = loaded.signatures["pixels"](pixels=tf.constant(pixels))
    assert [status.decode() for status in answer["status"].numpy()] == [OK, BAD_PIXELS, BAD_PIXELS]
    assert np.isfinite(answer["probabilities"][0]).all()
    assert np.isnan(answer["probabilities"][1:]).all()


def test_classify_and_regress_say_the_same_as_predict(loaded: Any) -> None:
    image = png(noise(5, 70, 50))
    features = {
        "image_bytes": tf.train.Feature(bytes_list=tf.train.BytesList(value=[image])),
        "box": tf.train.Feature(float_list=tf.train.FloatList(value=[5, 5, 30, 30])),
    }
    crop = tf.train.Example(features=tf.train.Features(feature={"image_bytes": features["image_bytes"]}))
    roi = tf.train.Example(features=tf.train.Features(feature=features))
    inputs = tf.constant([crop.SerializeToString(), roi.SerializeToString()])
    scores = loaded.signatures["classify"](inputs=inputs)
    whole = loaded.signatures["serving_default"](image_bytes=tf.constant([image]))["probabilities"][0]
    part = loaded.signatures["roi_bytes"](image_bytes=tf.constant([image]), box=tf.constant([[5.0, 5, 30, 30]]))
    np.testing.assert_allclose(scores["scores"], [whole, part["probabilities"][0]], atol=1e-6)
    assert [name.decode() for name in scores["classes"][1].numpy()] == list(CLASSES)
    outputs = loaded.signatures["regress"](inputs=inputs)["outputs"]
    np.testing.assert_allclose(outputs, 1 - scores["scores"].numpy()[:, CLASSES.index("normal")], atol=1e-6)


def test_outputs_are_batched_float32_and_the_graph_has_no_tables_xla_or_python(exported: Exported) -> None:
    model = saved_model_pb2.SavedModel.FromString((exported.path / "saved_model.pb").read_bytes())
    graph = model.meta_graphs[0]
    assert set(graph.signature_def) >= SIGNATURES
    methods = {name: graph.signature_def[name].method_name for name in SIGNATURES}
    assert methods.pop("classify") == "tensorflow/serving/classify"
    assert methods.pop("regress") == "tensorflow/serving/regress"
    assert set(methods.values()) == {"tensorflow/serving/predict"}
    for name in SIGNATURES:
        for info in graph.signature_def[name].outputs.values():
            assert info.dtype in (tf.float32.as_datatype_enum, tf.string.as_datatype_enum)
            assert info.tensor_shape.dim[0].size == -1
    functions = graph.graph_def.library.function
    ops = {node.op for function in functions for node in function.node_def} | {n.op for n in graph.graph_def.node}
    assert not {op for op in ops if "Table" in op or "PyFunc" in op or "Xla" in op}
    assert not any(value.b for function in functions for key, value in function.attr.items() if "XlaMustCompile" in key)


def test_every_signature_and_every_allowed_batch_size_is_warmed_up(exported: Exported) -> None:
    seen = set()
    for record in tf.data.TFRecordDataset(str(exported.path / WARMUP_FILE)):
        log = prediction_log_pb2.PredictionLog.FromString(record.numpy())
        request = getattr(log, log.WhichOneof("log_type")).request
        size = (
            next(iter(request.inputs.values())).tensor_shape.dim[0].size
            if log.HasField("predict_log")
            else len(request.input.example_list.examples)
        )
        seen.add((request.model_spec.signature_name, size))
    assert seen == {(name, 1) for name in SIGNATURES} | {("serving_default", size) for size in BATCH_SIZES}
    assert (exported.path / WARMUP_FILE).stat().st_size < 1_000_000


def test_the_model_card_says_what_a_caller_must_know(exported: Exported) -> None:
    card = json.loads((exported.path / "assets.extra/model_card.json").read_text())
    assert card["classes"] == list(CLASSES)
    assert card["negative_class"] == "normal"
    assert card["input"]["image_size"] == 64
    assert card["input"]["margin_px"] == 16
    assert card["data_hash"] == "f" * 64
    assert card["config"]["train"]["epochs"] == Config().train.epochs
    assert card["metrics"] is None  # this run was never evaluated


@pytest.mark.slow
def test_the_bundle_averages_the_views_of_the_runs_figures_unless_told(fit_run: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(fit_run, run)
    contract = replace(ModelContract.read(fit_run), views=3)
    contract.write(run)
    averaging, single = export(run, tmp_path / "cwp"), export(run, tmp_path / "cwp", views=1)
    answers = []
    for version, views in ((averaging, 3), (single, 1)):
        card = json.loads((version.path / "assets.extra/model_card.json").read_text())
        assert card["input"]["views"] == views
        loaded = tf.saved_model.load(str(version.path))
        files = tf.constant([png(noise(6, 80, 90))])
        answers.append(loaded.signatures["serving_default"](image_bytes=files)["probabilities"].numpy())
    assert np.abs(answers[0] - answers[1]).max() > 1e-4


def test_models_config_is_the_servers_own_format(exported: Exported) -> None:
    text = (exported.path.parent / "models.config").read_text()
    config = text_format.Parse(text, model_server_config_pb2.ModelServerConfig()).model_config_list.config[0]
    assert (config.name, config.base_path, config.model_platform) == ("cwp", "/models/cwp", "tensorflow")


def test_batch_sizes_ascend_to_the_largest(exported: Exported) -> None:
    lines = (exported.path.parent / "batching_parameters.txt").read_text().splitlines()
    allowed = [int(line.split(":")[1]) for line in lines if line.startswith("allowed_batch_sizes")]
    assert allowed == sorted(allowed)
    assert f"max_batch_size {{ value: {allowed[-1]} }}" in lines


def test_files_that_somebody_changed_stay(tmp_path: Path) -> None:
    folder = tmp_path / "cwp"
    assert {path.name for path in write_bundle_files(folder)} == set(FILES)
    (folder / "models.config").write_text("mine")
    (folder / "monitoring.config").unlink()
    assert [path.name for path in write_bundle_files(folder)] == ["monitoring.config"]
    assert (folder / "models.config").read_text() == "mine"


def test_a_version_that_exists_is_never_overwritten(exported: Exported, fit_run: Path) -> None:
    before = (exported.path / "saved_model.pb").stat().st_mtime_ns
    with pytest.raises(ServingError, match=r"cwp/1 exists already and is never overwritten.*leave --version out for 2"):
        export(fit_run, exported.path.parent, version=1)
    assert (exported.path / "saved_model.pb").stat().st_mtime_ns == before


def test_a_check_that_fails_publishes_nothing(fit_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(folder: Path, *_: Any) -> None:
        assert (folder / WARMUP_FILE).is_file()
        raise ServingError("as told")

    def write(*arguments: Any) -> None:
        (arguments[-1] / "saved_model.pb").touch()

    monkeypatch.setattr(exporting, "write_saved_model", write)
    monkeypatch.setattr(exporting, "verify", fail)
    with pytest.raises(ServingError, match="as told"):
        export(fit_run, tmp_path / "saved" / "cwp")
    assert list(tmp_path.iterdir()) == []


def test_the_check_notices_other_weights(exported: Exported, tmp_path: Path) -> None:
    write_model(tmp_path, seed=1)
    network, contract = load_with_contract(tmp_path)
    with pytest.raises(ServingError, match=r"differs from the Keras model by .* nothing was published"):
        verify(exported.path, network, contract, "normal")


def test_the_check_notices_a_record_that_no_server_could_replay(
    exported: Exported, fit_run: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "1"
    shutil.copytree(exported.path, copy)
    with tf.io.TFRecordWriter(str(copy / WARMUP_FILE)) as writer:
        writer.write(b"\xff not a record")
    network, contract = load_with_contract(fit_run)
    with pytest.raises(ServingError, match=r"the bundle cannot be run: .*Error parsing message.*nothing was published"):
        verify(copy, network, contract, "normal")


@pytest.mark.parametrize("name", ["a b", ".hidden", "ärzte"])
def test_a_name_that_no_server_could_use(fit_run: Path, tmp_path: Path, name: str) -> None:
    with pytest.raises(ServingError, match="cannot name a model; use letters, digits"):
        export(fit_run, tmp_path / name)


def test_a_class_that_is_not_there(fit_run: Path, tmp_path: Path) -> None:
    with pytest.raises(ServingError, match="--negative 'healthy' is not a class of the model; it has large_opacity"):
        export(fit_run, tmp_path / "cwp", negative="healthy")


@pytest.mark.slow
def test_a_cv_run_without_a_fold_is_the_mean_of_its_folds(tmp_path: Path, rng: np.random.Generator) -> None:
    for fold in (1, 2):
        write_model(tmp_path / "cv" / f"fold_{fold}", seed=fold)
    networks = [load_network(tmp_path / "cv" / f"fold_{fold}") for fold in (1, 2)]
    least = dict.fromkeys(CLASSES, 0.1)
    (tmp_path / "cv" / "metrics.json").write_text(json.dumps({"conformal": {"coverage": 0.9, "thresholds": least}}))
    said: list[str] = []
    bundle = export(tmp_path / "cv", tmp_path / "cwp", note=said.append)
    assert any("mean of 2 networks" in line for line in said)
    assert max(bundle.difference.values()) < 1e-4
    pixels = rng.random((3, 64, 64, 1)).astype(np.float32)
    found = open_predictor(bundle.path).ask(pixels)
    each = [keras.ops.convert_to_numpy(keras.ops.softmax(network(pixels))) for network in networks]
    np.testing.assert_allclose(found, np.mean(each, axis=0), atol=1e-5)
    assert np.abs(each[0] - each[1]).max() > 1e-3
    np.testing.assert_allclose(found, open_predictor(tmp_path / "cv").ask(pixels), atol=1e-5)
    card = json.loads((bundle.path / CARD_FILE).read_text(encoding="utf-8"))
    assert card["metrics_are_of"].startswith("the 2 folds of the cv run")
    assert "mean of 2 networks" in card["judging"]["coverage_of_mean"]


def test_a_mean_of_networks_is_a_keras_file_too(tmp_path: Path, rng: np.random.Generator) -> None:
    for fold in (1, 2):
        write_model(tmp_path / "cv" / f"fold_{fold}", seed=fold)
    network, _ = load_mean(tmp_path / "cv", None)
    network.save(tmp_path / "mean.keras")
    pixels = rng.random((2, 64, 64, 1)).astype(np.float32)
    again = keras.models.load_model(tmp_path / "mean.keras")
    np.testing.assert_allclose(np.asarray(again(pixels)), np.asarray(network(pixels)), atol=1e-6)


def test_folds_of_other_classes_have_no_mean(tmp_path: Path) -> None:
    for fold in (1, 2):
        write_model(tmp_path / f"fold_{fold}", seed=fold)
    contract = ModelContract.read(tmp_path / "fold_2")
    replace(contract, classes=contract.classes[::-1]).write(tmp_path / "fold_2")
    with pytest.raises(ModelError, match="the folds of the run disagree about classes or input"):
        export(tmp_path, tmp_path / "out" / "cwp")


def test_a_fold_that_is_not_there(tmp_path: Path) -> None:
    for fold in (1, 2):
        (tmp_path / f"fold_{fold}").mkdir()
        (tmp_path / f"fold_{fold}" / "model.keras").write_bytes(b"")
    with pytest.raises(RunError, match="there is no fold 3; a run of cv has one model a fold; choose --fold 1, 2"):
        export(tmp_path, tmp_path / "out" / "cwp", fold=3)


def test_a_folder_that_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(CwpError, match=r"no model\.keras; expected a RUN folder"):
        export(tmp_path, tmp_path / "out" / "cwp")


def test_a_fold_of_a_fit_run(fit_run: Path, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="--fold 2 was asked for, but a run of fit has one model"):
        export(fit_run, tmp_path / "cwp", fold=2)
