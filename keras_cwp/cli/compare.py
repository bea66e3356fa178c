"""keras-cwp compare."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from keras_cwp.cli.options import (
    PATH,
    Output,
    check_source,
    images_option,
    output_options,
    running_options,
    set_option,
    split_option,
    table_options,
)
from keras_cwp.errors import CwpError

if TYPE_CHECKING:
    from keras_cwp.api.training import Folds


@click.command("compare")
@click.argument("runs", type=PATH, nargs=-1, metavar="[RUN]...")
@click.option("--out", type=PATH, required=True, help="Folder for comparison.html, comparison.json, figures, tables.")
@click.option("--config", "configs", type=PATH, multiple=True, help="Settings to cross-validate first; repeat it.")
@click.option("--seeds", type=click.IntRange(min=1), default=1, show_default=True, help="Seeds of each --config.")
@click.option("--data", type=PATH, help="For --config: prepared data set, or a ROI table with --images.")
@images_option
@table_options
@set_option
@split_option
@running_options
@output_options
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
    where: Folds,
    output: Output,
) -> None:
    """One table and one ROC plot for several RUNs on the same folds, with paired tests.

    With --config, each is cross-validated on the same folds first, into OUT/runs; what is finished there is kept.
    """
    from keras_cwp.api.training import compare
    from keras_cwp.settings_file import parse_overrides

    if not runs and not configs:
        raise click.UsageError("name two RUN folders or more, or give --config")
    if configs and data is None:
        raise CwpError("--config: say with --data what to cross-validate on")
    if not configs and (data or overrides or split):
        raise CwpError("--data, --set and --split are for --config, and there is none")
    named = {path.stem: path for path in configs}
    if len(named) < len(configs):
        raise CwpError(f"--config: two files have the same name; a run is called by it: {sorted(map(str, configs))}")
    if data is not None:
        check_source({"data": data, "images": images, "table": table})
    found = compare(
        runs,
        out,
        configs=named,
        data=data,
        images=images,
        table=table,
        seeds=seeds,
        split=split,
        where=where,
        console=output.console,
        **parse_overrides(overrides),
    )
    page = found.report.path
    output.result(f"{found.summary}\n{page}", {"summary": found.summary, "report": str(page)}, page)
