from __future__ import annotations

import csv
import json
from pathlib import Path

import keras
import numpy as np
import pytest
from rich.console import Console
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression

from keras_cwp.config import Config, DataConfig, ModelConfig, SplitConfig, TrainConfig
from keras_cwp.data.phantom.draw import draw_phantoms
from keras_cwp.data.prepare import prepare
from keras_cwp.data.prepared import PreparedData
from keras_cwp.errors import ConfigError
from keras_cwp.explain.heat_maps import heat_maps
from keras_cwp.models.build import build_model
from keras_cwp.models.own_weights import write_weights
from keras_cwp.prediction.open_model import open_predictor
from keras_cwp.serving.export import export
from keras_cwp.training.beside import probe_config
from keras_cwp.training.fit import fit
from keras_cwp.training.probe import STRENGTHS, UNCHOSEN, Head, cached_features, choose_strength
from keras_cwp.training.saved import load_network

pytestmark = pytest.mark.usefixtures("small_network")

SILENT = Console(quiet=True)
PROBE = Config(train=TrainConfig(mode="probe"))


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("KERAS_CWP_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> PreparedData:
    folder = tmp_path_factory.mktemp("probe")
    table = draw_phantoms(folder / "drawn", patients=12, side_px=192, radiographs=(1, 1), rois=(2, 3))
    return prepare(table, table.parent / "images", folder / "data", DataConfig(image_size=64))


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    keras.utils.set_random_seed(0)
    path = tmp_path_factory.mktemp("weights") / "w.safetensors"
    write_weights(build_model(ModelConfig(), 3, 64), path, head=False)
    return path


def settings(weights: Path, data: PreparedData) -> Config:
    return Config(
        data=DataConfig(image_size=data.image_size, classes=data.classes),
        split=SplitConfig(validation=0.25, test=0.25),
        model=ModelConfig(weights=str(weights)),
        train=TrainConfig(mode="probe"),
    )


@pytest.mark.parametrize("rows", [30, 90], ids=["fewer rows than features", "more"])
@pytest.mark.parametrize("classes", [2, 3])
def test_head_is_logistic_regression_on_standardised_features(
    rows: int, classes: int, rng: np.random.Generator
) -> None:
    features = rng.normal(5, [1, 10] * 20, (rows, 40))
    features[:, 7] = 3.0  # a feature that never varies
    labels = np.arange(rows) % classes
    features[:, 0] += labels
    spread = features.std(axis=0)
    scaled = (features - features.mean(axis=0)) / np.where(spread > 1e-9, spread, 1)
    expected = LogisticRegression(C=0.01, max_iter=5000, tol=1e-8).fit(scaled, labels).predict_proba(scaled)
    head = Head(features, labels).fitted(classes, 0.01)
    np.testing.assert_allclose(softmax(features @ head.kernel + head.bias, axis=1), expected, atol=2e-3)
    assert head.kernel[7].tolist() == [0] * classes


def test_a_class_without_a_roi_is_improbable(rng: np.random.Generator) -> None:
    features, labels = rng.normal(size=(20, 4)), np.arange(20) % 2 * 2
    head = Head(features, labels).fitted(3, 0.1)
    assert softmax(features @ head.kernel + head.bias, axis=1)[:, 1].max() < 1e-6


def test_features_that_only_name_the_patient_are_not_rewarded(rng: np.random.Generator) -> None:
    patients = np.repeat([f"p{number:02d}" for number in range(30)], 6)
    labels = np.repeat(np.arange(30) % 2, 6)
    features = np.repeat(rng.normal(size=(30, 80)), 6, axis=0)  # alike within a patient, and of no use elsewhere
    strength, losses = choose_strength(features, labels, patients, 2, PROBE, 0)
    assert losses[strength] > 0.5  # by chance, of two classes: 0.69
    own_rois = np.array([f"r{number}" for number in range(180)])  # folds that part a patient's ROIs would be deceived
    deceived, losses = choose_strength(features, labels, own_rois, 2, PROBE, 0)
    assert losses[deceived] < 0.2
    assert set(losses) <= set(STRENGTHS)


def test_too_few_patients_to_choose_by(rng: np.random.Generator) -> None:
    labels = np.array([0, 0, 1, 1])
    patients = np.array(["a", "a", "b", "b"])
    assert choose_strength(rng.normal(size=(4, 3)), labels, patients, 2, PROBE, 0) == (UNCHOSEN, {})


@pytest.mark.slow
def test_fit_leaves_an_ordinary_run(data: PreparedData, weights: Path, own_cache: Path, tmp_path: Path) -> None:
    run = fit(data, settings(weights, data), tmp_path / "run", SILENT)
    network = load_network(run.path)
    assert [weight.path for weight in network.trainable_variables] == ["logits/kernel", "logits/bias"]
    about = json.loads((run.path / "probe.json").read_text())
    assert about["features"] == network.get_layer("logits").kernel.shape[0] == 8 + 8 + 16 + 32 + 64
    kept = list((own_cache / "features").iterdir())
    assert len(kept) == 1
    assert len(np.load(kept[0])) == len(data)

    with open(run.path / "split.csv", newline="", encoding="utf-8") as file:
        parts = [line["part"] for line in csv.DictReader(file)]
    rows = np.flatnonzero(np.array(parts) == "test")
    inner = slice(data.margin, data.margin + data.image_size)
    images = (data.read(rows)[:, inner, inner] / np.float32(255))[..., None].astype("float32")
    predictor = open_predictor(run.path)
    assert predictor.engine.startswith("ONNX Runtime")
    answers = predictor.ask(images)
    order = [run.scores.roi_id.tolist().index(data.manifest[int(row)].roi_key) for row in rows]
    np.testing.assert_allclose(answers, run.scores.probabilities[order], atol=1e-5)
    maps = heat_maps(network, images[:2], np.array([0, 1]))
    assert maps.shape == (2, 64, 64)
    assert maps.max() == 1
    bundle = export(run.path, tmp_path / "bundle")
    assert max(bundle.difference.values()) < 1e-4
    np.testing.assert_allclose(open_predictor(bundle.path).ask(images), answers, atol=1e-5)


def test_features_are_computed_once_for_a_data_set(
    data: PreparedData, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from keras_cwp.models.probed import probed
    from keras_cwp.training import probe

    config = ModelConfig(weights=str(weights))
    first = cached_features(probed(build_model(config, 3, 64), 3), data)
    monkeypatch.setattr(probe, "features_of", lambda *_: pytest.fail("computed again"))
    again = cached_features(probed(build_model(config, 3, 64), 3), data)
    np.testing.assert_array_equal(first, again)
    other = probed(build_model(ModelConfig(), 3, 64), 3)
    with pytest.raises(pytest.fail.Exception, match="computed again"):
        cached_features(other, data)


def test_a_probe_of_random_weights_is_refused(data: PreparedData, tmp_path: Path) -> None:
    config = settings(Path("none"), data).model_copy(update={"model": ModelConfig()})
    with pytest.raises(ConfigError, match=r"train\.mode probe: shufflenet_v2_x0_5 has random weights"):
        fit(data, config, tmp_path / "run", SILENT)
    assert not (tmp_path / "run").exists()


def test_weights_that_know_the_held_out_patients_are_refused(data: PreparedData, weights: Path, tmp_path: Path) -> None:
    run = fit(data, settings(weights, data), tmp_path / "run", SILENT)
    with pytest.raises(ConfigError, match=r"that network was trained on .* the data set of this training"):
        fit(data, settings(run.path, data), tmp_path / "again", SILENT)


def test_the_probe_beside_a_network_has_the_same_folds_and_no_candidates() -> None:
    config = Config(seed=3, split=SplitConfig(folds=4, inner=2), candidates={"a": {"model": {"eca": "none"}}})
    probe = probe_config(config)
    assert (probe.seed, probe.split, probe.data) == (config.seed, config.split, config.data)
    assert (probe.train.mode, probe.model.arch, probe.model.weights) == ("probe", "efficientnet_lite0", "imagenet")
    assert probe.candidates == {}
