"""keras-cwp fit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from keras_cwp.cli.options import open_data, split_option, training_options


@click.command("fit")
@training_options
@split_option
def command(
    data: Path,
    images: Path | None,
    table: dict[str, Any],
    out: Path,
    config_path: Path | None,
    overrides: tuple[str, ...],
    split: Path | None,
) -> None:
    """Train on one patient-grouped split, evaluate on its held-out patients, write RUN with report.html.

    An unfinished RUN of the same command is continued.
    """
    from rich.console import Console

    from keras_cwp.config import load_config
    from keras_cwp.report.run_report import evaluate_run
    from keras_cwp.runtime import import_tensorflow

    config = load_config(config_path, overrides)
    import_tensorflow()
    from keras_cwp.training.fit import fit

    console = Console(stderr=True)
    opened, config = open_data(data, images, table, config)
    run = fit(opened, config, out, console, split)
    sentence, page = evaluate_run(run)
    click.echo(f"{sentence}\n{page}")
