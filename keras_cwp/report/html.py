"""One self-contained HTML page, with its figures and tables as files beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jinja2
import numpy as np
from markupsafe import Markup

from keras_cwp.files import write_bytes, write_text
from keras_cwp.report.canvas import SERIES, SERIES_ON_DARK, Drawn
from keras_cwp.report.examples import Example, crop_uri, describe, overlay_uri
from keras_cwp.report.figures import draw_figures
from keras_cwp.report.run_input import ReportInput
from keras_cwp.report.summary import methods, summary, tiles
from keras_cwp.report.tables import Table, class_table, cohort_table, figures_table, history_table
from keras_cwp.report.words import figure_text, interval_text, plural
from keras_cwp.version import VERSION


def write_report(run: ReportInput, out: Path | str) -> Path:
    """Write `report.html`, `figures/*.svg` and `.png`, and `tables/*.csv` into a folder.

    The page holds everything it shows, asks the network for nothing and runs no script.

    Args:
        out: a folder, made where it does not exist; files of an earlier report are replaced.

    Returns:
        The path of the page.

    Raises:
        ScoresError: no ROI has a label.
        CwpError: the folder cannot be written.
    """
    out = Path(out)
    figures, tables = draw_figures(run), _tables(run)
    for figure in figures.values():
        write_text(out / "figures" / f"{figure.name}.svg", figure.svg)
        write_bytes(out / "figures" / f"{figure.name}.png", figure.png())
    for table in tables.values():
        write_text(out / "tables" / f"{table.name}.csv", table.csv())
    write_text(out / "report.html", render(run, figures, tables))
    return out / "report.html"


def render(run: ReportInput, figures: dict[str, Drawn], tables: dict[str, Table]) -> str:
    """The page as text."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("keras_cwp.report", "."), autoescape=True, undefined=jinja2.StrictUndefined
    )
    environment.globals.update(figure_text=figure_text, interval_text=interval_text, plural=plural)
    return environment.get_template("page.html.j2").render(
        run=run,
        metrics=run.metrics,
        figures={name: figure for name, figure in figures.items() if name != "examples"},
        inline={name: Markup(figure.inline_svg()) for name, figure in figures.items() if name != "examples"},
        tables=tables,
        summary=summary(run),
        tiles=tiles(run),
        methods=methods(run),
        palette={"light": SERIES, "dark": SERIES_ON_DARK},
        examples=_by_kind(run.examples),
        version=VERSION,
    )


def _tables(run: ReportInput) -> dict[str, Table]:
    found = [
        cohort_table(run.scores, run.cohort),
        figures_table(run.metrics),
        class_table(run.metrics),
        history_table(run.history),
    ]
    return {table.name: table for table in found if table is not None}


def _by_kind(examples: Any) -> dict[str, list[dict[str, Any]]]:
    kinds: dict[str, list[dict[str, Any]]] = {}
    for example in examples:
        kinds.setdefault(example.kind, []).append(_shown(example))
    return kinds


def _shown(example: Example) -> dict[str, Any]:
    return {
        "crop": crop_uri(example),
        "overlay": overlay_uri(example),
        "text": describe(example),
        "right": example.true == example.predicted,
        "roi_id": example.roi_id,
        "size": "×".join(str(side) for side in np.shape(example.crop)[:2]),
    }
