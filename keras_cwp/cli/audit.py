"""keras-cwp audit."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from keras_cwp.cli.options import PATH, Output, output_options
from keras_cwp.errors import DataError
from keras_cwp.wording import plural

if TYPE_CHECKING:
    from keras_cwp.audit.findings import Finding


@click.command("audit")
@click.argument("data", type=PATH)
@click.option("--against", type=PATH, help="A second data set, which must share nothing with the first.")
@click.option("--folds", type=click.IntRange(min=2), default=5, show_default=True, help="Folds that are planned.")
@click.option("--out", type=PATH, help="Folder for audit.html and audit.json (default: DATA_audit beside DATA).")
@output_options
def command(data: Path, against: Path | None, folds: int, out: Path | None, output: Output) -> None:
    """Look in the prepared data set DATA for what would spoil a result.

    The same patient or picture on two sides, duplicates, acquisition that gives the label away, blank crops, odd
    boxes, too few patients. Exit code 1 when there is an error-level finding.
    """
    from keras_cwp.api.data import audit_data

    found = audit_data(data, against, folds=folds, out=out)
    if not output.as_json:
        _print_table(found.findings)
    tree = {"page": str(found.page), "findings": [vars(finding) for finding in found.findings]}
    output.result(f"{found.verdict}\nPage: {found.page}", tree, found.page)
    names = [finding.check for finding in found.errors]
    if names:
        raise DataError(f"{data}: {plural(len(names), 'error-level finding')} ({', '.join(names)}); see {found.page}")
    output.next(f"keras-cwp fit --data {data} --out runs/first --config default")


def _print_table(findings: tuple[Finding, ...]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("level", "check", "finding", box=None)
    for finding in findings:
        table.add_row(finding.level, finding.check, finding.message)
    Console().print(table, markup=False)
