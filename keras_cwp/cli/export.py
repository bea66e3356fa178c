"""keras-cwp export."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from keras_cwp.cli.options import PATH


@click.command("export")
@click.argument("run", type=PATH)
@click.option("--out", type=PATH, required=True, help="saved_models/NAME; NAME becomes the model's name.")
@click.option(
    "--format",
    "kind",
    type=click.Choice(["savedmodel", "onnx", "litert"]),
    default="savedmodel",
    show_default=True,
    help="What to write; onnx needs the extra of that name.",
)
@click.option(
    "--version", type=click.IntRange(min=1), help="Version number; one more than the largest there if left out."
)
@click.option("--fold", type=click.IntRange(min=1), help="Which model of a cv run.")
@click.option(
    "--negative", metavar="CLASS", help="Class that regress counts as nothing found; 'normal' if there is one."
)
@click.option(
    "--views",
    type=click.IntRange(1, 64),
    help="savedmodel: views of a region whose probabilities are averaged; as the run's figures were if left out.",
)
def command(
    run: Path, out: Path, kind: str, version: int | None, fold: int | None, negative: str | None, views: int | None
) -> None:
    """Write RUN's model as saved_models/NAME/VERSION.

    savedmodel: the bundle for TensorFlow Serving, run in a fresh process without Keras.
    onnx: VERSION/model.onnx. litert: VERSION/model.tflite in float32 and VERSION/model_int8.tflite with weights of
    eight bits. Both are the network alone: they take pixels, float32 [N, side, side, 1] in [0, 1], give probabilities
    of this one view, and stand beside model_card.json; a folder holds one format.

    Each is compared with the Keras model before the version gets its name; one that exists is never overwritten.
    """
    if views and kind != "savedmodel":
        raise click.UsageError(f"--views is for --format savedmodel; a model of --format {kind} is the network alone")
    from keras_cwp.runtime import import_tensorflow

    import_tensorflow()
    options = {"version": version, "fold": fold, "negative": negative, "note": lambda line: click.echo(line, err=True)}
    path = (
        _bundle(run, out, options | {"views": views}) if kind == "savedmodel" else _converted(run, out, kind, options)
    )
    click.echo(path)


def _bundle(run: Path, out: Path, options: dict[str, Any]) -> Path:
    from keras_cwp.serving.export import export

    exported = export(run, out, **options)
    difference = max(exported.difference.values())
    replayed = sum(exported.warmup.values())
    click.echo(f"largest difference of a probability {difference:.1g}; {replayed} warm-up records answered", err=True)
    return exported.path


def _converted(run: Path, out: Path, kind: str, options: dict[str, Any]) -> Path:
    from keras_cwp.serving.converted import export_converted

    converted = export_converted(run, out, kind, **options)
    for name, difference in converted.difference.items():
        click.echo(f"{name}: largest difference of a probability {difference:.1g}", err=True)
    return converted.path
