from __future__ import annotations

import csv
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from keras_cwp.config import EvaluateConfig
from keras_cwp.errors import ScoresError
from keras_cwp.report.compared_run import ComparedRun
from keras_cwp.report.comparison import write_comparison
from keras_cwp.report.comparison_tables import settings_table
from keras_cwp.report.run_input import ReportInput
from keras_cwp.report.tables import p_text

QUICK = EvaluateConfig(bootstraps=100)


@pytest.fixture(scope="module")
def runs(run: ReportInput) -> list[ComparedRun]:
    """A run and the same with its probabilities shuffled: as good as guessing."""
    guessing = np.random.default_rng(0).permutation(run.scores.probabilities)
    history = [{"epoch": epoch, "val_accuracy": 0.5, "val_loss": 1.0, "seconds": 100} for epoch in (1, 2)]
    return [
        ComparedRun("learned", run.scores, "shufflenet_v2_x0_5", 1_234_567, 40_500_000, history),
        ComparedRun("<guessing>", replace(run.scores, probabilities=guessing)),
    ]


def test_comparison_of_a_model_with_guessing(runs: list[ComparedRun], tmp_path: Path) -> None:
    sentence = write_comparison(runs, QUICK, 0, tmp_path)
    assert sentence.startswith("<guessing>: No evidence that the model tells the classes apart")
    assert "learned has the highest macro AUC" in sentence
    assert "They differ (p" in sentence
    (pair,) = json.loads((tmp_path / "comparison.json").read_text(encoding="utf-8"))["pairs"]
    assert pair["delong"]["macro"]["value"] > 0.2
    with open(tmp_path / "tables" / "runs.csv", newline="", encoding="utf-8") as file:
        learned, guessing = csv.DictReader(file)
    assert (learned["parameters"], learned["MACs"], learned["training"]) == ("1,234,567", "40.5 M", "3 min")
    assert (guessing["parameters"], guessing["MACs"], guessing["training"]) == ("–", "–", "–")
    assert {path.stem for path in (tmp_path / "figures").glob("*.svg")} == {"roc_runs", "roc_runs_per_class", "epochs"}
    page = (tmp_path / "comparison.html").read_text(encoding="utf-8")
    assert "&lt;guessing&gt;" in page
    assert "<guessing>" not in page
    assert not re.findall(r'(?:src|href)="(?!data:|#)', page.replace("xlink:", ""))


def test_equal_runs_are_not_called_different(runs: list[ComparedRun], tmp_path: Path) -> None:
    twin = replace(runs[0], name="twin")
    assert "cannot be tested against each other" in write_comparison([runs[0], twin], QUICK, 0, tmp_path)


def test_runs_of_other_folds_are_refused_and_nothing_is_written(runs: list[ComparedRun], tmp_path: Path) -> None:
    other = replace(runs[1], scores=replace(runs[1].scores, fold=(runs[1].scores.fold + 1) % 3))
    with pytest.raises(ScoresError, match="differ in fold"):
        write_comparison([runs[0], other], QUICK, 0, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_settings_that_differ_are_short(runs: list[ComparedRun]) -> None:
    trees = (
        {"train": {"steps": None, "rate": 0.95833333333, "epochs": 3}},
        {"train": {"steps": 7, "rate": 1.0, "epochs": 3}},
    )
    table = settings_table([replace(run, settings=tree) for run, tree in zip(runs, trees, strict=True)])
    assert table is not None
    assert table.rows == (("train.steps", "–", "7"), ("train.rate", "0.958333", "1"))
    assert settings_table([replace(run, settings=trees[0]) for run in runs]) is None


def test_p_values_in_words() -> None:
    assert [p_text(p) for p in (None, 0.0004, 0.04321, 1.0)] == ["–", "p < 0.001", "p = 0.043", "p = 1.000"]
