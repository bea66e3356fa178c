"""`refit --distil`: one network taught by a cross-validation's, and what it keeps of their figures."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from support.two_networks import OWN, two_networks

import keras_cwp as cwp
from keras_cwp.cli.main import cli
from keras_cwp.data.prepared import PreparedData
from keras_cwp.data.split_file import read_split
from keras_cwp.errors import ConfigError, RunError
from keras_cwp.evaluation.roc import macro_auc
from keras_cwp.models.forward import forward
from keras_cwp.models.mean import networks_of
from keras_cwp.training import refit as refitting
from keras_cwp.training import teacher
from keras_cwp.training.inference import predict_probabilities
from keras_cwp.training.run import RunFolder
from keras_cwp.training.saved import load_network

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("small_network")]

SMALL = {
    "policy": "none", "epochs": 2, "folds": 2, "batch_size": 8, "warmup_epochs": 0.0, "bootstraps": 100, "examples": 0,
    "tta": 2,
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with two_networks(tmp_path_factory.mktemp("distil")) as folder:
        yield folder


def cross_validate(folder: Path, out: Path, **more: object) -> cwp.Run:
    settings = {"model.weights": str(folder / "own.safetensors"), "train.mode": "ensemble", **SMALL}
    return cwp.cross_validate(folder / "data", out, **settings | more)


@pytest.fixture(scope="module")
def run(folder: Path) -> cwp.Run:
    return cross_validate(folder, folder / "run")


@pytest.fixture(scope="module")
def made(folder: Path, run: cwp.Run) -> Iterator[tuple[cwp.Run, list[Path]]]:
    """The distilled run, and where each teacher was read from."""
    asked, read = [], teacher.load_mean

    def recorded(path: Path, fold: int | None) -> object:
        asked.append(path)
        return read(path, fold)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(teacher, "load_mean", recorded)
        yield run.refit(folder / "small", distil=True), asked


def test_each_fold_has_its_own_teacher_and_the_last_network_the_mean_of_all(
    run: cwp.Run, made: tuple[cwp.Run, list[Path]]
) -> None:
    final, asked = made
    assert asked == [run.path / "fold_1", run.path / "fold_2", run.path]
    network = load_network(final.path)
    assert (network.name, networks_of(network)) == (OWN, [])
    students = final.path / "students"
    assert (students / "split.csv").read_bytes() == (run.path / "split.csv").read_bytes()
    assert RunFolder(students).config.train.mode == "fine_tune"
    assert final.metrics == RunFolder(students).metrics
    page = (students / "report.html").read_text(encoding="utf-8")
    assert "the network of the same fold of the run run, which saw none of the patients" in " ".join(page.split())


def test_a_taught_network_is_another_than_one_without_a_teacher(
    folder: Path, made: tuple[cwp.Run, list[Path]], tmp_path: Path
) -> None:
    split = made[0].path / "split.csv"
    settings = {key: value for key, value in SMALL.items() if key != "folds"}
    alone = cwp.cross_validate(
        folder / "data", tmp_path / "alone", split=split, mode="fine_tune",
        **{"model.weights": str(folder / "own.safetensors")}, **settings
    )  # fmt: skip
    taught = RunFolder(made[0].path / "students").scores
    assert (taught.roi_id == alone.folder.scores.roi_id).all()
    assert np.abs(taught.probabilities - alone.folder.scores.probabilities).max() > 1e-4


def test_what_is_kept_is_judged_on_held_out_patients(
    folder: Path, run: cwp.Run, made: tuple[cwp.Run, list[Path]]
) -> None:
    final, _ = made
    found = final.info["distilled"]
    assert found["teachers"] == pytest.approx(run.metrics["auc"]["macro"]["value"])
    assert found["students"] == pytest.approx(final.metrics["auc"]["macro"]["value"])
    assert found["students_minus_teachers"]["value"] == pytest.approx(found["students"] - found["teachers"])
    data = PreparedData.open(folder / "data")
    probabilities, labels = [], []
    for fold, parts in read_split(run.path / "split.csv", data).items():
        rows = np.flatnonzero(parts == "test")
        inside = networks_of(load_network(run.path / f"fold_{fold}"))[0]
        probabilities.append(predict_probabilities(forward(inside), data, rows, 2))
        labels.append(data.labels[rows])
    assert found["alone"] == pytest.approx(macro_auc(np.concatenate(labels), np.concatenate(probabilities)))


def test_the_command_says_what_is_kept_and_goes_on_where_it_was_interrupted(
    run: cwp.Run, made: tuple[cwp.Run, list[Path]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    shutil.copytree(made[0].path / "students", out / "students")
    for name in ("config.yaml", "environment.json"):
        shutil.copyfile(made[0].path / name, out / name)
    begun = {key: made[0].info[key] for key in ("kind", "data_hash")}
    (out / "run.json").write_text(json.dumps(begun), encoding="utf-8")
    before = {path: path.stat().st_mtime_ns for path in (out / "students").rglob("*") if path.is_file()}
    asked = CliRunner().invoke(cli, ["refit", str(run.path), "--distil", "--out", str(out)])
    assert asked.exit_code == 0, asked.output
    assert "of networks taught fold by fold" in asked.output
    assert before == {path: path.stat().st_mtime_ns for path in (out / "students").rglob("*") if path.is_file()}
    assert RunFolder(out).info["distilled"] == made[0].info["distilled"]

    def stopped(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(refitting, "train_network", stopped)
    with pytest.raises(RunError, match="holds a completed run"):
        run.refit(out, distil=True)


def test_single_networks_as_teachers_have_no_gain_to_keep(folder: Path, tmp_path: Path) -> None:
    source = cross_validate(folder, tmp_path / "run", mode="fine_tune")
    found = source.refit(tmp_path / "small", distil=True).info["distilled"]
    assert found["alone"] is None
    assert "The teachers of the folds are single networks" in found["sentence"]


def test_a_teacher_that_saw_held_out_patients_is_refused(folder: Path, run: cwp.Run, tmp_path: Path) -> None:
    taught = {"mode": "fine_tune", "teacher": str(run.path)}
    with pytest.raises(RunError, match=r"has other folds, so its networks saw patients.*--split"):
        cross_validate(folder, tmp_path / "out", seed=1, **taught)
    settings = {key: value for key, value in SMALL.items() if key != "folds"}
    weights = {"model.weights": str(folder / "own.safetensors")}
    with pytest.raises(ConfigError, match="fit holds out other patients"):
        cwp.fit(folder / "data", tmp_path / "out", **weights, **taught, **settings)
    with pytest.raises(RunError, match="its data set is not"):
        cwp.cross_validate(folder / "elsewhere", tmp_path / "out", **weights, **taught, **SMALL)
    with pytest.raises(ConfigError, match=r"leave split\.inner out"):
        cross_validate(folder, tmp_path / "out", inner=2, **taught)
    with pytest.raises(ConfigError, match=r"train\.mode is ensemble; choose network or fine_tune"):
        cross_validate(folder, tmp_path / "out", teacher=str(run.path))
    with pytest.raises(RunError, match="not a completed run of cv"):
        cross_validate(folder, tmp_path / "out", mode="fine_tune", teacher=str(tmp_path))
    assert not (tmp_path / "out").exists()


def test_a_probe_has_nothing_to_distil(folder: Path, tmp_path: Path) -> None:
    probe = cross_validate(folder, tmp_path / "run", mode="probe")
    with pytest.raises(RunError, match="it is a probe"):
        probe.refit(tmp_path / "small", distil=True)
    assert not (tmp_path / "small").exists()
