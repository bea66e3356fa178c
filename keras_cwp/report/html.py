"""One self-contained HTML page, with its figures and tables as files beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jinja2
import numpy as np
from markupsafe import Markup

from keras_cwp.files import write_bytes, write_text
from keras_cwp.report.checklist import checklist_table
from keras_cwp.report.examples import Example, crop_uri, describe, overlay_uri
from keras_cwp.report.performance_tables import (
    calibration_table,
    class_table,
    figures_table,
    operating_table,
    pair_table,
    patient_table,
    subgroup_table,
)
from keras_cwp.report.plots import draw_figures
from keras_cwp.report.plotting import SERIES, SERIES_ON_DARK, Drawn
from keras_cwp.report.run_input import ReportInput
from keras_cwp.report.summary import cautions, methods, summary, tiles
from keras_cwp.report.tables import Table, cohort_table, history_table
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
    figures, tables = draw_figures(run), _tables(run)
    write_files(Path(out), figures, tables)
    write_text(Path(out) / "report.html", render(run, figures, tables))
    return Path(out) / "report.html"


def write_files(out: Path, figures: dict[str, Drawn], tables: dict[str, Table]) -> None:
    """figures/*.svg and .png, tables/*.csv."""
    for figure in figures.values():
        write_text(out / "figures" / f"{figure.name}.svg", figure.svg)
        write_bytes(out / "figures" / f"{figure.name}.png", figure.png())
    for table in tables.values():
        write_text(out / "tables" / f"{table.name}.csv", table.csv())


def render(run: ReportInput, figures: dict[str, Drawn], tables: dict[str, Table]) -> str:
    """The page as text."""
    return page_template("page.html.j2").render(
        run=run,
        metrics=run.metrics,
        figures={name: figure for name, figure in figures.items() if name != "examples"},
        inline={name: Markup(figure.inline_svg()) for name, figure in figures.items() if name != "examples"},
        tables=tables,
        summary=summary(run),
        tiles=tiles(run),
        methods=methods(run),
        cautions=cautions(run),
        sections=_sections(run, tables),
        examples=_by_kind(run.examples),
    )


def page_template(name: str) -> jinja2.Template:
    """A page of this folder, with the palette and the version filled in."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("keras_cwp.report", "."), autoescape=True, undefined=jinja2.StrictUndefined
    )
    environment.globals.update(palette={"light": SERIES, "dark": SERIES_ON_DARK}, version=VERSION)
    return environment.get_template(name)


def _tables(run: ReportInput) -> dict[str, Table]:
    found = [
        cohort_table(run.scores, run.cohort),
        class_table(run.metrics),
        pair_table(run.metrics),
        figures_table(run.metrics),
        patient_table(run.metrics),
        operating_table(run.metrics["thresholds"]),
        operating_table(run.metrics["patient_level"]["thresholds"]),
        calibration_table(run.metrics),
        subgroup_table(run.metrics),
        checklist_table(run),
        history_table(run.history),
    ]
    return {table.name: table for table in found if table is not None}


def _sections(run: ReportInput, tables: dict[str, Table]) -> list[tuple[str, str]]:
    """Anchors and names of the sections that this report has."""
    shown = {
        "how": ("Method", True),
        "data": ("Data", True),
        "discrimination": ("Discrimination", True),
        "decisions": ("Decisions", True),
        "probabilities": ("Probabilities", True),
        "subgroups": ("Subgroups", "subgroups" in tables),
        "folds": ("Folds", run.metrics["folds"] is not None),
        "training": ("Training", bool(run.history)),
        "examples": ("ROIs", bool(run.examples)),
        "checklist": ("Checklists", True),
        "repeat": ("To repeat it", True),
    }
    return [(anchor, name) for anchor, (name, there) in shown.items() if there]


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
