"""keras-cwp evaluate."""

from __future__ import annotations

from pathlib import Path

import click

from keras_cwp.cli.options import PATH


@click.command("evaluate")
@click.argument("run", type=PATH)
@click.option("--data", type=PATH, help="Another prepared data set, to be scored by the run's model first.")
@click.option("--out", type=PATH, help="Folder to write to; without it the run's own, or RUN/on_DATA.")
def command(run: Path, data: Path | None, out: Path | None) -> None:
    """ROC evaluation of RUN's held-out ROIs, or of its model on another data set: metrics.json and report.html."""
    from keras_cwp.cli.quiet import import_tensorflow
    from keras_cwp.data.manifest import PreparedData
    from keras_cwp.report.run_report import evaluate_run
    from keras_cwp.training.run import RunFolder

    import_tensorflow()
    sentence, page = evaluate_run(RunFolder(run), PreparedData.open(data) if data else None, out)
    click.echo(f"{sentence}\n{page}")
