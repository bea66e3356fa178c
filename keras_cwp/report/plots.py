"""All figures of a report, in its order."""

from __future__ import annotations

from keras_cwp.evaluation.bands import Band, roc_bands
from keras_cwp.evaluation.metrics import labelled
from keras_cwp.report.curves import draw_precision_recall, draw_roc, draw_roc_per_class
from keras_cwp.report.decision_curves import draw_decision_curves
from keras_cwp.report.decisions import draw_confusion, draw_folds, draw_reliability
from keras_cwp.report.examples import draw_examples
from keras_cwp.report.plotting import Drawn, style
from keras_cwp.report.run_input import ReportInput
from keras_cwp.report.training_curves import draw_training
from keras_cwp.scores import Scores

_BAND_RESAMPLES = 500  # pointwise bands settle sooner than the limits of a single figure
_RELIABILITY_BINS = 10


def draw_figures(run: ReportInput) -> dict[str, Drawn]:
    """Every figure that the input has data for, by its name."""
    known = labelled(run.scores)
    bands = roc_bands(known, _BAND_RESAMPLES, run.metrics["intervals"]["seed"])
    with style():
        drawn = _draw(run, known, bands)
    return {figure.name: figure for figure in drawn if figure is not None}


def _draw(run: ReportInput, known: Scores, bands: dict[str, Band]) -> list[Drawn | None]:
    return [
        draw_roc(bands, known.classes, run.metrics),
        draw_roc_per_class(bands, known.classes, run.metrics),
        draw_precision_recall(known, run.metrics),
        draw_confusion(run.metrics),
        draw_reliability(known, _RELIABILITY_BINS),
        draw_decision_curves(known),
        draw_folds(run.metrics),
        draw_training(run.history),
        draw_examples(run.examples),
    ]
