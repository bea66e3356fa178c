"""`train.mode: ensemble`: a run whose networks are two each, for all that is done with one."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np
import pytest
from rich.console import Console
from support.two_networks import OTHER, OWN, two_networks

import keras_cwp as cwp
from keras_cwp.config import ModelConfig
from keras_cwp.errors import ConfigError, RunError
from keras_cwp.models.build import build_model
from keras_cwp.models.mean import networks_of, shares_of
from keras_cwp.report.run_maps import map_rows
from keras_cwp.training import choose_mode
from keras_cwp.training import network as training
from keras_cwp.training.chosen import Chosen
from keras_cwp.training.ensemble_note import ENSEMBLE_FILE, Ensemble
from keras_cwp.training.saved import load_network

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("small_network")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with two_networks(tmp_path_factory.mktemp("ensemble")) as folder:
        yield folder


def cross_validate(folder: Path, out: Path, console: Console | None = None, **more: object) -> cwp.Run:
    settings = {"model.weights": str(folder / "own.safetensors"), "train.mode": "ensemble", "policy": "none",
                "epochs": 2, "folds": 2, "batch_size": 8, "warmup_epochs": 0.0, "bootstraps": 100, "examples": 0,
                "tta": 2}  # fmt: skip
    return cwp.cross_validate(folder / "data", out, console=console, **settings | more)


@pytest.fixture(scope="module")
def run(folder: Path) -> cwp.Run:
    return cross_validate(folder, folder / "run")


@pytest.fixture(scope="module")
def pictures(folder: Path) -> list[Path]:
    return sorted((folder / "elsewhere_drawn" / "images").iterdir())[:3]


def notes(run: cwp.Run) -> list[Ensemble]:
    found = [Ensemble.read(path) for path in run.folder.model_folders()]
    assert None not in found
    return [each for each in found if each is not None]


def test_each_fold_holds_both_networks_with_the_share_that_its_note_has(run: cwp.Run) -> None:
    for path, about in zip(run.folder.model_folders(), notes(run), strict=True):
        network = load_network(path)
        assert [each.name for each in networks_of(network)] == [OWN, OTHER]
        assert shares_of(network) == pytest.approx([about.share, 1 - about.share])
        assert about.patients > 0
        assert about.log_loss.keys() == {"fine_tuned", "probe", "ensemble"}
        assert {entry.name for entry in path.iterdir()} >= {"history.csv", "tensorboard", "model.json", ENSEMBLE_FILE}
        assert not [entry for entry in path.iterdir() if entry.name in ("fine_tuned", "probe", "state.npz")]


def test_the_notes_log_loss_is_that_of_the_validation_scores(run: cwp.Run) -> None:
    scores = run.folder.validation_scores
    for number, about in enumerate(notes(run), start=1):
        own = scores.fold == number
        losses = -np.log(scores.probabilities[own, scores.label[own]])
        by_patient = [losses[scores.patient_id[own] == name].mean() for name in np.unique(scores.patient_id[own])]
        assert about.patients == len(by_patient)
        assert about.log_loss["ensemble"] == pytest.approx(np.mean(by_patient), abs=1e-4)


def test_page_and_history_tell_of_it(run: cwp.Run) -> None:
    page = " ".join(run.report().path.read_text(encoding="utf-8").split())
    shares = ", ".join(f"fold {number}: {about.share:.2f}" for number, about in enumerate(notes(run), start=1))
    assert "Each probability is the weighted mean of two networks: model.weights fine-tuned, and a probe" in page
    assert f"The share of the first was chosen by the validation patients, by log loss ({shares})." in page
    assert f"run: {OWN}, {OTHER} on data" in page
    assert 'id="training"' in page
    assert run.history.groupby("fold").size().to_dict() == {1: 2, 2: 2}


def test_it_answers_explains_exports_and_is_judged_elsewhere(run: cwp.Run, folder: Path, pictures: list[Path]) -> None:
    pytest.importorskip("onnxruntime", reason="no ONNX Runtime: pip install '.[onnx]'")
    assert all((each / "model.onnx").is_file() for each in run.folder.model_folders())
    expected = cwp.load(run.path).predict(pictures, whole_image=True)
    columns = [name for name in expected if name.startswith("prob_")]
    exported = run.export(folder / "saved" / "cwp")
    assert (exported / "assets.extra" / "model.onnx").is_file()
    card = json.loads((exported / "assets.extra" / "model_card.json").read_text("utf-8"))
    assert card["networks"] == [about.sentence for about in notes(run)]
    got = cwp.load(exported).predict(pictures, whole_image=True)
    np.testing.assert_allclose(got[columns].to_numpy(), expected[columns].to_numpy(), atol=1e-5)
    own = run.folder.scores
    mapped = map_rows(run.folder, own, np.searchsorted(own.fold, [1, 2]), cwp.open_data(folder / "data"))
    assert mapped.trust is not None
    assert mapped.trust["method"] == "layercam"
    first = cwp.load(run.path, fold=1)
    one_view = first.predict(pictures[:1], whole_image=True, views=1).iloc[0]
    shown = first.explain(pictures[:1], folder / "maps", whole_image=True).iloc[0]
    assert shown["class"] == one_view["predicted"]
    assert shown["probability"] == pytest.approx(one_view[f"prob_{shown['class']}"], abs=1e-4)
    judged = run.evaluate(folder / "elsewhere", allow_shared_patients=True)  # phantoms have the same names
    assert judged.metrics["counts"]["patients"] == 12


def test_refit_takes_the_mean_of_the_shares_and_another_training_starts_from_it(run: cwp.Run, folder: Path) -> None:
    made = run.refit(folder / "final")
    about = Ensemble.read(made.path)
    assert about is not None
    assert about.share == pytest.approx(np.mean([each.share for each in notes(run)]), abs=1e-3)
    assert (about.patients, about.log_loss) == (0, {})
    fine_tuned = build_model(ModelConfig(weights=str(made.path)), 3, 32)
    kernel = fine_tuned.get_layer("stem").kernel
    np.testing.assert_array_equal(kernel, networks_of(load_network(made.path))[0].get_layer("stem").kernel)


def test_an_interrupted_run_ends_as_an_unbroken_one(
    run: cwp.Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, saved = folder / "broken", training.save_network

    def killed(network: keras.Model, path: Path) -> None:
        if path.name == "probe":
            raise KeyboardInterrupt
        saved(network, path)

    monkeypatch.setattr(training, "save_network", killed)
    with pytest.raises(KeyboardInterrupt):
        cross_validate(folder, out)
    assert (out / "fold_1" / "fine_tuned" / "model.keras").is_file()
    monkeypatch.setattr(training, "save_network", saved)
    again = cross_validate(folder, out)
    np.testing.assert_array_equal(again.folder.scores.probabilities, run.folder.scores.probabilities)
    assert not (out / "fold_1" / "fine_tuned").exists()


def test_a_stated_share_counts_and_is_said(folder: Path) -> None:
    said = io.StringIO()
    made = cwp.fit(
        folder / "data", folder / "stated", console=Console(file=said, width=500), mode="ensemble", policy="none",
        epochs=1, batch_size=8, warmup_epochs=0.0, bootstraps=100, examples=0, ensemble_share=0.25,
        **{"model.weights": str(folder / "own.safetensors")},
    )  # fmt: skip
    assert "fit  ensemble: the fine-tuned network counts 25%, the probe 75%\n" in said.getvalue()
    (about,) = notes(made)
    assert (about.share, about.patients) == (0.25, 0)
    assert shares_of(load_network(made.path)) == [0.25, 0.75]
    assert "The share of the first was given (0.25)." in " ".join(made.report().path.read_text("utf-8").split())


def test_auto_may_choose_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = Chosen("ensemble", OWN, str(folder / "own.safetensors"), 8, "it was to be")
    monkeypatch.setattr(choose_mode, "choose_mode", lambda *_: chosen)
    monkeypatch.setattr(choose_mode, "package_installed", lambda _: False)
    run = cross_validate(folder, folder / "auto", **{"train.mode": "auto", "epochs": 1})
    assert len(notes(run)) == 2
    assert [mode["mode"] for mode in run.info["modes"].values()] == ["ensemble"] * 2
    page = " ".join(run.report().path.read_text("utf-8").split())
    assert f"2 of 2 folds: ensemble of a probe of ImageNet features and {OWN}, fine-tuned from own.safetensors." in page
    assert "Each probability is the weighted mean of two networks" in page
    assert f"auto: {OWN}, {OTHER} on data" in page
    about = Ensemble.read(run.refit(folder / "auto_final").path)
    assert about is not None
    assert about.share == pytest.approx(np.mean([each.share for each in notes(run)]), abs=1e-3)


def test_nested_cross_validation_is_refused_before_anything_is_written(folder: Path) -> None:
    with pytest.raises(ConfigError, match=r"train\.mode ensemble: validation patients choose the share .*split\.inner"):
        cross_validate(folder, folder / "nested", inner=2)
    assert not (folder / "nested").exists()


def test_a_damaged_note_is_named(run: cwp.Run, tmp_path: Path) -> None:
    shutil.copy(run.folder.model_folders()[0] / ENSEMBLE_FILE, tmp_path)
    (tmp_path / ENSEMBLE_FILE).write_text("{")
    with pytest.raises(
        RunError, match=r"ensemble\.json: not what train\.mode ensemble leaves: .*; remove the run and begin again"
    ):
        Ensemble.read(tmp_path)
