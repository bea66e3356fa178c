"""`plan` on a run of a probe: the command, the figures, and what it refuses."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import keras
import pytest
from click.testing import CliRunner

import keras_cwp as cwp
from keras_cwp.cli.main import cli
from keras_cwp.config import ModelConfig
from keras_cwp.errors import CwpError
from keras_cwp.models.build import build_model
from keras_cwp.models.own_weights import write_weights

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("small_network")]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("plan")
    table = cwp.draw_phantoms(folder / "drawn", patients=48, side_px=128, radiographs=(1, 1), rois=(2, 2))
    data = cwp.prepare(table, images=table.parent / "images", out=folder / "data", image_size=64)
    keras.utils.set_random_seed(0)
    write_weights(build_model(ModelConfig(), 3, 64), folder / "w.safetensors", head=False)
    settings = {"model.weights": str(folder / "w.safetensors"), "train.mode": "probe", "folds": 3, "bootstraps": 100}
    return cwp.cross_validate(data, folder / "run", **settings).path


def test_the_command_says_what_more_patients_bring(run: Path) -> None:
    asked = CliRunner().invoke(cli, ["plan", str(run), "--repeats", "1", "--half-width", "0.02", "--json"])
    assert asked.exit_code == 0, asked.output
    tree = json.loads(asked.output.splitlines()[-1])
    assert tree["patients"] == tree["judged"] == 48
    assert tree["twice"]["patients"] == 96
    assert tree["twice"]["low"] <= tree["twice"]["auc"] <= tree["twice"]["high"]
    assert [point["patients"] for point in tree["curve"]] == sorted(point["patients"] for point in tree["curve"])
    judged = tree["judged_wished"]
    assert judged["low"] < judged["patients"] == pytest.approx(48 * (tree["half_width"] / 0.02) ** 2, rel=0.2)
    assert judged["patients"] < judged["high"]


def test_a_data_set_that_is_gone_or_another(run: Path, tmp_path: Path) -> None:
    copy = tmp_path / "run"
    shutil.copytree(run, copy)
    info = json.loads((copy / "run.json").read_text(encoding="utf-8"))
    for change, message in (
        ({"data": str(tmp_path / "gone")}, "not there any more"),
        ({"data_hash": "0"}, "another data"),
    ):
        (copy / "run.json").write_text(json.dumps(info | change), encoding="utf-8")
        with pytest.raises(CwpError, match=message):
            cwp.plan(copy)


@pytest.mark.parametrize("wrong", [0.0, 0.5, -1.0])
def test_a_half_width_that_cannot_be(run: Path, wrong: float) -> None:
    with pytest.raises(CwpError, match=r"expected a number between 0 and 0\.5"):
        cwp.plan(run, half_width=wrong)
