"""keras-cwp cv."""

from __future__ import annotations

from pathlib import Path

import click

from keras_cwp.cli.options import open_data, training_options


@click.command("cv")
@training_options
@click.option("--folds", type=click.IntRange(min=2), help="Folds; over split.folds of the configuration.")
@click.option("--repeats", type=click.IntRange(min=1), help="Repeats; over split.repeats of the configuration.")
def command(
    data: Path,
    images: Path | None,
    patient_per_image: bool,
    out: Path,
    config_path: Path | None,
    overrides: tuple[str, ...],
    folds: int | None,
    repeats: int | None,
) -> None:
    """Cross-validate by patients, write RUN with out-of-fold scores.csv and report.html.

    An unfinished RUN of the same command is continued; finished folds are not trained again.
    """
    from rich.console import Console

    from keras_cwp.cli.quiet import import_tensorflow
    from keras_cwp.config import load_config
    from keras_cwp.report.run_report import evaluate_run

    said = {"split.folds": folds, "split.repeats": repeats}
    extra = [f"{key}={value}" for key, value in said.items() if value is not None]
    config = load_config(config_path, [*overrides, *extra])
    import_tensorflow()
    from keras_cwp.training.crossval import cross_validate

    console = Console(stderr=True)
    opened, config = open_data(data, images, patient_per_image, config)
    run = cross_validate(opened, config, out, console)
    sentence, page = evaluate_run(run)
    click.echo(f"{sentence}\n{page}")
