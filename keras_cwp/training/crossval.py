"""Patient-grouped cross-validation: folds are planned, run somewhere, and joined; its Scores are out of fold."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from keras_cwp.candidates import candidate_configs
from keras_cwp.config import Config
from keras_cwp.data.fold_plan import fold_parts
from keras_cwp.data.prepared import PreparedData
from keras_cwp.data.split_file import SPLIT_FILE, read_split, split_csv
from keras_cwp.errors import ConfigError, SplitError
from keras_cwp.files import locked_folder, write_text
from keras_cwp.runtime import use_threads
from keras_cwp.scores import concatenate
from keras_cwp.training.admit import admit, note_short_training
from keras_cwp.training.beside import probe_config, probe_run
from keras_cwp.training.device import environment
from keras_cwp.training.fit import run_info
from keras_cwp.training.fold import FoldJob, fold_scores, run_fold
from keras_cwp.training.fold_progress import FoldProgress
from keras_cwp.training.network import check_buildable
from keras_cwp.training.progress import say
from keras_cwp.training.run import RunFolder, begin_run, finish_run, keep_split
from keras_cwp.training.search import import_optuna
from keras_cwp.training.search_space import laid_over, space_of
from keras_cwp.training.teacher import check_teacher

RunFolds = Callable[[Sequence[FoldJob], Callable[[FoldJob], None]], None]


def one_by_one(jobs: Sequence[FoldJob], done: Callable[[FoldJob], None]) -> None:
    """Run the folds in this process; `done` is told of each. See parallel.py and ray_cluster.py for other ways."""
    for job in jobs:
        run_fold(job)
        done(job)


def cross_validate(
    data: PreparedData,
    config: Config,
    out: Path,
    console: Console,
    split: Path | None = None,
    run_folds: RunFolds = one_by_one,
    stated: Collection[str] = (),
    baseline: str | None = None,
) -> RunFolder:
    """Train one network a fold; each ROI is scored by a network that saw no ROI of its patient.

    Folds that are finished in an unfinished run of the same configuration, data and split are not trained again.

    Args:
        split: split.csv of another cv on the same data set, for the same folds; None draws them by the configuration.
        run_folds: runs the jobs that are left, in any order, and calls the function it gets after each.
        stated: see `admit`.
        baseline: "probe" cross-validates a probe on the same folds too, into `beside.probe_run`.

    Raises:
        DataError: see `admit`.
        CwpError: another process works in `out`.
        RunError: `out` holds something else, a training diverged, or `train.teacher` has other folds.
        SplitError: too few patients for the folds, or a file that is not such a split.
        ConfigError: see `admit`; or a candidate of nested cross-validation that is no configuration, or a space.
    """
    with locked_folder(out):
        config = admit(data, config, stated, say(console))
        use_threads(config.train.threads)
        run, jobs = begin_cv(data, config, out, split)
        if baseline == "probe" and not RunFolder(probe_run(run.path)).complete:
            cross_validate(data, probe_config(config), probe_run(run.path), console, run.path / SPLIT_FILE)
        note_short_training(config, min(len(job.rows("train")) for job in jobs), say(console))
        run_jobs(jobs, console, run_folds)
        finish_cv(run, jobs, run_info(data, split))
    return run


def begin_cv(data: PreparedData, config: Config, out: Path, split: Path | None) -> tuple[RunFolder, list[FoldJob]]:
    """Make or take up the RUN folder, and say what is to be run; raises as `cross_validate`."""
    splits = given_parts(split, data, config) if split else fold_parts(data, config)
    for candidate in (*candidate_configs(config).values(), *_to_search(config)):
        check_buildable(candidate, data)
    check_teacher(config, data, splits)
    run = begin_run(out, config, data.content_hash, "cv")
    write_text(run.path / "environment.json", json.dumps(environment(), indent=2) + "\n")
    keep_split(run, split_csv(data, splits))
    home = data.path.resolve()
    return run, [
        FoldJob(home, data.content_hash, config, run.path.resolve(), fold, parts) for fold, parts in splits.items()
    ]


def _to_search(config: Config) -> list[Config]:
    """Configurations that show whether all that a search may draw can be built; none without a search.

    Raises:
        CwpError: Optuna is not installed.
        ConfigError: see `space_of`; or no inner folds, or candidates beside the search.
    """
    if not config.search.space:
        return []
    if config.split.inner is None or config.candidates:
        raise ConfigError("search.space: inner folds choose by it; give split.inner, and no candidates")
    import_optuna()
    space = space_of(config)
    shown = {key: values for key, values in space.items() if key == "train.mode" or not key.startswith("train.")}
    return [laid_over(config, {key: value}) for key, values in shown.items() for value in values.examples]


def run_jobs(jobs: Sequence[FoldJob], console: Console, run_folds: RunFolds) -> None:
    """Run the folds that are not done, of one run or of several, and show how far they are."""
    with FoldProgress(console, jobs) as progress:
        run_folds([job for job in jobs if not job.done], progress.done)


def finish_cv(run: RunFolder, jobs: Sequence[FoldJob], info: dict[str, Any]) -> None:
    """Join the folds' Scores and mark the run complete."""
    held_out, validation = zip(*(fold_scores(job) for job in jobs), strict=True)
    finish_run(run, info, concatenate(list(held_out)), concatenate(list(validation)))


def given_parts(path: Path, data: PreparedData, config: Config) -> dict[int, np.ndarray]:
    """The folds of a split.csv; where inner folds choose, its validation ROIs are for training.

    Raises:
        SplitError: see `read_split`; or the folds of a fit, or none to validate by.
    """
    splits = read_split(path, data)
    if list(splits) != list(range(1, len(splits) + 1)) or len(splits) < 2:
        raise SplitError(f"split {path}: has the folds {list(splits)}; cv wants the split.csv of a cv (folds 1, 2 …)")
    if config.split.inner is not None:
        return {fold: np.where(parts == "validation", "train", parts) for fold, parts in splits.items()}
    for fold, parts in splits.items():
        if not (parts == "validation").any():
            raise SplitError(f"split {path}, fold {fold}: no ROI is for validation; give --inner, or another split")
    return splits
