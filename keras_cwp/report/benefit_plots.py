"""Decision curves: is acting on the model better than acting on every ROI, or on none?"""

from __future__ import annotations

import numpy as np

from keras_cwp.evaluation.decision_curve import THRESHOLDS, decision_curve
from keras_cwp.evaluation.roc import one_vs_rest
from keras_cwp.report.plotting import INK, QUIET, SERIES, Plot, blank, grid, hide, legend_below, panel_grid
from keras_cwp.scores import Scores


def draw_decision_curves(scores: Scores) -> Plot:
    """A panel a class: net benefit of the model, of acting on every ROI, and on none."""
    columns, rows = panel_grid(len(scores.classes))
    figure, panels = blank(3.2 * columns, 3.1 * rows, columns, rows)
    positive = one_vs_rest(scores.label, len(scores.classes))
    for number, name in enumerate(scores.classes):
        axes, prevalence = panels[number], positive[:, number].mean()
        curve = decision_curve(positive[:, number], scores.probabilities[:, number], scores.patient_id)
        axes.plot(
            THRESHOLDS, curve.all_called, color=QUIET, linestyle=(0, (5, 2)), linewidth=1, label="act on every ROI"
        )
        axes.axhline(0, color=INK, linewidth=1, linestyle=(0, (1, 1.5)), label="act on none")
        axes.plot(THRESHOLDS, curve.model, color=SERIES[0], linewidth=2, label="act on the model")
        if curve.lower is not None and curve.upper is not None:
            axes.fill_between(THRESHOLDS, curve.lower, curve.upper, color=SERIES[0], alpha=0.15, linewidth=0)
        top = max(float(prevalence), float(np.max(curve.model)), 0.05) * 1.1
        axes.set(xlim=(0, 1), ylim=(-0.25 * top, top), xlabel="Threshold probability", title=name)
        grid(axes)
        if number % columns == 0:
            axes.set_ylabel("Net benefit")
    hide(panels[len(scores.classes) :])
    legend_below(figure, panels[0])
    caption = (
        "Net benefit: true positives minus weighted false positives, per ROI. The weight is the odds of the threshold "
        "probability from which on a reader would act. The model is useful where its line is above both other lines "
        "(Vickers and Elkin 2006). Shaded: pointwise 95 % interval over patients."
    )
    alt = "Decision curves of each class: " + "; ".join(scores.classes) + "."
    return Plot("decision_curves", "Decision curves", caption, alt, figure, wide=True)
