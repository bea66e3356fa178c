"""Plots of decisions and probabilities: confusion matrix, calibration, folds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from keras_cwp.evaluation.reliability import ReliabilityBin, reliability
from keras_cwp.evaluation.roc import one_vs_rest
from keras_cwp.evaluation.smooth_calibration import smooth_calibration
from keras_cwp.report.plotting import INK, QUIET, SERIES, Plot, blank, grid, hide, panel_grid, unit_square
from keras_cwp.scores import Scores

_STRONGEST_FILL = 0.6  # so that ink stays readable on it in both themes


def draw_confusion(metrics: Mapping[str, Any]) -> Plot:
    """Counts, shaded by their share of the true class."""
    classes, matrix = metrics["classes"], np.array(metrics["confusion"])
    side = 2.2 + 1.05 * len(classes)
    figure, (axes,) = blank(side + 0.6, side)
    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    for row, column in np.ndindex(matrix.shape):
        _cell(axes, row, column, int(matrix[row, column]), float(shares[row, column]))
    axes.set(xlim=(-0.5, len(classes) - 0.5), ylim=(len(classes) - 0.5, -0.5), aspect="equal")
    axes.set_xticks(range(len(classes)), [name.replace("_", "\n") for name in classes])
    axes.set_yticks(range(len(classes)), [name.replace("_", "\n") for name in classes])
    axes.set(xlabel="Decision (class of highest probability)", ylabel="Truth (reference label)")
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    caption = "ROIs of each true class (rows) by decision (columns). Percentages add up to 100 % in a row."
    alt = "Confusion matrix. " + " ".join(
        f"Of {matrix[row].sum()} {name}: "
        + ", ".join(f"{n} as {other}" for n, other in zip(matrix[row], classes, strict=True))
        + "."
        for row, name in enumerate(classes)
    )
    return Plot("confusion", "Confusion matrix", caption, alt, figure)


def draw_reliability(scores: Scores, bins: int) -> Plot:
    """A panel a class: predicted probability against the observed share."""
    classes = scores.classes
    columns, rows = panel_grid(len(classes))
    figure, panels = blank(3.2 * columns, 3.5 * rows, columns, rows)
    positive = one_vs_rest(scores.label, len(classes))
    for number, name in enumerate(classes):
        found = reliability(positive[:, number], scores.probabilities[:, number], scores.patient_id, bins)
        _reliability_panel(panels[number], found, SERIES[number % len(SERIES)])
        _smooth(panels[number], positive[:, number], scores, number)
        panels[number].set_title(name, fontsize=9)
        if number % columns == 0:
            panels[number].set_ylabel("Observed share")
    hide(panels[len(classes) :])
    caption = (
        f"{bins} bins of equal width. Points: mean predicted probability and observed share in a bin, with Wilson's "
        "95 % interval clustered by patient. Curve and shade: smoothed share (a spline of the log odds) with its "
        "pointwise 95 % band over patients, from 10 patients of either kind on and where the band is at most half of "
        "the scale wide. Well calibrated probabilities lie on the diagonal. Bars: share of ROIs in the bin."
    )
    alt = "Reliability diagram of each class: " + "; ".join(classes) + "."
    return Plot("reliability", "Calibration", caption, alt, figure, wide=True)


def draw_folds(metrics: Mapping[str, Any]) -> Plot | None:
    """Each fold's AUC as a point, by class and macro; None where there is one fold."""
    if metrics["folds"] is None:
        return None
    names = ["macro", *metrics["classes"]]
    figure, (axes,) = blank(6.4, 1.3 + 0.55 * len(names))
    for row, name in enumerate(names):
        values = [_fold_auc(fold["auc"], name) for fold in metrics["folds"]["each"]]
        defined = np.array([value for value in values if value is not None])
        colour = INK if row == 0 else SERIES[(row - 1) % len(SERIES)]
        jitter = np.linspace(-0.16, 0.16, len(defined)) if len(defined) > 1 else np.zeros(len(defined))
        axes.plot(defined, row + jitter, "o", color=colour, alpha=0.75, markersize=5, markeredgewidth=0)
        _pooled_bar(axes, row, _pooled(metrics, name), colour)
    axes.set_yticks(range(len(names)), names)
    axes.set(ylim=(len(names) - 0.5, -0.5), xlabel="AUC")
    axes.tick_params(axis="y", length=0)
    grid(axes)
    caption = (
        "Points: the model of each fold on the ROIs that it held out. Bar: all held-out ROIs pooled, with the 95 % "
        "interval over patients. Points far apart mean that the AUC depends on which patients are held out."
    )
    alt = "AUC of each fold: " + "; ".join(f"{name} {_range(metrics, name)}" for name in names) + "."
    return Plot("folds", "Fold by fold", caption, alt, figure)


