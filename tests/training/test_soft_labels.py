"""Training on the shares of readers: what the network and the probe are given, the report, and what is refused."""

from __future__ import annotations

import csv
from pathlib import Path

import keras
import numpy as np
import pytest
from rich.console import Console
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression

from keras_cwp.config import AugmentConfig, Config, DataConfig, ModelConfig, SplitConfig, TrainConfig
from keras_cwp.data.phantom.draw import draw_phantoms
from keras_cwp.data.prepare import prepare
from keras_cwp.data.prepared import PreparedData
from keras_cwp.errors import ConfigError
from keras_cwp.models.build import build_model
from keras_cwp.models.own_weights import write_weights
from keras_cwp.report.run_report import evaluate_run
from keras_cwp.training.admit import admit
from keras_cwp.training.fit import fit
from keras_cwp.training.network import _batches, _build, class_weights
from keras_cwp.training.probe import Head
from keras_cwp.training.targets import ranks

pytestmark = pytest.mark.usefixtures("small_network")

SOFT = TrainConfig(mode="probe", labels="soft")


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_CWP_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Path], Path]:
    """Phantoms read by three readers, the third of whom takes some small opacities for none."""
    folder = tmp_path_factory.mktemp("readers")
    drawn = draw_phantoms(folder / "drawn", patients=12, side_px=192, radiographs=(1, 1), rois=(2, 3))
    with open(drawn, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    paths = []
    for reader in ("R1", "R2", "R3"):
        path = folder / f"rois_{reader}.csv"
        with open(path, "w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            for number, row in enumerate(rows):
                missed = reader == "R3" and row["label"] == "small_opacities" and number % 2
                writer.writerow(row | ({"label": "normal"} if missed else {}))
        paths.append(path)
    return paths, drawn.parent / "images"


@pytest.fixture(scope="module")
def data(tables: tuple[list[Path], Path], tmp_path_factory: pytest.TempPathFactory) -> PreparedData:
    return prepare(*tables, tmp_path_factory.mktemp("soft") / "data", DataConfig(image_size=64))


def settings(data: PreparedData, **train: object) -> Config:
    return Config(
        data=DataConfig(image_size=64, classes=data.classes),
        split=SplitConfig(validation=0.25, test=0.25),
        augment=AugmentConfig(policy="none"),
        train=TrainConfig(**{"batch_size": 8, **train}),
    )


def test_the_network_is_given_the_share_of_readers(data: PreparedData) -> None:
    rows = np.arange(len(data))
    config = settings(data, labels="soft")
    trainee, _ = _build(data, rows, config, 0)
    given = {}
    for (_, _), labels, weights in _batches(data, rows, config, 0, 0, trainee.augment).take(-(-len(rows) // 8)):
        given |= {tuple(np.round(own, 4)): float(weight) for own, weight in zip(labels.numpy(), weights, strict=True)}
    normal, small = data.classes.index("normal"), data.classes.index("small_opacities")
    split = [0.0, 0.0, 0.0]
    split[normal], split[small] = 0.3333, 0.6667
    assert tuple(np.float32(split).round(4)) in given
    assert set(given.values()) == {1.0}


def test_class_weights_of_shares_are_those_of_labels_where_all_agree() -> None:
    counts = np.bincount([0, 0, 0, 1], minlength=3)
    np.testing.assert_allclose(class_weights(counts, "balanced"), [2 / 3, 2, 0])
    np.testing.assert_array_equal(class_weights(counts.astype(float), "balanced"), class_weights(counts, "balanced"))
    np.testing.assert_allclose(class_weights(np.array([2.5, 1.5]), "balanced"), [0.8, 4 / 3])


def test_a_soft_head_is_logistic_regression_on_rows_split_between_classes(rng: np.random.Generator) -> None:
    """A ROI of shares 2/3 and 1/3 is as three ROIs with these labels, each of a third."""
    features, votes = rng.normal(size=(60, 4)), rng.integers(2, size=(60, 3))
    features[:, 0] += votes.sum(axis=1)
    soft = np.column_stack([(votes == c).mean(axis=1) for c in (0, 1)]).astype(np.float32)
    head = Head(features, votes[:, 0], soft).fitted(2, 0.1)
    scaled = (features - features.mean(axis=0)) / features.std(axis=0)
    model = LogisticRegression(C=0.1 / 3, tol=1e-8, max_iter=2000).fit(np.repeat(scaled, 3, axis=0), votes.ravel())
    found = softmax(features @ head.kernel + head.bias, axis=1)
    np.testing.assert_allclose(found, model.predict_proba(scaled), atol=2e-3)
    hard = Head(features, votes[:, 0]).fitted(2, 0.1, balanced=True)
    same = Head(features, votes[:, 0], np.eye(2)[votes[:, 0]]).fitted(2, 0.1, balanced=True)
    np.testing.assert_allclose(same.kernel, hard.kernel, atol=1e-4)


def test_a_run_on_soft_labels_is_judged_by_the_consensus_beside_its_readers(data: PreparedData, tmp_path: Path) -> None:
    keras.utils.set_random_seed(0)
    weights = tmp_path / "w.safetensors"
    write_weights(build_model(ModelConfig(), 3, 64), weights, head=False)
    config = settings(data, mode="probe", labels="soft").model_copy(update={"model": ModelConfig(weights=str(weights))})
    run = fit(data, config, tmp_path / "run", Console(quiet=True))
    row_of = {row.roi_key: number for number, row in enumerate(data.manifest)}
    rows = [row_of[key] for key in run.scores.roi_id.tolist()]
    assert run.scores.label.tolist() == data.labels[rows].tolist()
    evaluate_run(run)
    found = run.metrics["readers"]
    assert found["names"] == ["R1", "R2", "R3"]
    assert found["agreement"]["pairs"][0]["agreement"]["value"] == 1
    others_agree = data.readings[rows, 1] == data.readings[rows, 2]  # where not, nobody knows what R1 should have said
    assert 0 < others_agree.sum() < len(rows)
    assert found["beside"]["accuracy"]["readers"]["R1"]["of"] == others_agree.sum()
    page = (run.path / "report.html").read_text()
    assert "The model beside the readers" in page
    assert "Agreement of the readers" in page
    assert (run.path / "tables" / "beside_readers.csv").read_text().startswith("figure,reader,ROIs")
    assert not any(name.startswith("reader") for name in run.metrics["subgroups"])


def test_targets_that_a_data_set_cannot_give(
    data: PreparedData, tables: tuple[list[Path], Path], tmp_path: Path
) -> None:
    alone = prepare(tables[0][0], tables[1], tmp_path / "alone", DataConfig(image_size=64))
    with pytest.raises(ConfigError, match="does not keep labels of several readers"):
        admit(alone, settings(alone, labels="soft"))
    by_one = prepare(*tables, tmp_path / "by_one", DataConfig(image_size=64, reference="R1"))
    with pytest.raises(ConfigError, match="are those of R1"):
        admit(by_one, settings(by_one, labels="soft"))
    with pytest.raises(ConfigError, match=r"needs all classes from least to most .*data.ordinal is not given"):
        admit(data, settings(data, loss="cumulative"))
    order = ("normal", "small_opacities", "large_opacity")
    config = settings(data, loss="cumulative")
    config = config.model_copy(update={"data": config.data.model_copy(update={"ordinal": order})})
    assert ranks(data.classes, admit(data, config)) == tuple(data.classes.index(name) for name in order)
    short = config.data.model_copy(update={"ordinal": ("normal", "large_opacity")})
    with pytest.raises(ConfigError, match=r"data.ordinal is \['normal', 'large_opacity'\]"):
        admit(data, config.model_copy(update={"data": short}))


def test_a_network_trained_by_the_cumulative_loss_gives_probabilities(data: PreparedData, tmp_path: Path) -> None:
    config = settings(data, loss="cumulative", labels="soft", epochs=1)
    order = ("normal", "small_opacities", "large_opacity")
    config = config.model_copy(update={"data": config.data.model_copy(update={"ordinal": order})})
    run = fit(data, config, tmp_path / "run", Console(quiet=True))
    np.testing.assert_allclose(run.scores.probabilities.sum(axis=1), 1, atol=1e-6)
    with open(run.path / "history.csv", newline="", encoding="utf-8") as file:
        (row,) = csv.DictReader(file)
    assert float(row["loss"]) > np.log(3) + 0.1  # of two questions; cross-entropy begins near log 3
