"""ROC and precision-recall curves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from keras_cwp.evaluation.bands import GRID, Band
from keras_cwp.evaluation.roc import one_vs_rest
from keras_cwp.report.plotting import (
    DASHES,
    INK,
    QUIET,
    SERIES,
    Plot,
    blank,
    hide,
    legend_below,
    panel_grid,
    unit_square,
)
from keras_cwp.report.tables import metric_text
from keras_cwp.scores import Scores

FALSE_RATE, TRUE_RATE = "False positive rate (1 − specificity)", "True positive rate (sensitivity)"


def draw_roc(bands: dict[str, Band], classes: tuple[str, ...], metrics: Mapping[str, Any]) -> Plot:
    """Every class's curve, the micro and the macro average with its band, in one square."""
    figure, (axes,) = blank(5.6, 5.4)
    draw_diagonal(axes)
    for number, name in enumerate(classes):
        if name in bands:
            label = f"{name}  {metric_text(metrics['auc']['per_class'][name])}"
            _line(axes, bands[name], SERIES[number % len(SERIES)], DASHES[number % len(DASHES)], label)
    if "micro" in bands:
        _line(axes, bands["micro"], QUIET, (0, (1, 1)), f"micro average  {metric_text(metrics['auc']['micro'])}")
    if "macro" in bands:
        _band(axes, bands["macro"], INK)
        label = f"macro average  {metric_text(metrics['auc']['macro'])}"
        _line(axes, bands["macro"], INK, "solid", label, width=2.4)
    unit_square(axes, FALSE_RATE, TRUE_RATE)
    if len(axes.lines) > 1:
        legend_below(figure, axes, "AUC [95 % interval]")
    caption = (
        "Each class against all others. Macro average: mean of the class curves at each false positive rate, with its "
        "pointwise 95 % band over resamples of patients. Micro average: the decisions on all classes pooled."
    )
    alt = "ROC curves. AUC with 95 % interval: " + "; ".join(str(line.get_label()) for line in axes.lines[1:]) + "."
    return Plot("roc", "ROC curves", caption, alt, figure)


def draw_roc_per_class(bands: dict[str, Band], classes: tuple[str, ...], metrics: Mapping[str, Any]) -> Plot:
    """A panel a class with its own band."""
    columns, rows = panel_grid(len(classes))
    figure, panels = blank(3.2 * columns, 3.4 * rows, columns, rows)
    for number, name in enumerate(classes):
        axes = panels[number]
        draw_diagonal(axes)
        text = metric_text(metrics["auc"]["per_class"][name])
        axes.set_title(f"{name}\nAUC {text}", fontsize=9)
        if name in bands:
            colour = SERIES[number % len(SERIES)]
            _band(axes, bands[name], colour)
            _line(axes, bands[name], colour, "solid", name)
        unit_square(axes, "False positive rate", "True positive rate" if number % columns == 0 else "")
    hide(panels[len(classes) :])
    caption = "One class against all others, with the pointwise 95 % band over resamples of patients."
    alt = "ROC curve of each class with its band: " + "; ".join(
        f"{name} AUC {metric_text(metrics['auc']['per_class'][name])}" for name in classes
    )
    return Plot("roc_per_class", "ROC curve of each class", caption, alt + ".", figure, wide=True)


def draw_precision_recall(scores: Scores, metrics: Mapping[str, Any]) -> Plot:
    """Precision against sensitivity, with the prevalence as the line of guessing."""
    figure, (axes,) = blank(5.6, 5.4)
    positive = one_vs_rest(scores.label, len(scores.classes))
    for number, name in enumerate(scores.classes):
        if not positive[:, number].any():
            continue
        colour = SERIES[number % len(SERIES)]
        recall, precision = precision_recall(positive[:, number], scores.probabilities[:, number])
        label = f"{name}  {metric_text(metrics['average_precision']['per_class'][name])}"
        dash = DASHES[number % len(DASHES)]
        axes.plot(recall, precision, color=colour, linestyle=dash, label=label, drawstyle="steps-pre")
        axes.axhline(positive[:, number].mean(), color=colour, linewidth=0.8, alpha=0.6, linestyle=(0, (1, 2)))
    unit_square(axes, "Recall (sensitivity)", "Precision (positive predictive value)")
    named = [line for line in axes.lines if not str(line.get_label()).startswith("_")]
    legend_below(figure, axes, "Average precision [95 % interval]")
    caption = (
        "Each class against all others. Dotted: the share of the class among the ROIs, which is the precision of "
        "guessing. Precision depends on that share, so these curves hold only for data with the same shares."
    )
    alt = "Precision-recall curves. Average precision: " + "; ".join(str(line.get_label()) for line in named) + "."
    return Plot("precision_recall", "Precision and recall", caption, alt, figure)


def precision_recall(positive: np.ndarray, score: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Recall and precision at every distinct score, from recall 0 (precision of the highest score) to 1."""
    order = np.argsort(-score, kind="stable")
    last_of_tie = np.append(np.flatnonzero(np.diff(score[order])), len(order) - 1)
    hits = np.cumsum(positive[order])[last_of_tie]
    precision = hits / (last_of_tie + 1)
    return np.append(0.0, hits / hits[-1]), np.append(precision[0], precision)


def draw_diagonal(axes: Axes) -> None:
    """The line of a model that guesses."""
    axes.plot([0, 1], [0, 1], color=QUIET, linewidth=0.8, linestyle=(0, (2, 2)), label="_chance")


def _line(axes: Axes, band: Band, colour: str, dash: Any, label: str, width: float = 1.6) -> None:
    curve = band.curve
    axes.plot(
        curve.false_positive_rate,
        curve.true_positive_rate,
        color=colour,
        linestyle=dash,
        linewidth=width,
        label=label,
    )


def _band(axes: Axes, band: Band, colour: str) -> None:
    if band.lower is not None and band.upper is not None:
        axes.fill_between(GRID, band.lower, band.upper, color=colour, alpha=0.15, linewidth=0)
