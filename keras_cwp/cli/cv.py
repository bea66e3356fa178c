"""keras-cwp cv."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from keras_cwp.cli.options import (
    PATH,
    Output,
    check_source,
    output_options,
    running_options,
    say_random_weights,
    split_option,
    training_options,
)
from keras_cwp.cli.results import show_run
from keras_cwp.errors import CwpError

if TYPE_CHECKING:
    from keras_cwp.api.training import Folds


@click.command("cv")
@training_options
@split_option
@click.option("--folds", type=click.IntRange(min=2), help="Short for --set split.folds=N.")
@click.option("--repeats", type=click.IntRange(min=1), help="Short for --set split.repeats=N.")
@click.option("--by", type=click.Choice(["patient", "site"]), help="Hold out patients in folds, or each site.")
@click.option("--inner", type=click.IntRange(min=2), help="Nested: folds of training patients that choose everything.")
@click.option(
    "--candidate", "candidates", type=PATH, multiple=True, metavar="YAML",
    help="Nested: a configuration to choose among, laid over --config; repeat it.",
)  # fmt: skip
@click.option("--baseline", type=click.Choice(["probe"]), help="Put a probe on the same folds beside the network.")
@running_options
@output_options
def command(
    source: dict[str, Any],
    settings: dict[str, Any],
    out: Path,
    split: Path | None,
    candidates: tuple[Path, ...],
    folds: int | None,
    repeats: int | None,
    by: str | None,
    inner: int | None,
    where: Folds,
    baseline: Literal["probe"] | None,
    output: Output,
) -> None:
    """Cross-validate by patients, write RUN with out-of-fold scores.csv and report.html.

    An unfinished RUN of the same command is continued; finished folds are not trained again.
    """
    from keras_cwp.api.training import cross_validate
    from keras_cwp.candidates import read_candidate

    short = {"folds": folds, "repeats": repeats, "by": by, "inner": inner}
    given = {name: value for name, value in short.items() if value is not None}
    _check(split, candidates, given)
    for path in candidates:
        read_candidate(path)
    check_source(source)
    settings |= {f"split.{name}": value for name, value in given.items()}
    run = cross_validate(
        **source,
        out=out,
        candidates=candidates,
        split=split,
        where=where,
        baseline=baseline,
        console=output.console,
        **settings,
    )
    show_run(run, output)
    say_random_weights(settings, output)
    output.next(f"keras-cwp compare {out} ANOTHER_RUN --out DIR, or keras-cwp export {out} --out saved_models/NAME")


def _check(split: Path | None, candidates: tuple[Path, ...], given: dict[str, Any]) -> None:
    for name in ("folds", "repeats", "by"):
        if split is not None and name in given:
            raise CwpError(f"--split {split} gives the folds; leave --{name} out")
    names = [path.stem for path in candidates]
    if len(set(names)) < len(names):
        raise CwpError(f"--candidate: two files have the same name, {sorted(names)}; a candidate is called by its file")
