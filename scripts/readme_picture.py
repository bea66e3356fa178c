"""Draw README's picture from the demo's run: ROC curves of the held-out patients, and four crops.

Heat maps stand beside the crops where the run's own report shows them.

python scripts/readme_picture.py demo docs/demo.png
"""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from keras_cwp.api.data import open_data
from keras_cwp.api.run import Run
from keras_cwp.data.prepared import PreparedData
from keras_cwp.evaluation.roc import one_vs_rest, roc_curve
from keras_cwp.explain.heat_maps import heat_maps
from keras_cwp.explain.overlay import side_by_side
from keras_cwp.report.plotting import DASHES, PAPER, SERIES, style, unit_square
from keras_cwp.report.tables import metric_text

CROPS = 4
WIDTH, HEIGHT, DPI = 9.0, 4.2, 110  # inches; about 100 KB as PNG


def main(demo: str, out: str) -> None:
    run, data = Run(Path(demo) / "run"), open_data(Path(demo) / "data")
    with style():
        figure = Figure(figsize=(WIDTH, HEIGHT), layout="constrained", facecolor=PAPER)
        left, right = figure.subfigures(1, 2, width_ratios=(1, 1.1))
        draw_curves(left.subplots(), run)
        draw_crops(right.subplots(2, 2).ravel(), run, data)
        FigureCanvasAgg(figure).print_figure(out, format="png", dpi=DPI, facecolor=PAPER)


def draw_curves(axes: Axes, run: Run) -> None:
    """A curve a class, with its AUC."""
    scores, auc = run.folder.scores, run.metrics["auc"]
    positive = one_vs_rest(scores.label, len(scores.classes))
    for number, name in enumerate(scores.classes):
        curve = roc_curve(positive[:, number], scores.probabilities[:, number])
        label = f"{name}  {metric_text(auc['per_class'][name], 2)}"
        axes.plot(
            curve.false_positive_rate,
            curve.true_positive_rate,
            color=SERIES[number],
            linestyle=DASHES[number],
            label=label,
        )
    unit_square(axes, "False positive rate", "True positive rate")
    axes.set_title(f"Held-out phantom patients: macro AUC {metric_text(auc['macro'], 2)}", fontsize=9)
    axes.legend(loc="lower right", title="AUC [95 % interval]", alignment="left")


def draw_crops(panels: np.ndarray, run: Run, data: PreparedData) -> None:
    """ROIs with a finding that the network decides rightly, with heat maps where the run shows them."""
    scores, network = run.folder.scores, run.model().network
    shown = (run.metrics.get("heat_maps") or {}).get("shown", False)  # the report withholds maps that fail their test
    row_of = {row.roi_key: number for number, row in enumerate(data.manifest)}
    right = scores.probabilities.argmax(axis=1) == scores.label
    findings = [label for label, name in enumerate(scores.classes) if name != "normal"]
    best = [
        np.flatnonzero(right & (scores.label == label))[:: -1 if turn else 1][:1]
        for label in findings
        for turn in range(CROPS // len(findings))
    ]
    inner = slice(data.margin, data.margin + data.image_size)
    for axes, row in zip(panels, np.concatenate(best), strict=True):
        place = row_of[str(scores.roi_id[row])]
        crop = data.read(np.array([place]))[0, inner, inner] / np.float32(np.iinfo(data.dtype).max)
        label = int(scores.label[row])
        if shown:
            heat = heat_maps(network, crop[None, :, :, None].astype(np.float32), np.array([label]))[0]
            axes.imshow(cv2.cvtColor(side_by_side(crop, heat), cv2.COLOR_BGR2RGB))
        else:
            axes.imshow(crop, cmap="gray", vmin=0, vmax=1)
        axes.set_title(f"{scores.classes[label]}, {scores.probabilities[row, label]:.0%}", fontsize=8)
        axes.set_axis_off()


if __name__ == "__main__":
    main(*sys.argv[1:])
