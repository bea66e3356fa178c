"""Patient-grouped, label-stratified cross-validation; its Scores are out of fold."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from rich.console import Console

from keras_cwp.config import Config
from keras_cwp.data.manifest import PreparedData
from keras_cwp.data.splits import assert_disjoint, folds, validation_part
from keras_cwp.files import write_text
from keras_cwp.scores import Scores, concatenate
from keras_cwp.training.device import environment
from keras_cwp.training.fit import run_info, split_rows
from keras_cwp.training.inference import as_scores, forward, predict_probabilities
from keras_cwp.training.network import check_buildable, train_network
from keras_cwp.training.run import RunFolder, begin_run, finish_run, write_split


def cross_validate(data: PreparedData, config: Config, out: Path, console: Console) -> RunFolder:
    """Train one network a fold; each ROI is scored by a network that saw no ROI of its patient.

    Folds that are finished in an unfinished run of the same configuration and data are not trained again.

    Raises:
        RunError: `out` holds something else, or a training diverged.
        SplitError: too few patients for the folds.
    """
    splits = fold_parts(data, config)
    check_buildable(config, data)
    run = begin_run(out, config, data.content_hash, "cv")
    write_text(run.path / "environment.json", json.dumps(environment(), indent=2) + "\n")
    rows = [row for fold, parts in splits.items() for row in split_rows(data, parts, fold)]
    write_split(run.path / "split.csv", rows)
    held_out, validation = [], []
    for fold, parts in splits.items():
        test, chosen = _one_fold(data, config, run, fold, len(splits), parts, console)
        held_out.append(test)
        validation.append(chosen)
    finish_run(run, run_info(data), concatenate(held_out), concatenate(validation))
    return run


def fold_parts(data: PreparedData, config: Config) -> dict[int, np.ndarray]:
    """For each fold, from 1 on, the part of each ROI: train, validation or test.

    Repeats follow each other: with 5 folds, the second repeat's are 6 to 10. Validation patients are drawn
    from a fold's training patients and serve its early stopping and thresholds only.
    """
    splits = {}
    for repeat in range(config.split.repeats):
        outer = folds(data.patients, data.label_names, config.split.folds, fold_seed(config.seed, repeat))
        for k in range(config.split.folds):
            number = repeat * config.split.folds + k + 1
            splits[number] = _with_validation(data, outer == k, config, fold_seed(config.seed, number))
    return splits


def fold_seed(seed: int, number: int) -> int:
    """A seed for fold or repeat `number` that is not correlated with its neighbours'."""
    return int(np.random.SeedSequence([seed, number]).generate_state(1)[0] >> 1)


def _with_validation(data: PreparedData, test: np.ndarray, config: Config, seed: int) -> np.ndarray:
    parts = np.where(test, "test", "train").astype("<U10")
    rest = np.flatnonzero(~test)
    share = config.split.validation
    parts[rest[validation_part(data.patients[rest], data.label_names[rest], share, seed)]] = "validation"
    assert_disjoint(data.patients, parts)
    return parts


def _one_fold(
    data: PreparedData,
    config: Config,
    run: RunFolder,
    fold: int,
    count: int,
    parts: np.ndarray,
    console: Console,
) -> tuple[Scores, Scores]:
    """Scores of a fold's test and validation rows."""
    train, validation, test = (np.flatnonzero(parts == part) for part in ("train", "validation", "test"))
    folder = run.path / f"fold_{fold}"
    title = f"fold {fold}/{count}"
    network = train_network(data, train, validation, config, fold_seed(config.seed, fold), folder, console, title)
    ask = forward(network)
    test_scores, validation_scores = (
        as_scores(data, rows, predict_probabilities(ask, data, rows, config.evaluate.tta), fold)
        for rows in (test, validation)
    )
    console.print(f"{title}  done: {len(test)} ROIs of {len(np.unique(data.patients[test]))} patients scored")
    return test_scores, validation_scores
