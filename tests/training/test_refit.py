"""One network on all patients of a cross-validation: what it is trained by, and what its figures are."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import keras_cwp as cwp
from keras_cwp.cli.main import cli
from keras_cwp.errors import CwpError, RunError
from keras_cwp.prediction.decided import thresholds_of
from keras_cwp.training.run import RunFolder
from keras_cwp.training.saved import load_network

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("small_network")]

SMALL = {
    "model.dropout": 0.0, "epochs": 3, "batch_size": 8, "bootstraps": 100, "examples": 0, "warmup_epochs": 0.0,
    "policy": "none", "folds": 2,
}  # fmt: skip


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("refit")
    table = cwp.draw_phantoms(folder / "drawn", patients=12, side_px=128, radiographs=(1, 1), rois=(2, 2))
    return cwp.prepare(table, images=table.parent / "images", out=folder / "data", image_size=32).path


@pytest.fixture(scope="module")
def folds(data: Path, tmp_path_factory: pytest.TempPathFactory) -> cwp.Run:
    return cwp.cross_validate(data, tmp_path_factory.mktemp("cv") / "run", early_stopping=2, **SMALL)


def test_the_command_trains_on_everyone_and_keeps_the_figures(folds: cwp.Run, tmp_path: Path) -> None:
    out = tmp_path / "final"
    asked = CliRunner().invoke(cli, ["refit", str(folds.path), "--out", str(out)])
    assert asked.exit_code == 0, asked.output
    assert "its figures are those of" in asked.output
    made = RunFolder(out)
    assert made.info["kind"] == "refit"
    assert made.info["figures_of"] == str(folds.path.resolve())
    assert made.metrics == folds.metrics
    assert thresholds_of(out) == thresholds_of(folds.path) != {}
    assert made.config.train.early_stopping is None
    history = (out / "history.csv").read_text(encoding="utf-8").splitlines()
    best = [
        max(range(len(own)), key=lambda n, own=own: (own[n]["val_auc"], -own[n]["val_loss"])) + 1
        for _, group in folds.history.groupby("fold")
        for own in [group.to_dict("records")]
    ]
    assert len(history) - 1 == round(float(np.median(best)))
    assert "val_auc" not in history[0]
    assert load_network(out).output_shape == (None, 3)
    frame = cwp.load(out).predict(sorted((Path(folds.info["data"]).parent / "drawn" / "images").iterdir())[:1],
                                  whole_image=True)  # fmt: skip
    assert len(frame) == 1


def test_it_is_not_judged_on_its_own_patients(folds: cwp.Run, tmp_path: Path) -> None:
    made = folds.refit(tmp_path / "final")
    with pytest.raises(RunError, match="trained on all its patients, so none is left to judge it by"):
        made.evaluate()
    with pytest.raises(RunError, match=r"is a run of refit; refit takes a completed run of cv"):
        made.refit(tmp_path / "again")


def test_another_data_set_is_refused(folds: cwp.Run, tmp_path: Path) -> None:
    info = json.loads((folds.path / "run.json").read_text(encoding="utf-8"))
    other = tmp_path / "copy"
    other.mkdir()
    for name in ("scores.csv", "config.yaml"):
        (other / name).write_bytes((folds.path / name).read_bytes())
    (other / "run.json").write_text(json.dumps(info | {"data_hash": "0" * 64}), encoding="utf-8")
    with pytest.raises(CwpError, match="holds another data set than the one of this run"):
        cwp.Run(other).refit(tmp_path / "final")
    assert not (tmp_path / "final").exists()
