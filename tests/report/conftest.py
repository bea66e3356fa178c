"""A small, seeded report: 40 patients, three classes, three folds, phantomlike crops."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.chromium import chromium_of

from keras_cwp.config import Config, EvaluateConfig, dump_config
from keras_cwp.evaluation.metrics import evaluate
from keras_cwp.report.cases import Cases, Film
from keras_cwp.report.examples import Example
from keras_cwp.report.run_input import ReportInput
from keras_cwp.report.sections import write_report
from keras_cwp.scores import Scores

QUICK = EvaluateConfig(bootstraps=100)


def small_scores() -> Scores:
    rng = np.random.default_rng(0)
    patient = np.repeat(np.arange(40), 3)
    label = rng.integers(3, size=len(patient))
    logits = rng.normal(size=(len(patient), 3)) + 1.5 * np.eye(3)[label]
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    names = np.array([f"{row:012x}" for row in range(len(patient))])
    owners = np.array([f"p{owner}" for owner in patient])
    return Scores(("normal", "small <pq>", "large"), names, owners, owners, patient % 3, label, probabilities)


def example(kind: str, seed: int, heat: bool) -> Example:
    rng = np.random.default_rng(seed)
    heat_map, withheld = (rng.random((3, 3)), "") if heat else (None, "Heat map withheld: chance.")
    return Example(rng.random((48, 48)), heat_map, "normal", "large", 0.7, f"{seed:012x}", kind, withheld)


@pytest.fixture(scope="session")
def run() -> ReportInput:
    scores = small_scores()
    validation = replace(scores, fold=(scores.fold + 1) % 3)
    site = np.where(np.arange(len(scores)) % 2, "north", "south")
    history = [
        {"fold": fold, "epoch": epoch, "loss": 1 / epoch, "accuracy": 0.5, "val_loss": 1.1 / epoch,
         "val_accuracy": 0.4, "val_auc": float("nan") if epoch == 1 else 0.8}
        for fold in range(3) for epoch in (1, 2, 3)
    ]  # fmt: skip
    return ReportInput(
        title="A run <with> & odd name",
        scores=scores,
        metrics=evaluate(scores, QUICK, 0, validation, {"site": site}),
        how="Patients were divided into three folds.",
        validation=validation,
        history=history,
        config_yaml=dump_config(Config()),
        environment={"python": "3.11"},
        command="keras-cwp cv --data DATA --out RUN",
        examples=[example("Hardest", 1, True), example("Most typical", 2, False)],
    )


@pytest.fixture(scope="session")
def folder(run: ReportInput, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report, written once."""
    out = tmp_path_factory.mktemp("report")
    assert write_report(run, out) == out / "report.html"
    return out


def small_cases(scores: Scores, side: int = 48, withheld: int = 5) -> Cases:
    """A case a row: noise, a bright square in each map; every `withheld`-th map is withheld."""
    rng = np.random.default_rng(1)
    count = len(scores)
    heat = np.zeros((8, 8))
    heat[2:4, 2:4] = 1
    return Cases(
        scores,
        np.arange(count),
        rng.integers(0, 256, (count, side, side), dtype=np.uint8),
        [None if n % withheld == 0 else heat for n in range(count)],
        [Film(400, 500, np.full((96, 96), 90, np.uint8)), Film(300, 300)],
        np.arange(count) % 2,
        np.tile([0.1, 0.2, 0.3, 0.4], (count, 1)),
        {"site": np.where(np.arange(count) % 2, "north", "</script><b>south")},
        "Each heat map was tested.",
        "Heat map withheld: <no better>.",
    )


@pytest.fixture(scope="session")
def viewer(run: ReportInput, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of the same run with its case viewer."""
    return write_report(replace(run, cases=small_cases(run.scores)), tmp_path_factory.mktemp("viewer"))


@pytest.fixture(scope="package")
def browser() -> Iterator[Any]:
    """A browser as large as a desk's screen."""
    with chromium_of(1280, 1000) as opened:
        yield opened
