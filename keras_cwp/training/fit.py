"""Train on one split of the patients: train, validation, test."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from rich.console import Console

from keras_cwp.config import Config
from keras_cwp.data.manifest import PreparedData
from keras_cwp.data.splits import assert_disjoint, three_way
from keras_cwp.files import write_text
from keras_cwp.training.device import command_line, environment
from keras_cwp.training.inference import as_scores, forward, predict_probabilities
from keras_cwp.training.network import check_buildable, train_network
from keras_cwp.training.run import RunFolder, begin_run, finish_run, write_split


def fit(data: PreparedData, config: Config, out: Path, console: Console) -> RunFolder:
    """Train one network; its Scores are those of the held-out test patients.

    An unfinished run of the same configuration and data is continued.

    Raises:
        RunError: `out` holds something else, or the training diverged.
        SplitError: too few patients for three parts.
    """
    parts = three_way(data.patients, data.label_names, config.split.validation, config.split.test, config.seed)
    assert_disjoint(data.patients, parts)
    check_buildable(config, data)
    run = begin_run(out, config, data.content_hash, "fit")
    write_text(run.path / "environment.json", json.dumps(environment(), indent=2) + "\n")
    write_split(run.path / "split.csv", split_rows(data, parts, 0))
    train, validation, test = (np.flatnonzero(parts == part) for part in ("train", "validation", "test"))
    console.print(f"training on {len(train)} ROIs, {len(validation)} choose the epoch, {len(test)} are held out")
    network = train_network(data, train, validation, config, config.seed, run.path, console, "fit")
    ask = forward(network)
    scores = {
        part: as_scores(data, rows, predict_probabilities(ask, data, rows, config.evaluate.tta))
        for part, rows in (("validation", validation), ("test", test))
    }
    finish_run(run, run_info(data), scores["test"], scores["validation"])
    return run


def split_rows(data: PreparedData, parts: np.ndarray, fold: int) -> list[tuple[str, ...]]:
    """Rows of split.csv for one fold; names are pseudonyms."""
    return [
        (row.roi_key, row.patient_key, row.image_key, str(fold), str(part))
        for row, part in zip(data.manifest, parts, strict=True)
    ]


def run_info(data: PreparedData) -> dict[str, str]:
    """What run.json keeps beside kind and data hash."""
    return {"data": str(data.path.resolve()), "command": command_line()}
