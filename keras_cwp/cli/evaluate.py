"""keras-cwp evaluate."""

from __future__ import annotations

from pathlib import Path

import click

from keras_cwp.cli.options import PATH


@click.command("evaluate")
@click.argument("run", type=PATH)
@click.option("--data", type=PATH, help="Another prepared data set, to be scored by the run's model first.")
@click.option("--out", type=PATH, help="Folder to write to; else the run's own, RUN/on_DATA or RUN/tta_K.")
@click.option("--tta", "views", type=click.IntRange(1, 64), help="Views of each crop to average; else the run's own.")
@click.option(
    "--allow-shared-patients",
    is_flag=True,
    help="Judge on patients of --data that were trained on; the report says it.",
)
def command(run: Path, data: Path | None, out: Path | None, views: int | None, allow_shared_patients: bool) -> None:
    """ROC evaluation of RUN's held-out ROIs, or of its model on another data set: metrics.json and report.html.

    Another data set is refused when it has patients that RUN was trained on: by their ids, or by the same radiograph
    or crop.
    """
    from keras_cwp.data.prepared import PreparedData
    from keras_cwp.report.run_report import evaluate_run
    from keras_cwp.runtime import import_tensorflow
    from keras_cwp.training.run import RunFolder

    import_tensorflow()
    other = PreparedData.open(data) if data else None
    sentence, page = evaluate_run(RunFolder(run), other, out, views, allow_shared_patients)
    click.echo(f"{sentence}\n{page}")
