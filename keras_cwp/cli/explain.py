"""keras-cwp explain."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from keras_cwp.cli.options import PATH, Output, output_options, reading_options, whole_image_option

_METHODS = ("layercam", "gradcam", "gradcam++", "occlusion")


@click.command("explain")
@click.argument("model", type=PATH)
@click.argument("inputs", type=PATH, nargs=-1, metavar="INPUT...")
@click.option("--out", type=PATH, required=True, help="New folder for the pictures and index.csv.")
@click.option("--rois", type=PATH, help="ROI table, when it is not an INPUT.")
@click.option("--images", type=PATH, help="Folder of the ROI table's images (default: where the table lies).")
@click.option("--fold", type=click.IntRange(min=1), help="Which model of a cv run.")
@click.option(
    "--method", type=click.Choice(_METHODS), default=_METHODS[0], show_default=True, help="How the map is made."
)
@click.option("--class", "class_name", metavar="NAME", help="Class to explain (default: the most probable one).")
@whole_image_option
@reading_options
@output_options
def command(
    model: Path,
    inputs: tuple[Path, ...],
    out: Path,
    rois: Path | None,
    images: Path | None,
    fold: int | None,
    method: str,
    class_name: str | None,
    whole_image: bool,
    table: dict[str, Any],
    output: Output,
) -> None:
    """Show where MODEL, a RUN or .keras file, looked: each region beside itself with its heat map.

    A map shows what raised the score of the class, which is not the same as where disease is.
    """
    if not inputs and rois is None:
        raise click.UsageError(f"name at least one INPUT, or --rois; {model} is taken for MODEL")
    from keras_cwp.api.model import Model
    from keras_cwp.wording import plural

    lost: list[int] = []

    def refuse(error: Exception, rows: int) -> None:
        lost.append(rows)
        output.left_out(error, rows)

    index = Model(model, fold).explain(
        inputs,
        out,
        rois=rois,
        images=images,
        method=method,
        class_name=class_name,
        whole_image=whole_image,
        table=table,
        refuse=refuse,
        console=output.console,
    )
    left_out = f"; {plural(sum(lost), 'region')} left out" if lost else ""
    output.result(
        f"{out}: {plural(len(index), 'picture')} and index.csv{left_out}", {"out": str(out), "pictures": len(index)}
    )
    if lost:
        sys.exit(1)
