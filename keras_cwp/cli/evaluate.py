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
@click.option(
    "--prevalence",
    "stated",
    multiple=True,
    metavar="CLASS=SHARE",
    help="Share of a class where the model is to be used; repeat it. With all classes, accuracy is given for it too.",
)
@output_options
def command(
    run: Path,
    data: Path | None,
    out: Path | None,
    views: int | None,
    allow_shared_patients: bool,
    stated: tuple[str, ...],
    output: Output,
) -> None:
    """ROC evaluation of RUN's held-out ROIs, or of its model on another data set: metrics.json and report.html.

    Another data set is refused when it has patients that RUN was trained on: by their ids, or by the same radiograph
    or crop.
    """
    from keras_cwp.api.run import Run

    prevalence = dict(_share(item) for item in stated) or None
    found = Run(run).evaluate(
        data, out=out, views=views, allow_shared_patients=allow_shared_patients, prevalence=prevalence
    )
    show_evaluation(found, output)


def _share(item: str) -> tuple[str, float]:
    """CLASS=SHARE; a class may have = in its name."""
    name, _, number = item.rpartition("=")
    try:
        share = float(number)
    except ValueError:
        share = -1.0
    if not name or not 0 < share < 1:
        raise click.BadParameter(f"{item!r}: expected CLASS=SHARE with a share between 0 and 1, such as normal=0.6")
    return name, share
