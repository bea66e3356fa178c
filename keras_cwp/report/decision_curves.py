"""Decision curves: is the model worth using at all, at a given readiness to act?"""

from __future__ import annotations

import numpy as np

from keras_cwp.evaluation.decision_curve import THRESHOLDS, decision_curve
from keras_cwp.evaluation.roc import one_vs_rest
from keras_cwp.report.plotting import INK, QUIET, SERIES, Drawn, blank, grid, hide, panel_grid
from keras_cwp.scores import Scores


def draw_decision_curves(scores: Scores) -> Drawn:
    """A panel a class: net benefit of the model, of acting on every ROI, and on none."""
    columns, rows = panel_grid(len(scores.classes))
    figure, panels = blank(3.2 * columns, 3.1 * rows, columns, rows)
    positive = one_vs_rest(scores.label, len(scores.classes))
    for number, name in enumerate(scores.classes):
        axes, prevalence = panels[number], positive[:, number].mean()
        curve = decision_curve(positive[:, number], scores.probabilities[:, number])
        axes.plot(
            THRESHOLDS, curve.all_called, color=QUIET, linestyle=(0, (5, 2)), linewidth=1, label="act on every ROI"
        )
        axes.axhline(0, color=INK, linewidth=1, linestyle=(0, (1, 1.5)), label="act on none")
        axes.plot(THRESHOLDS, curve.model, color=SERIES[number % len(SERIES)], linewidth=2, label="model")
        top = max(float(prevalence), float(np.max(curve.model)), 0.05) * 1.1
        axes.set(xlim=(0, 1), ylim=(-0.25 * top, top), xlabel="Threshold probability", title=name)
        grid(axes)
        axes.legend(fontsize=7.5)
        if number % columns == 0:
            axes.set_ylabel("Net benefit")
    hide(panels[len(scores.classes) :])
    caption = (
        "Net benefit: right calls a ROI, less wrong calls weighted by the odds of the threshold probability at which "
        "one would act. The model is of use where its line is above both others (Vickers and Elkin 2006)."
    )
    alt = "Decision curves of each class: " + "; ".join(scores.classes) + "."
    return Drawn("decision_curves", "Decision curves", caption, alt, figure)
