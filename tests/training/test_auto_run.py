"""A cross-validation whose folds chose differently is an ordinary RUN, for all that is done with one."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from support.two_networks import OTHER, OWN, write_two

import keras_cwp as cwp
from keras_cwp.api.planning import _probed
from keras_cwp.config import Config, ModelConfig
from keras_cwp.data.fold_plan import fold_seed
from keras_cwp.errors import ModelError, RunError
from keras_cwp.models.build import build_model
from keras_cwp.report.run_maps import map_rows
from keras_cwp.training import choose_mode
from keras_cwp.training.chosen import Chosen

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("small_network")]
PROBED, TUNED = f"probe of other.safetensors features of {OTHER}", f"fine-tuning of {OWN} from own.safetensors"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Two data sets, weights of two networks, and a rule by which fold 1 is fine-tuned and fold 2 a probe."""
    folder = tmp_path_factory.mktemp("auto")
    write_two(folder)

    def choose(_: object, train: np.ndarray, config: Config, seed: int) -> Chosen:
        if seed == fold_seed(config.seed, 2):
            return Chosen("probe", OTHER, str(folder / "other.safetensors"), len(train), "it was to be")
        return Chosen("fine_tune", config.model.arch, str(config.model.weights), len(train), "it was to be")

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KERAS_CWP_CACHE", str(folder / "cache"))
        patch.setattr(choose_mode, "package_installed", lambda _: False)
        patch.setattr(choose_mode, "choose_mode", choose)
        yield folder


def cross_validate(folder: Path, out: Path, console: Console) -> cwp.Run:
    settings = {"model.weights": str(folder / "own.safetensors"), "train.mode": "auto", "policy": "none", "epochs": 2,
                "early_stopping": 2, "folds": 2, "batch_size": 8, "warmup_epochs": 0.0, "bootstraps": 100,
                "examples": 0}  # fmt: skip
    return cwp.cross_validate(folder / "data", out, console=console, **settings)


@pytest.fixture(scope="module")
def said() -> io.StringIO:
    return io.StringIO()


@pytest.fixture(scope="module")
def run(folder: Path, said: io.StringIO) -> cwp.Run:
    return cross_validate(folder, folder / "run", Console(file=said, width=500))


@pytest.fixture(scope="module")
def pictures(folder: Path) -> list[Path]:
    return sorted((folder / "elsewhere_drawn" / "images").iterdir())[:3]


def test_the_choice_is_printed_kept_and_reported(run: cwp.Run, said: io.StringIO) -> None:
    for number, what in ((1, TUNED), (2, PROBED)):
        assert said.getvalue().count(f"fold {number}  train.mode auto: {what}; it was to be\n") == 1
    assert {number: mode["mode"] for number, mode in run.info["modes"].items()} == {"1": "fine_tune", "2": "probe"}
    page = " ".join(run.report().path.read_text(encoding="utf-8").split())
    assert f"1 of 2 folds: {TUNED}; 1 of 2 folds: {PROBED}." in page
    assert f"run: {OWN}, {OTHER} on data" in page
    assert 'id="training"' in page  # the curves of the fold that has epochs
    assert "Curves over 2 epochs; the last row ends at loss" in page
    history = run.history
    assert history.groupby("fold").size().to_dict() == {1: 2, 2: 1}
    assert history["loss"].notna().tolist() == [True, True, False]


def test_its_networks_answer_together_and_apart(run: cwp.Run, folder: Path, pictures: list[Path]) -> None:
    def answers(fold: int | None) -> np.ndarray:
        frame = cwp.load(run.path, fold=fold).predict(pictures, whole_image=True)
        return frame.filter(like="prob_").to_numpy()

    np.testing.assert_allclose(answers(None), (answers(1) + answers(2)) / 2, atol=1e-5)
    assert np.abs(answers(1) - answers(2)).max() > 1e-3
    judged = run.evaluate(folder / "elsewhere", allow_shared_patients=True)  # phantoms have the same names
    assert judged.metrics["counts"]["patients"] == 12
    own = run.folder.scores
    mapped = map_rows(run.folder, own, np.searchsorted(own.fold, [1, 2]), cwp.open_data(folder / "data"))
    assert mapped.trust is not None
    assert mapped.trust["rois"] == 2
    cwp.load(run.path, fold=2).explain(pictures[:1], folder / "maps", whole_image=True)
    assert (folder / "maps" / "index.csv").is_file()


def test_the_mean_of_its_networks_is_exported(run: cwp.Run, folder: Path, pictures: list[Path]) -> None:
    bundle = run.export(folder / "saved" / "cwp")
    expected, got = (cwp.load(path).predict(pictures, whole_image=True) for path in (run.path, bundle))
    columns = [name for name in expected if name.startswith("prob_")]
    np.testing.assert_allclose(got[columns].to_numpy(), expected[columns].to_numpy(), atol=1e-5)


def test_it_is_compared_planned_and_refitted(run: cwp.Run, folder: Path) -> None:
    shutil.copytree(run.path, folder / "same")
    page = cwp.compare([run, folder / "same"], folder / "compared").report.path.read_text(encoding="utf-8")
    assert f"{OWN}, {OTHER}" in page
    assert _probed(run).model.arch == OWN  # of as many folds the first
    made = run.refit(folder / "final")
    assert made.info["modes"]["0"]["mode"] == "fine_tune"  # all patients decided anew
    assert made.config.train.mode == "auto"
    tuned = run.history.query("fold == 1").to_dict("records")
    best = max(tuned, key=lambda row: (row["val_auc"], -row["val_loss"]))
    assert len(made.history) == best["epoch"]


def test_an_interrupted_run_goes_on_with_what_was_chosen(
    run: cwp.Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = folder / "broken"
    shutil.copytree(run.path, out)
    for name in ("scores.csv", "fold_2/scores.csv", "fold_2/model.keras", "fold_2/probe.json"):
        (out / name).unlink()
    monkeypatch.setattr(choose_mode, "choose_mode", lambda *_: pytest.fail("chosen again"))
    again = cross_validate(folder, out, Console(quiet=True))
    np.testing.assert_array_equal(again.folder.scores.probabilities, run.folder.scores.probabilities)


def test_a_network_of_it_is_where_another_training_starts(run: cwp.Run) -> None:
    build_model(ModelConfig(arch=OTHER, weights=str(run.path / "fold_2")), 3, 32)
    with pytest.raises(ModelError, match=f"the file is of {OTHER}, the configuration asks for {OWN}"):
        build_model(ModelConfig(weights=str(run.path / "fold_2")), 3, 32)
    (run.path / "fold_2" / "mode.json").rename(run.path / "kept.json")
    (run.path / "fold_2" / "mode.json").write_text("{}")
    with pytest.raises(RunError, match=r"fold_2/mode\.json: not what train\.mode auto leaves"):
        run.folder.chosen_modes()
    (run.path / "kept.json").rename(run.path / "fold_2" / "mode.json")
