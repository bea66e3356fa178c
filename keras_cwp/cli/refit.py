"""keras-cwp refit."""

from __future__ import annotations

from pathlib import Path

import click

from keras_cwp.cli.options import PATH, Output, output_options


@click.command("refit")
@click.argument("run", type=PATH)
@click.option("--out", type=PATH, required=True, help="RUN folder to write.")
@output_options
def command(run: Path, out: Path, output: Output) -> None:
    """Train one network on all patients of RUN, a cross-validation, with what it chose.

    No patient is held out then. The figures and thresholds of the new network are those of RUN, whose networks saw
    fewer patients. An interrupted command is continued.
    """
    from keras_cwp.api.run import Run

    made = Run(run).refit(out, console=output.console)
    text = f"{made.path}: trained on all patients; its figures are those of {run}"
    output.result(text, {"run": str(made.path), "figures_of": str(run)})
    output.next(f"keras-cwp export {out} --out saved_models/NAME")
