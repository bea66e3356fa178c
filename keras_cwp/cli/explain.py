"""keras-cwp explain."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from keras_cwp.cli.options import PATH, whole_image_option
from keras_cwp.errors import DataError

_METHODS = ("gradcam", "gradcam++", "occlusion")


@click.command("explain")
@click.argument("model", type=PATH)
@click.argument("inputs", type=PATH, nargs=-1, metavar="INPUT...")
@click.option("--out", type=PATH, required=True, help="New folder for the pictures and index.csv.")
@click.option("--rois", type=PATH, help="ROI table, when it is not an INPUT.")
@click.option("--images", type=PATH, help="Folder of the ROI table's images; where the table lies if left out.")
@click.option("--fold", type=click.IntRange(min=1), help="Which model of a cv run.")
@click.option("--method", type=click.Choice(_METHODS), default=_METHODS[0], show_default=True)
@whole_image_option
@click.option("--class", "class_name", metavar="NAME", help="Class to explain; the most probable one if left out.")
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
) -> None:
    """Show where MODEL, a RUN or .keras file, looked: each region beside itself with its heat map.

    A map shows what raised the score of the class, which is not the same as where disease is.
    """
    from keras_cwp.cli.progress import progress_bar
    from keras_cwp.runtime import import_tensorflow

    if not inputs and rois is None:
        raise click.UsageError("name at least one INPUT, or --rois")
    import_tensorflow()
    from keras_cwp.prediction.explain import explain
    from keras_cwp.prediction.regions import find_regions
    from keras_cwp.training.saved import load_with_contract, named_model

    lost: list[int] = []

    def refuse(error: DataError, rows: int) -> None:
        lost.append(rows)
        click.echo(f"keras-cwp: left out: {' '.join(str(error).split())}", err=True)

    def note(line: str) -> None:
        click.echo(f"note: {line}", err=True)

    regions = find_regions(list(inputs), rois, images, refuse, note)
    network, contract = load_with_contract(named_model(model, fold))
    with progress_bar("regions") as progress:
        written = explain(
            network,
            contract,
            regions,
            out,
            method=method,
            class_name=class_name,
            whole_image=whole_image,
            note=note,
            refuse=refuse,
            progress=progress,
        )
    click.echo(f"{out}: {written} pictures and index.csv" + (f"; {sum(lost)} regions left out" if lost else ""))
    if lost:
        sys.exit(1)
