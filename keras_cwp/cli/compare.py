"""keras-cwp compare."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from keras_cwp.cli.options import (
    PATH,
    fold_runner,
    images_option,
    open_data,
    running_options,
    set_option,
    split_option,
    table_options,
)
from keras_cwp.errors import CwpError


@click.command("compare")
@click.argument("runs", type=PATH, nargs=-1, metavar="[RUN]...")
@click.option("--out", type=PATH, required=True, help="Folder for comparison.html, comparison.json, figures, tables.")
@click.option("--config", "configs", type=PATH, multiple=True, help="Cross-validate this first; repeat it.")
@click.option("--seeds", type=click.IntRange(min=1), default=1, show_default=True, help="Seeds of each --config.")
@click.option("--data", type=PATH, help="For --config: prepared data set, or a ROI table with --images.")
@images_option
@table_options
@set_option
@split_option
@running_options
def command(
    runs: tuple[Path, ...],
    out: Path,
    configs: tuple[Path, ...],
    seeds: int,
    data: Path | None,
    images: Path | None,
    table: dict[str, Any],
    overrides: tuple[str, ...],
    split: Path | None,
    **running: Any,
) -> None:
    """One table and one ROC figure for several RUNs on the same folds, with paired tests.

    With --config, each is cross-validated on the same folds first, into OUT/runs; what is finished there is kept.
    """
    if not runs and not configs:
        raise click.UsageError("name two RUN folders or more, or give --config")
    if configs and data is None:
        raise CwpError("--config: say with --data what to cross-validate on")
    if not configs and (data or overrides or split):
        raise CwpError("--data, --set and --split are for --config, and there is none")
    from keras_cwp.runtime import import_tensorflow

    import_tensorflow()
    from keras_cwp.report.run_comparison import compare_runs

    if configs and data:
        trained = _train(configs, seeds, data, images, table, overrides, split, out / "runs", running)
        runs = (*runs, *trained)
    sentence, page = compare_runs(runs, out)
    click.echo(f"{sentence}\n{page}")


def _train(
    paths: tuple[Path, ...],
    seeds: int,
    data: Path,
    images: Path | None,
    table: dict[str, Any],
    overrides: tuple[str, ...],
    split: Path | None,
    out: Path,
    running: dict[str, Any],
) -> list[Path]:
    from rich.console import Console

    from keras_cwp.cli.options import adopt_geometry
    from keras_cwp.config import load_config
    from keras_cwp.training.sweep import sweep

    configs = {path.stem: load_config(path, overrides) for path in paths}
    if len(configs) < len(paths):
        raise CwpError(f"--config: two files have the same name; a run is called by it: {sorted(map(str, paths))}")
    first = next(iter(configs))
    opened, configs[first] = open_data(data, images, table, configs[first])
    adopted = {name: adopt_geometry(config, opened) for name, config in configs.items()}
    console = Console(stderr=True)
    return [run.path for run in sweep(opened, adopted, seeds, out, console, split, fold_runner(**running))]
