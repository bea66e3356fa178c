"""keras-cwp evaluate."""

from __future__ import annotations

from pathlib import Path

import click

from keras_cwp.cli.options import PATH, Output, output_options
from keras_cwp.cli.results import show_evaluation


@click.command("evaluate")
@click.argument("run", type=PATH)
@click.option("--data", type=PATH, help="Another prepared data set, to be scored by the run's model first.")
@click.option("--out", type=PATH, help="Folder to write to (default: the run's own, RUN/on_DATA or RUN/tta_K).")
@click.option(
    "--tta",
    "views",
    type=click.IntRange(1, 64),
    help="Augmented views of each crop to average (default: as in the run).",
)
@click.option(
    "--allow-shared-patients",
    is_flag=True,
    help="Judge on patients of --data that were trained on; the report says it.",
)
@output_options
def command(
    run: Path, data: Path | None, out: Path | None, views: int | None, allow_shared_patients: bool, output: Output
) -> None:
    """ROC evaluation of RUN's held-out ROIs, or of its model on another data set: metrics.json and report.html.

    Another data set is refused when it has patients that RUN was trained on: by their ids, or by the same radiograph
    or crop.
    """
    from keras_cwp.api.run import Run

    found = Run(run).evaluate(data, out=out, views=views, allow_shared_patients=allow_shared_patients)
    show_evaluation(found, output)
