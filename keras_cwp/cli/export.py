"""keras-cwp export."""

from __future__ import annotations

from pathlib import Path

import click

from keras_cwp.cli.options import PATH, Output, output_options


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
    "--version", type=click.IntRange(min=1), help="Version number (default: one more than the largest there)."
)
@click.option(
    "--fold",
    type=click.IntRange(min=1),
    help="Which model of a cv run (default for savedmodel: the mean of all folds).",
)
@click.option(
    "--negative",
    metavar="CLASS",
    help="Class that regress counts as nothing found (default: 'normal' if there is one).",
)
@click.option(
    "--views",
    type=click.IntRange(1, 64),
    help="savedmodel: views of a region whose probabilities are averaged (default: as in the run).",
)
@output_options
def command(
    run: Path,
    out: Path,
    kind: str,
    version: int | None,
    fold: int | None,
    negative: str | None,
    views: int | None,
    output: Output,
) -> None:
    """Write RUN's model as saved_models/NAME/VERSION.

    savedmodel: the bundle for TensorFlow Serving, run in a fresh process without Keras.
    onnx: VERSION/model.onnx. litert: VERSION/model.tflite in float32 and VERSION/model_int8.tflite with weights of
    eight bits. Both are the network alone: they take pixels, float32 [N, side, side, 1] in [0, 1], give probabilities
    of this one view, and have model_card.json beside them; a folder holds one format.

    Each is compared with the Keras model before the version gets its name; one that exists is never overwritten.
    """
    if views and kind != "savedmodel":
        raise click.UsageError(f"--views is for --format savedmodel; a model of --format {kind} is the network alone")
    from keras_cwp.api.model import Model

    path = Model(run, fold).export(
        out, format=kind, version=version, negative=negative, views=views, console=output.console
    )
    output.result(str(path), {"path": str(path)})
    if kind == "savedmodel":
        output.next(f"keras-cwp serve {out}")
