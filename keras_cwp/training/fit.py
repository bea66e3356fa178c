"""Train on one split of the patients: train, validation, test."""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from keras_cwp.config import Config
from keras_cwp.data.prepared import PreparedData
from keras_cwp.data.split_file import read_split, split_csv
from keras_cwp.data.splits import assert_disjoint, three_way
from keras_cwp.errors import SplitError
from keras_cwp.files import locked_folder, write_text
from keras_cwp.models.forward import forward
from keras_cwp.runtime import use_threads
from keras_cwp.training.admit import admit, note_short_training
from keras_cwp.training.device import command_line, environment
from keras_cwp.training.inference import as_scores, predict_probabilities
from keras_cwp.training.likeness import keep_likeness
from keras_cwp.training.network import check_buildable, train_network
from keras_cwp.training.progress import say
from keras_cwp.training.run import RunFolder, begin_run, finish_run, keep_split
from keras_cwp.training.teacher import refuse_teacher


def fit(
    data: PreparedData,
    config: Config,
    out: Path,
    console: Console,
    split: Path | None = None,
    stated: Collection[str] = (),
) -> RunFolder:
    """Train one network; its Scores are those of the held-out test patients.

    An unfinished run of the same configuration, data and split is continued.

    Args:
        split: split.csv of another fit on the same data set, to be divided as it was; None divides anew.
        stated: see `admit`.

    Raises:
        ConfigError, DataError: see `admit`; or a teacher, which only folds can have.
        CwpError: another process works in `out`.
        RunError: `out` holds something else, or the training diverged.
        SplitError: too few patients for three parts, or a file that is not such a split.
    """
    refuse_teacher(config)
    with locked_folder(out):
        config = admit(data, config, stated, say(console))
        return _fit(data, config, out, console, split)


def _fit(data: PreparedData, config: Config, out: Path, console: Console, split: Path | None) -> RunFolder:
    """`fit` of what was admitted, while the caller holds the lock."""
    use_threads(config.train.threads)
    parts = _given(split, data) if split else _drawn(data, config)
    assert_disjoint(data.patients, parts)
    check_buildable(config, data)
    run = begin_run(out, config, data.content_hash, "fit")
    write_text(run.path / "environment.json", json.dumps(environment(), indent=2) + "\n")
    keep_split(run, split_csv(data, {0: parts}))
    train, validation, test = (np.flatnonzero(parts == part) for part in ("train", "validation", "test"))
    say(console)(f"ROIs: {len(train)} for training, {len(validation)} for validation, {len(test)} held out")
    note_short_training(config, len(train), say(console))
    network = train_network(data, train, validation, config, config.seed, run.path, console, "fit")
    keep_likeness(data, np.concatenate([train, validation]), run.path)
    ask = forward(network)
    scores = {
        part: as_scores(data, rows, predict_probabilities(ask, data, rows, config.evaluate.tta))
        for part, rows in (("validation", validation), ("test", test))
    }
    finish_run(run, run_info(data, split), scores["test"], scores["validation"])
    return run


def run_info(data: PreparedData, split: Path | None) -> dict[str, Any]:
    """What run.json keeps beside kind and data hash."""
    return {"data": str(data.path.resolve()), "command": command_line(), "split_given": split is not None}


def _drawn(data: PreparedData, config: Config) -> np.ndarray:
    return three_way(data.patients, data.label_names, config.split.validation, config.split.test, config.seed)


def _given(path: Path, data: PreparedData) -> np.ndarray:
    splits = read_split(path, data)
    if list(splits) != [0]:
        raise SplitError(f"split {path}: has the folds {list(splits)} of cv; fit wants the split.csv of a fit (fold 0)")
    if not (splits[0] == "validation").any():
        raise SplitError(f"split {path}: no ROI is for validation, which chooses the thresholds")
    return splits[0]
