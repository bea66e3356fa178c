"""keras-cwp export."""

from __future__ import annotations

from pathlib import Path

import click

from keras_cwp.cli.options import PATH


@click.command("export")
@click.argument("run", type=PATH)
@click.option("--out", type=PATH, required=True, help="saved_models/NAME; NAME becomes the model's name.")
@click.option(
    "--version", type=click.IntRange(min=1), help="Version number; one more than the largest there if left out."
)
@click.option("--fold", type=click.IntRange(min=1), help="Which model of a cv run.")
@click.option(
    "--negative", metavar="CLASS", help="Class that regress counts as nothing found; 'normal' if there is one."
)
def command(run: Path, out: Path, version: int | None, fold: int | None, negative: str | None) -> None:
    """Write RUN's model as saved_models/NAME/VERSION for TensorFlow Serving.

    The version is run in a fresh process without Keras and compared with the Keras model before it gets its name;
    one that exists is never overwritten.
    """
    from keras_cwp.cli.quiet import import_tensorflow

    import_tensorflow()
    from keras_cwp.serving.export import export

    exported = export(
        run, out, version=version, fold=fold, negative=negative, note=lambda line: click.echo(line, err=True)
    )
    difference = max(exported.difference.values())
    replayed = sum(exported.warmup.values())
    click.echo(f"largest difference of a probability {difference:.1g}; {replayed} warm-up records answered", err=True)
    click.echo(exported.path)
