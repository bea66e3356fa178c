"""Several runs on the same held-out ROIs, side by side: one table, one ROC figure, paired tests, one page."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

from keras_cwp.config import EvaluateConfig
from keras_cwp.evaluation.comparison import align, compare
from keras_cwp.evaluation.metrics import evaluate, labelled
from keras_cwp.files import write_text
from keras_cwp.report.comparison_plots import draw_epochs, draw_overlay, draw_overlay_per_class
from keras_cwp.report.html import page_template, write_files
from keras_cwp.report.plotting import Drawn, style
from keras_cwp.report.tables import Table, figure_text, interval_text, plural
from keras_cwp.report.training_curves import History
from keras_cwp.scores import Scores


@dataclass(frozen=True, eq=False)
class ComparedRun:
    """One run of a comparison.

    Args:
        name: heading of its row; unique.
        scores: its held-out ROIs.
        arch: name of the architecture.
        parameters, macs: of one network; None where they are not known.
        history: a row an epoch, with `seconds`.
    """

    name: str
    scores: Scores
    arch: str = ""
    parameters: int | None = None
    macs: int | None = None
    history: History = ()


def write_comparison(runs: Sequence[ComparedRun], config: EvaluateConfig, seed: int, out: Path | str) -> str:
    """Write comparison.json, comparison.html, figures and tables into a folder.

    Args:
        runs: at least two, on the same ROIs and folds.
        config, seed: of the intervals, the same for all: all runs see the same resamples.

    Returns:
        The result in a sentence or two.

    Raises:
        ScoresError: fewer than two runs, or runs whose ROIs, folds or labels differ.
        CwpError: the folder cannot be written.
    """
    aligned = align({run.name: labelled(run.scores) for run in runs})
    tests = compare(aligned, config, seed)
    metrics = {name: evaluate(scores, config, seed) for name, scores in aligned.items()}
    figures, tables = _figures(runs, aligned, metrics), _tables(runs, metrics, tests)
    sentence = summary(metrics, tests)
    write_files(Path(out), figures, tables)
    write_text(Path(out) / "comparison.json", json.dumps(tests, indent=2, allow_nan=False) + "\n")
    page = page_template("comparison.html.j2").render(
        title="Comparison of " + plural(len(runs), "run"),
        summary=sentence,
        methods=methods(metrics, tests, config),
        figures=figures,
        inline={name: Markup(figure.inline_svg()) for name, figure in figures.items()},
        tables=tables,
    )
    write_text(Path(out) / "comparison.html", page)
    return sentence


def summary(metrics: Mapping[str, Mapping[str, Any]], tests: Mapping[str, Any]) -> str:
    """The best run by macro AUC, and whether it is shown to be better than the next."""
    order = sorted(metrics, key=lambda name: -(metrics[name]["auc"]["macro"]["value"] or 0))
    best, second = order[:2]
    head = f"{best} has the highest macro AUC, {figure_text(metrics[best]['auc']['macro'])}; next comes {second}, "
    head += f"{figure_text(metrics[second]['auc']['macro'])}."
    (pair,) = (pair for pair in tests["pairs"] if {pair["first"], pair["second"]} == {best, second})
    p = pair["delong"]["macro"]["p_holm"]
    if p is None:
        return f"{head} They cannot be tested against each other: {pair['delong']['macro']['reason']}."
    shown = "These ROIs show" if p < 0.05 else "These ROIs do not show"
    return f"{head} {shown} a difference between the two ({p_text(p)}, paired DeLong over patients, corrected by Holm)."


def methods(metrics: Mapping[str, Mapping[str, Any]], tests: Mapping[str, Any], config: EvaluateConfig) -> list[str]:
    """What was compared with what, and how."""
    counts = next(iter(metrics.values()))["counts"]
    return [
        f"All runs were judged on the same {plural(counts['rois'], 'ROI')} of {plural(counts['patients'], 'patient')}, "
        "each held out in the same fold; the comparison refuses runs of which that is not so.",
        f"Intervals: {config.bootstraps:,} resamples of patients, the same for each run. Differences: DeLong's test of "
        "paired curves with ROIs clustered by patient (Obuchowski); the bootstrap of the difference; McNemar's test "
        f"of right and wrong decisions, clustered by patient (Durkalski). p values: {tests['correction']}.",
        "Each run is one training. Another seed would give another figure; a difference smaller than that of two seeds "
        "says little about the architectures.",
    ]


def p_text(p: float | None) -> str:
    """p = 0.012, p < 0.001, or an en dash."""
    if p is None:
        return "–"
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"


def runs_table(runs: Sequence[ComparedRun], metrics: Mapping[str, Mapping[str, Any]]) -> Table:
    """A row a run: size, figures with intervals, training time."""
    classes = next(iter(metrics.values()))["classes"]
    header = ("run", "model", "parameters", "MACs", "AUC, macro", *(f"AUC, {name}" for name in classes), "accuracy",
              "log loss", "training")  # fmt: skip
    rows = tuple(
        (
            run.name,
            run.arch or "–",
            "–" if run.parameters is None else f"{run.parameters:,}",
            "–" if run.macs is None else f"{run.macs / 1e6:,.1f} M",
            figure_text(metrics[run.name]["auc"]["macro"]),
            *(figure_text(metrics[run.name]["auc"]["per_class"][name]) for name in classes),
            figure_text(metrics[run.name]["accuracy"]),
            figure_text(metrics[run.name]["log_loss"]),
            _duration(run.history),
        )
        for run in runs
    )
    return Table("runs", "Runs", header, rows, "Training: seconds of all epochs of all folds together.")


def tests_table(tests: Mapping[str, Any]) -> Table:
    """A row a pair: differences, first minus second, and corrected p values."""
    header = ("first", "second", "macro AUC", "DeLong", "bootstrap", "accuracy", "bootstrap", "McNemar")
    rows = tuple(
        (
            pair["first"],
            pair["second"],
            _signed(pair["delong"]["macro"]),
            p_text(pair["delong"]["macro"]["p_holm"]),
            p_text(pair["bootstrap"]["macro"]["p_holm"]),
            _signed(pair["bootstrap"]["accuracy"]),
            p_text(pair["bootstrap"]["accuracy"]["p_holm"]),
            p_text(pair["mcnemar"]["p_holm"]),
        )
        for pair in tests["pairs"]
    )
    return Table("tests", "Differences, first minus second", header, rows, f"p values: {tests['correction']}.")


def _figures(
    runs: Sequence[ComparedRun], aligned: Mapping[str, Scores], metrics: Mapping[str, Mapping[str, Any]]
) -> dict[str, Drawn]:
    with style():
        drawn = [
            draw_overlay(aligned, metrics),
            draw_overlay_per_class(aligned, metrics),
            draw_epochs({run.name: run.history for run in runs}),
        ]
    return {figure.name: figure for figure in drawn if figure is not None}


def _tables(
    runs: Sequence[ComparedRun], metrics: Mapping[str, Mapping[str, Any]], tests: Mapping[str, Any]
) -> dict[str, Table]:
    return {table.name: table for table in (runs_table(runs, metrics), tests_table(tests))}


def _signed(figure: Mapping[str, Any]) -> str:
    if figure["value"] is None:
        return "–"
    return f"{figure['value']:+.3f} {interval_text(dict(figure))}"


def _duration(history: History) -> str:
    seconds = sum(float(row["seconds"]) for row in history if row.get("seconds"))
    if not seconds:
        return "–"
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
