"""compare on RUN folders written by hand: what cv would leave, without its hours."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from keras_cwp.cli.main import cli
from keras_cwp.config import Config, EvaluateConfig, ModelConfig, dump_config
from keras_cwp.errors import CwpError, RunError, ScoresError
from keras_cwp.models.build import build_model
from keras_cwp.report.run_comparison import compare_runs, run_names
from keras_cwp.scores import Scores
from keras_cwp.training.run import ModelContract
from keras_cwp.training.size_note import NetworkSize

pytestmark = pytest.mark.usefixtures("small_network")

CLASSES = ("normal", "opacity")


@cache
def _network() -> Path:
    """An untrained network, whose parameters and multiply-accumulates compare counts."""
    file = Path(tempfile.mkdtemp()) / "model.keras"
    build_model(ModelConfig(), len(CLASSES), 32).save(file)
    return file


def write_run(folder: Path, scores: Scores) -> Path:
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text(dump_config(Config(evaluate=EvaluateConfig(bootstraps=100))))
    (folder / "run.json").write_text(json.dumps({"kind": "fit", "data_hash": "x"}))
    (folder / "history.csv").write_text("epoch,loss,val_loss,accuracy,val_accuracy,seconds\n1,1,1,0.5,0.5,60\n")
    shutil.copy(_network(), folder / "model.keras")
    ModelContract(CLASSES, 32, 0.25, "pad", None, "x").write(folder)
    scores.to_csv(folder / "scores.csv")
    return folder


@pytest.fixture
def scores() -> Scores:
    rng = np.random.default_rng(0)
    label = rng.integers(2, size=60)
    share = 1 / (1 + np.exp(-rng.normal(size=60) - 2 * label + 1))
    names = np.array([f"r{row}" for row in range(60)])
    patients = np.array([f"p{row // 2}" for row in range(60)])
    return Scores(CLASSES, names, patients, names, np.zeros(60, int), label, np.stack([1 - share, share], axis=1))


def test_compare_writes_a_page_a_table_and_the_tests(scores: Scores, tmp_path: Path) -> None:
    guessing = replace(scores, probabilities=scores.probabilities[::-1].copy())
    runs = [write_run(tmp_path / name, own) for name, own in (("a", scores), ("b", guessing))]
    out = tmp_path / "out"
    answer = CliRunner().invoke(cli, ["compare", *map(str, runs), "--out", str(out)], catch_exceptions=False)
    assert answer.exit_code == 0, answer.output
    assert "a has the highest macro AUC" in answer.output
    assert (out / "comparison.html").is_file()
    table = (out / "tables" / "runs.csv").read_text(encoding="utf-8")
    assert "shufflenet_v2_x0_5" in table
    assert " M," in table  # multiply-accumulates are counted
    assert json.loads((out / "comparison.json").read_text())["runs"] == ["a", "b"]


def test_a_kept_size_spares_loading_the_network(scores: Scores, tmp_path: Path) -> None:
    """In a process of its own, for TensorFlow is imported in this one. The network's file is no network."""
    runs = [write_run(tmp_path / name, scores) for name in "ab"]
    for run in runs:
        NetworkSize(parameters=1_234_567, macs=8_000_000).write(run)
        (run / "model.keras").write_bytes(b"not read")
    told = (
        "import sys; from keras_cwp.cli.main import cli; cli(sys.argv[1:], standalone_mode=False); "
        "assert 'tensorflow' not in sys.modules"
    )
    command = [sys.executable, "-c", told, "compare", *map(str, runs), "--out", str(tmp_path / "out")]
    subprocess.run(command, check=True, capture_output=True)
    assert "8.0 M" in (tmp_path / "out" / "tables" / "runs.csv").read_text(encoding="utf-8")


def test_a_damaged_size_is_named(scores: Scores, tmp_path: Path) -> None:
    runs = [write_run(tmp_path / name, scores) for name in "ab"]
    (runs[1] / "size.json").write_text('{"parameters": 3')
    with pytest.raises(RunError, match=r"b/size\.json: not what training wrote .*delete the file"):
        compare_runs(runs, tmp_path / "out")


def test_runs_of_other_rois_are_refused(scores: Scores, tmp_path: Path) -> None:
    runs = [write_run(tmp_path / "a", scores), write_run(tmp_path / "b", scores.take(np.arange(50)))]
    with pytest.raises(ScoresError, match="run b 50"):
        CliRunner().invoke(cli, ["compare", *map(str, runs), "--out", str(tmp_path / "o")], catch_exceptions=False)


def test_what_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="expected a RUN folder"):
        CliRunner().invoke(
            cli, ["compare", str(tmp_path / "a"), str(tmp_path / "b"), "--out", str(tmp_path / "o")],
            catch_exceptions=False,
        )  # fmt: skip


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--config", "a.yaml"], "say with --data what to cross-validate on"),
        (["run", "--data", "d"], "are for --config, and there is none"),
        (["--config", "a.yaml", "--config", "b/a.yaml", "--data", "d"], "two files have the same name"),
    ],
)
def test_what_cannot_be_trained_is_refused(words: list[str], message: str, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("b").mkdir()
    for name in ("a.yaml", "b/a.yaml"):
        Path(name).write_text("")
    with pytest.raises(CwpError, match=message):
        CliRunner().invoke(cli, ["compare", *words, "--out", "o"], catch_exceptions=False)


def test_names_tell_runs_apart(tmp_path: Path) -> None:
    assert run_names([tmp_path / "x", tmp_path / "y"]) == ["x", "y"]
    assert run_names([tmp_path / "1" / "x", tmp_path / "2" / "x"]) == ["1/x", "2/x"]
    with pytest.raises(RunError, match="named twice"):
        run_names([tmp_path / "x", tmp_path / "x"])


def test_seeds_of_one_configuration_are_replicates(scores: Scores, tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    runs = []
    for name, seed, epochs in (("a_1", 1, 3), ("a_2", 2, 3), ("b_1", 1, 4), ("b_2", 2, 4)):
        noise = rng.normal(size=(60, 1)) * 0.5
        share = 1 / (1 + np.exp(-(np.log(scores.probabilities[:, 1:] / scores.probabilities[:, :1]) + noise)))
        run = write_run(tmp_path / name, replace(scores, probabilities=np.concatenate([1 - share, share], axis=1)))
        config = Config(seed=seed, evaluate=EvaluateConfig(bootstraps=100))
        config = config.model_copy(update={"train": config.train.model_copy(update={"epochs": epochs})})
        (run / "config.yaml").write_text(dump_config(config))
        runs.append(run)
    out = tmp_path / "out"
    answer = CliRunner().invoke(cli, ["compare", *map(str, runs), "--out", str(out)], catch_exceptions=False)
    assert "difference between the architectures a (2 seeds) and b (2)" in answer.output
    (pair,) = json.loads((out / "comparison.json").read_text())["architectures"]
    assert pair["runs"] == [2, 2]
    assert (out / "tables" / "architectures.csv").is_file()
