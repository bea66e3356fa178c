"""keras-cwp compare."""

from __future__ import annotations

from pathlib import Path

import click

from keras_cwp.cli.options import PATH


@click.command("compare")
@click.argument("runs", type=PATH, nargs=-1, required=True, metavar="RUN RUN...")
@click.option("--out", type=PATH, required=True, help="Folder for comparison.html, comparison.json, figures, tables.")
def command(runs: tuple[Path, ...], out: Path) -> None:
    """One table and one ROC figure for several RUNs on the same folds, with paired tests."""
    from keras_cwp.cli.quiet import import_tensorflow

    import_tensorflow()
    from keras_cwp.report.run_comparison import compare_runs

    sentence, page = compare_runs(runs, out)
    click.echo(f"{sentence}\n{page}")
