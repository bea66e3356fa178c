"""keras-cwp fit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from keras_cwp.cli.options import (
    Output,
    check_source,
    output_options,
    say_random_weights,
    split_option,
    training_options,
)
from keras_cwp.cli.results import show_run


@click.command("fit")
@training_options
@split_option
@output_options
def command(source: dict[str, Any], settings: dict[str, Any], out: Path, split: Path | None, output: Output) -> None:
    """Train on one patient-grouped split, evaluate on its held-out patients, write RUN with report.html.

    An unfinished RUN of the same command is continued.
    """
    from keras_cwp.api.training import fit

    check_source(source)
    run = fit(**source, out=out, split=split, console=output.console, **settings)
    show_run(run, output)
    say_random_weights(settings, output)
    output.next(f"keras-cwp predict {out} IMAGES --out scores.csv, or keras-cwp export {out} --out saved_models/NAME")
