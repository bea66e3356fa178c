"""keras-cwp search."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from keras_cwp.cli.options import (
    PATH,
    Output,
    check_source,
    output_options,
    running_options,
    split_option,
    training_options,
)
from keras_cwp.cli.results import show_run

if TYPE_CHECKING:
    from keras_cwp.api.training import Folds


@click.command("search")
@training_options
@click.option("--space", type=PATH, required=True, help="YAML: keys of the configuration, and values to choose from.")
@click.option("--trials", type=click.IntRange(min=1), help="Configurations to try in each outer fold (default: 20).")
@split_option
@click.option("--folds", type=click.IntRange(min=2), help="Outer folds: short for --set split.folds=N.")
@click.option("--inner", type=click.IntRange(min=2), help="Inner folds that choose: short for --set split.inner=N.")
@running_options
@output_options
def command(
    source: dict[str, Any],
    settings: dict[str, Any],
    out: Path,
    space: Path,
    trials: int | None,
    split: Path | None,
    folds: int | None,
    inner: int | None,
    where: Folds,
    output: Output,
) -> None:
    """Search configurations with Optuna (extra: search), write RUN as cv does, and search.html with all trials.

    Each outer fold has its own search, within its training patients: inner folds judge each trial, and trials that do
    worse than most are pruned. The figures of RUN are of outer test patients, whom no trial saw. With --jobs or
    --cluster the searches of several folds run beside each other. An unfinished RUN of the same command is continued.

    The space has a line a key of the sections model, augment and train:

    \b
    train.learning_rate: {log: [1.0e-4, 1.0e-2]}
    train.label_smoothing: {range: [0.0, 0.2]}
    model.dropout: [0.0, 0.2, 0.5]
    """
    from keras_cwp.api.training import search

    check_source(source)
    short = {"folds": folds, "inner": inner}
    settings |= {f"split.{name}": value for name, value in short.items() if value is not None}
    run = search(
        **source, out=out, space=space, trials=trials, split=split, where=where, console=output.console, **settings
    )
    show_run(run, output)
    output.next(f"open {out / 'search.html'}; keras-cwp refit {out} --out FINAL trains with what was best")
