"""keras-cwp cv."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from keras_cwp.cli.options import PATH, fold_runner, open_data, running_options, split_option, training_options
from keras_cwp.errors import CwpError


@click.command("cv")
@training_options
@split_option
@click.option("--folds", type=click.IntRange(min=2), help="Folds; over split.folds of the configuration.")
@click.option("--repeats", type=click.IntRange(min=1), help="Repeats; over split.repeats of the configuration.")
@click.option("--by", type=click.Choice(["patient", "site"]), help="Hold out patients in folds, or each site.")
@click.option("--inner", type=click.IntRange(min=2), help="Nested: folds of training patients that choose everything.")
@click.option(
    "--candidate", "candidates", type=PATH, multiple=True, metavar="YAML",
    help="Nested: a configuration to choose among, laid over --config; repeat it.",
)  # fmt: skip
@running_options
def command(
    data: Path,
    images: Path | None,
    table: dict[str, Any],
    out: Path,
    config_path: Path | None,
    overrides: tuple[str, ...],
    split: Path | None,
    candidates: tuple[Path, ...],
    folds: int | None,
    repeats: int | None,
    by: str | None,
    inner: int | None,
    **running: Any,
) -> None:
    """Cross-validate by patients, write RUN with out-of-fold scores.csv and report.html.

    An unfinished RUN of the same command is continued; finished folds are not trained again.
    """
    from rich.console import Console

    from keras_cwp.config import load_config
    from keras_cwp.report.run_report import evaluate_run
    from keras_cwp.runtime import import_tensorflow

    said = {"folds": folds, "repeats": repeats, "by": by, "inner": inner}
    asked = {name: value for name, value in said.items() if value is not None}
    _check(split, candidates, asked)
    extra = [f"split.{name}={value}" for name, value in asked.items()]
    config = _with_candidates(load_config(config_path, [*overrides, *extra]), candidates)
    import_tensorflow()
    from keras_cwp.training.crossval import cross_validate

    run_folds = fold_runner(**running)
    opened, config = open_data(data, images, table, config)
    run = cross_validate(opened, config, out, Console(stderr=True), split, run_folds)
    sentence, page = evaluate_run(run)
    click.echo(f"{sentence}\n{page}")


def _check(split: Path | None, candidates: tuple[Path, ...], asked: dict[str, Any]) -> None:
    for name in ("folds", "repeats", "by"):
        if split is not None and name in asked:
            raise CwpError(f"--split {split} gives the folds; leave --{name} out")
    names = [path.stem for path in candidates]
    if len(set(names)) < len(names):
        raise CwpError(f"--candidate: two files have the same name, {sorted(names)}; a candidate is called by its file")


def _with_candidates(config: Any, paths: tuple[Path, ...]) -> Any:
    from keras_cwp.config import read_candidate

    own = {path.stem: read_candidate(path) for path in paths}
    return config.model_copy(update={"candidates": own}) if own else config