def _cell(axes: Axes, row: int, column: int, count: int, share: float) -> None:
    colour = SERIES[0] if row == column else SERIES[1]
    filled = Rectangle((column - 0.48, row - 0.48), 0.96, 0.96, color=colour, alpha=_STRONGEST_FILL * share, lw=0)
    filled.set_gid(f"cell-{row}-{column}")  # the page's case viewer finds the cell by it
    axes.add_patch(filled)
    axes.add_patch(Rectangle((column - 0.48, row - 0.48), 0.96, 0.96, fill=False, edgecolor=QUIET, alpha=0.35, lw=0.7))
    axes.text(column, row - 0.06, f"{count:,}", ha="center", va="center", fontsize=13)
    axes.text(column, row + 0.22, f"{100 * share:.0f} %", ha="center", va="center", fontsize=8)


def _reliability_panel(axes: Axes, bins: list[ReliabilityBin], colour: str) -> None:
    total = sum(found.rows for found in bins)
    axes.plot([0, 1], [0, 1], color=QUIET, linewidth=0.8, linestyle=(0, (2, 2)))
    axes.bar(
        [found.lower for found in bins],
        [found.rows / total for found in bins],
        width=[found.upper - found.lower for found in bins],
        align="edge", color=QUIET, alpha=0.25, linewidth=0,
    )  # fmt: skip
    mean = np.array([found.mean_probability for found in bins])
    seen = np.array([found.frequency for found in bins])
    limits = np.array([found.ci95 for found in bins]).reshape(-1, 2)
    error = np.maximum([seen - limits[:, 0], limits[:, 1] - seen], 0)
    axes.errorbar(mean, seen, yerr=error, fmt="o-", color=colour, markersize=4, linewidth=1.2, elinewidth=1)
    unit_square(axes, "Predicted probability", "")


def _smooth(axes: Axes, positive: np.ndarray, scores: Scores, column: int) -> None:
    curve = smooth_calibration(positive, scores.probabilities[:, column], scores.patient_id)
    if curve is not None:
        axes.fill_between(curve.given, curve.lower, curve.upper, color=INK, alpha=0.12, linewidth=0)
        axes.plot(curve.given, curve.came_true, color=INK, linewidth=1)


def _fold_auc(auc: dict[str, Any], name: str) -> float | None:
    return auc["macro"] if name == "macro" else auc["per_class"][name]


def _pooled(metrics: Mapping[str, Any], name: str) -> dict[str, Any]:
    return metrics["auc"]["macro"] if name == "macro" else metrics["auc"]["per_class"][name]


def _pooled_bar(axes: Axes, row: int, pooled: dict[str, Any], colour: str) -> None:
    if pooled["value"] is None:
        return
    axes.plot([pooled["value"]] * 2, [row - 0.3, row + 0.3], color=colour, linewidth=2)
    if pooled["ci95"] is not None:
        axes.add_patch(
            Rectangle((pooled["ci95"][0], row - 0.3), np.ptp(pooled["ci95"]), 0.6, color=colour, alpha=0.15, lw=0)
        )


def _range(metrics: Mapping[str, Any], name: str) -> str:
    values = [value for fold in metrics["folds"]["each"] if (value := _fold_auc(fold["auc"], name)) is not None]
    return f"{min(values):.3f} to {max(values):.3f}" if values else "undefined"
