"""keras-cwp refit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from keras_cwp.cli.options import PATH, Output, output_options


@click.command("refit")
@click.argument("run", type=PATH)
@click.option("--out", type=PATH, required=True, help="RUN folder to write.")
@click.option("--distil", is_flag=True, help="Teach the network by the mean of RUN's networks, and say what it keeps.")
@output_options
def command(run: Path, out: Path, distil: bool, output: Output) -> None:
    """Train one network on all patients of RUN, a cross-validation, with what it chose.

    No patient is held out then. The figures and thresholds of the new network are those of RUN, whose networks saw
    fewer patients. With --distil a network is taught in each fold first, and the figures are those of these networks.
    An interrupted command is continued.
    """
    from keras_cwp.api.run import Run

    made = Run(run).refit(out, distil=distil, console=output.console)
    known: dict[str, Any] = {key: made.info[key] for key in ("figures_of", "distilled") if key in made.info}
    text = f"{made.path}: trained on all patients; its figures are those of {known['figures_of']}"
    if distil:
        text += f"\n{known['distilled']['sentence']}"
    output.result(text, {"run": str(made.path), **known})
    output.next(f"keras-cwp export {out} --out saved_models/NAME")
