"""Curves of several runs in one plot."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from keras_cwp.evaluation.roc import Roc, macro_curve, one_vs_rest, roc_curve
from keras_cwp.report.plotting import DASHES, SERIES, Plot, blank, grid, hide, legend_below, panel_grid, unit_square
from keras_cwp.report.ranking_plots import FALSE_RATE, TRUE_RATE, draw_diagonal
from keras_cwp.report.tables import metric_text
from keras_cwp.report.training_plots import History, fold_names, mean_over_folds, series
from keras_cwp.scores import Scores

Metrics = Mapping[str, Mapping[str, Any]]


def draw_overlay(runs: Mapping[str, Scores], metrics: Metrics) -> Plot:
    """The macro curve of every run."""
    figure, (axes,) = blank(5.6, 5.4)
    draw_diagonal(axes)
    for number, (name, scores) in enumerate(runs.items()):
        curves = [curve for curve in _class_curves(scores) if curve is not None]
        if curves:
            label = f"{name}  {metric_text(metrics[name]['auc']['macro'])}"
            _plot(axes, macro_curve(curves), number, label)
    unit_square(axes, FALSE_RATE, TRUE_RATE)
    legend_below(figure, axes, "Macro AUC [95 % interval]")
    alt = "Macro ROC curves: " + "; ".join(f"{n} {metric_text(metrics[n]['auc']['macro'])}" for n in runs) + "."
    return Plot(
        "roc_runs",
        "ROC curves",
        "Mean over the classes of the curves of one class against all others, run by run.",
        alt,
        figure,
    )


def draw_overlay_per_class(runs: Mapping[str, Scores]) -> Plot:
    """A panel a class with the curves of all runs."""
    classes = next(iter(runs.values())).classes
    columns, rows = panel_grid(len(classes))
    figure, panels = blank(3.2 * columns, 3.4 * rows, columns, rows)
    for column, name in enumerate(classes):
        draw_diagonal(panels[column])
        for number, (run, scores) in enumerate(runs.items()):
            curve = _class_curves(scores)[column]
            if curve is not None:
                _plot(panels[column], curve, number, run)
        unit_square(panels[column], "False positive rate", "True positive rate" if column % columns == 0 else "")
        panels[column].set_title(name)
    hide(panels[len(classes) :])
    legend_below(figure, panels[0])
    caption = "Each class against all others. The table of runs has the AUC of each class."
    alt = "ROC curves of each class, run by run: " + "; ".join(classes) + "."
    return Plot("roc_runs_per_class", "ROC curves of each class", caption, alt, figure, wide=True)


def draw_epochs(histories: Mapping[str, History]) -> Plot | None:
    """Validation accuracy and loss over epochs, mean over folds; None where no run has recorded them."""
    recorded = {name: history for name, history in histories.items() if any("val_loss" in row for row in history)}
    if not recorded:
        return None
    figure, panels = blank(8.4, 3.4, 2)
    for axes, column, title in zip(panels, ("val_accuracy", "val_loss"), ("Accuracy", "Loss"), strict=True):
        for number, name in enumerate(histories):
            if name in recorded:
                lines = [series(recorded[name], fold, column) for fold in fold_names(recorded[name])]
                epochs, values = mean_over_folds(lines)
                axes.plot(epochs, values, color=_colour(number), linestyle=_dash(number), label=name)
        axes.set(title=title, xlabel="Epoch")
        grid(axes)
    legend_below(figure, panels[0])
    caption = "On validation ROIs, mean over the folds that reached the epoch."
    return Plot(
        "epochs", "Accuracy and loss over epochs", caption, "Curves of " + ", ".join(recorded) + ".", figure, wide=True
    )


def _class_curves(scores: Scores) -> list[Roc | None]:
    positive = one_vs_rest(scores.label, len(scores.classes))
    return [roc_curve(positive[:, c], scores.probabilities[:, c]) for c in range(len(scores.classes))]


def _plot(axes: Any, curve: Roc, number: int, label: str) -> None:
    rates: tuple[np.ndarray, np.ndarray] = (curve.false_positive_rate, curve.true_positive_rate)
    axes.plot(*rates, color=_colour(number), linestyle=_dash(number), label=label)


def _colour(number: int) -> str:
    return SERIES[number % len(SERIES)]


def _dash(number: int) -> Any:
    return DASHES[number % len(DASHES)]
