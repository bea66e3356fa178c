"""Decision curves: is acting on the model better than acting on every ROI, or on none?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from keras_cwp.report.plotting import INK, QUIET, SERIES, Plot, blank, grid, hide, legend_below, panel_grid

_PROBABILITIES = {
    "temperature": "Probabilities are recalibrated by the temperature of the validation ROIs.",
    "as_is": "Probabilities are the model's own: there is nothing to recalibrate them with.",
}


def draw_decision_curves(found: Mapping[str, Any]) -> Plot:
    """A panel a class: net benefit of the model, of acting on every ROI, and on none.

    Args:
        found: `net_benefit` of metrics.json.
    """
    classes, thresholds = list(found["per_class"]), found["thresholds"]
    columns, rows = panel_grid(len(classes))
    figure, panels = blank(3.2 * columns, 3.1 * rows, columns, rows)
    for number, (name, curve) in enumerate(found["per_class"].items()):
        axes = panels[number]
        axes.plot(
            thresholds, curve["all_called"], color=QUIET, linestyle=(0, (5, 2)), linewidth=1, label="act on every ROI"
        )
        axes.axhline(0, color=INK, linewidth=1, linestyle=(0, (1, 1.5)), label="act on none")
        axes.plot(thresholds, curve["model"], color=SERIES[0], linewidth=2, label="act on the model")
        if curve["lower"] is not None:
            axes.fill_between(thresholds, curve["lower"], curve["upper"], color=SERIES[0], alpha=0.15, linewidth=0)
        top = max(*curve["all_called"], *curve["model"], 0.05) * 1.1
        axes.set(xlim=(0, 1), ylim=(-0.25 * top, top), xlabel="Threshold probability", title=name)
        grid(axes)
        if number % columns == 0:
            axes.set_ylabel("Net benefit")
    hide(panels[len(classes) :])
    legend_below(figure, panels[0])
    caption = (
        "Net benefit: true positives minus weighted false positives, per ROI. The weight is the odds of the threshold "
        "probability from which on a reader would act. The model is useful where its line is above both other lines "
        "(Vickers and Elkin 2006). Shaded: pointwise 95 % interval over patients. "
        + _PROBABILITIES[found["probabilities"]]
    )
    alt = "Decision curves of each class: " + "; ".join(classes) + "."
    return Plot("decision_curves", "Decision curves", caption, alt, figure, wide=True)
