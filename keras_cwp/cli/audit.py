"""keras-cwp audit."""

from __future__ import annotations

from pathlib import Path

import click

from keras_cwp.errors import DataError

PATH = click.Path(path_type=Path)


@click.command("audit")
@click.argument("data", type=PATH)
@click.option("--against", type=PATH, help="A second data set, which must share nothing with the first.")
@click.option("--folds", type=click.IntRange(min=2), default=5, show_default=True, help="Folds that are planned.")
@click.option("--out", type=PATH, help="Folder for audit.html and audit.json; DATA_audit beside DATA if not given.")
def command(data: Path, against: Path | None, folds: int, out: Path | None) -> None:
    """Look in the prepared data set DATA for what would spoil a result.

    The same patient or picture on two sides, duplicates, acquisition that gives the label away, blank crops, odd
    boxes, too few patients. Exit code 1 when there is an error-level finding.
    """
    from rich.console import Console
    from rich.table import Table

    from keras_cwp.audit.checks import audit
    from keras_cwp.data.prepared import PreparedData
    from keras_cwp.report.audit_page import verdict, write_audit
    from keras_cwp.wording import plural

    opened = PreparedData.open(data)
    findings = audit(opened, PreparedData.open(against) if against else None, folds)
    out = out or data.resolve().with_name(f"{data.resolve().name}_audit")
    write_audit(findings, opened, out, against is not None)
    table = Table("level", "check", "finding", box=None)
    for finding in findings:
        table.add_row(finding.level, finding.check, finding.message)
    Console().print(table)
    click.echo(f"{verdict(findings)}\nPage: {out / 'audit.html'}")
    errors = [finding.check for finding in findings if finding.level == "error"]
    if errors:
        raise DataError(
            f"{data}: {plural(len(errors), 'error-level finding')} ({', '.join(errors)}); see {out / 'audit.html'}"
        )
