"""Loss, accuracy and AUC over epochs: training and validation, fold by fold, with the epoch that was kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from keras_cwp.report.plotting import INK, SERIES, Plot, blank, grid, legend_below
from keras_cwp.wording import plural

History = Sequence[Mapping[str, Any]]
_PANELS = (("loss", "Loss"), ("accuracy", "Accuracy"), ("auc", "Macro AUC"))


def has_curves(history: History) -> bool:
    """Whether `draw_training` has anything to show: the history of a probe only says how long it took."""
    return any(column in row for row in history for key, _ in _PANELS for column in (key, f"val_{key}"))


def draw_training(history: History, kept: Mapping[str, int] | None = None) -> Plot:
    """Panels of loss, accuracy and, where it was recorded, validation macro AUC.

    Args:
        history: a row an epoch, at least one: `epoch`, then `loss`, `val_loss`, `accuracy` … and `fold` where there
            are several. Folds whose network is a probe have no curves and are left out.
        kept: fold as `fold_names` gives it → epoch whose weights the model has, counted from 1.
    """
    kept = kept or {}
    history = [row for row in history if has_curves([row])]
    panels = [(key, title) for key, title in _PANELS if any(f"val_{key}" in row or key in row for row in history)]
    figure, axes = blank(3.5 * len(panels), 3.2, len(panels))
    folds = fold_names(history)
    for area, (key, title) in zip(axes, panels, strict=True):
        _panel(area, history, folds, key)
        _mark_kept(area, [kept[fold] for fold in folds if fold in kept])
        area.set_title(title)
    legend_below(figure, axes[0])
    several = f" Thin lines: each of {len(folds)} folds. Thick lines: their mean." if len(folds) > 1 else ""
    mark = " Dotted: the epoch whose weights the model has." if kept else ""
    caption = f"Training values are of augmented crops, validation values of crops without augmentation.{several}{mark}"
    return Plot("training", "Training", caption, _alt(history, panels), figure, wide=True)


def fold_names(history: History) -> list[str]:
    """The folds of a history, in order."""
    return sorted({str(row.get("fold", 0)) for row in history}, key=_numeric)


def series(history: History, fold: str, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Epochs and values of a column in a fold; epochs without the value are left out, NaN stays a gap."""
    rows = [row for row in history if str(row.get("fold", 0)) == fold and row.get(name) not in (None, "")]
    return np.array([float(row["epoch"]) for row in rows]), np.array([float(row[name]) for row in rows])


def _panel(axes: Axes, history: History, folds: list[str], key: str) -> None:
    for name, label, colour, dash in (
        (key, "training", SERIES[0], (0, (5, 1.5))),
        (f"val_{key}", "validation", SERIES[1], "solid"),
    ):
        lines = [series(history, fold, name) for fold in folds]
        if not any(len(epochs) for epochs, _ in lines):
            continue
        for epochs, values in lines:
            thin = {"linewidth": 0.8, "alpha": 0.35} if len(folds) > 1 else {"label": label}
            marker = "o" if len(epochs) == 1 else ""
            axes.plot(epochs, values, color=colour, linestyle=dash, marker=marker, markersize=4, **thin)
        if len(folds) > 1:
            axes.plot(*mean_over_folds(lines), color=colour, linestyle=dash, linewidth=2, label=label)
    axes.set_xlabel("Epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
    axes.spines["left"].set_edgecolor(INK)
    grid(axes)


def _mark_kept(axes: Axes, epochs: list[int]) -> None:
    """A dotted line at each epoch that was kept, with the epoch's number in the legend where there is one."""
    distinct = sorted(set(epochs))
    for number, epoch in enumerate(distinct):
        label = f"kept: epoch {epoch}" if len(distinct) == 1 else "kept epochs"
        axes.axvline(epoch, color=INK, linewidth=1, linestyle=(0, (1, 1.5)), label="_" if number else label)


def mean_over_folds(lines: list[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    """Mean over the folds that reached an epoch with a value that is a number."""
    epochs = np.concatenate([own for own, _ in lines])
    values = np.concatenate([own for _, own in lines])
    epochs, values = epochs[~np.isnan(values)], values[~np.isnan(values)]
    distinct = np.unique(epochs)
    return distinct, np.array([values[epochs == epoch].mean() for epoch in distinct])


def _alt(history: History, panels: list[tuple[str, str]]) -> str:
    last = history[-1]
    ends = [f"{name} {float(last[name]):.3f}" for key, _ in panels for name in (key, f"val_{key}") if last.get(name)]
    epochs = plural(len({row["epoch"] for row in history}), "epoch")
    return f"Curves over {epochs}; the last row ends at " + ", ".join(ends) + "."


def _numeric(text: str) -> tuple[float, str]:
    return (float(text), text) if text.lstrip("-").isdigit() else (float("inf"), text)
