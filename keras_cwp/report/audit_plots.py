"""Histograms of a prepared data set: what its ROIs and patients are like, class by class."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from keras_cwp.data.prepared import PreparedData
from keras_cwp.report.plotting import INK, SERIES, Plot, blank, grid, legend_below
from keras_cwp.wording import plural

_BINS = 15
_CROPS = 2000  # of which the mean grey is taken, spread evenly over the data set
_BATCH = 256


def draw_audit(data: PreparedData) -> Plot:
    """Panels: longer side of a ROI, mean grey of a crop, ROIs of a patient; a line a class in the first two."""
    sides, unit = _sides(data)
    rows, greys = _greys(data)
    figure, axes = blank(10.5, 3.2, 3)
    _by_class(axes[0], sides, data.labels, data.classes)
    axes[0].set(title="Longer side of a ROI", xlabel=unit, ylabel="Share of the class's ROIs")
    _by_class(axes[1], greys, data.labels[rows], data.classes)
    axes[1].set(title="Mean grey of a crop", xlabel="0: black, 1: white")
    counts = np.unique(data.patients, return_counts=True)[1]
    edges = np.arange(0.5, counts.max() + 1.5, max(1, counts.max() // _BINS))
    axes[2].hist(counts, bins=edges.tolist(), color=SERIES[0])
    axes[2].set(title="ROIs of a patient", xlabel="ROIs", ylabel="Patients")
    for axis in (axes[2].xaxis, axes[2].yaxis):
        axis.set_major_locator(MaxNLocator(integer=True, nbins=6))
    for panel in axes:
        panel.spines["left"].set_edgecolor(INK)
        grid(panel)
    legend_below(figure, axes[0])
    some = f" Mean grey: of {len(rows):,} ROIs, evenly spread." if len(rows) < len(data) else ""
    caption = f"Classes whose lines lie apart can be told by size or brightness alone.{some}"
    alt = (
        f"Histograms of {plural(len(data), 'ROI')}: longer side {sides.min():.3g} to {sides.max():.3g} {unit}, mean "
        f"grey {greys.min():.2f} to {greys.max():.2f}, {counts.min()} to {plural(int(counts.max()), 'ROI')} a patient."
    )
    return Plot("distributions", "Distributions", caption, alt, figure, wide=True)


def _sides(data: PreparedData) -> tuple[np.ndarray, str]:
    """Longer side of each ROI and its unit: mm where all spacings are known, else pixels."""
    sides = np.maximum(data.manifest.numbers("width"), data.manifest.numbers("height"))
    spacing = data.manifest.numbers("spacing_mm")
    return (sides, "pixels") if np.isnan(spacing).any() else (sides * spacing, "mm")


def _greys(data: PreparedData) -> tuple[np.ndarray, np.ndarray]:
    """Rows of the manifest, and the mean of their crops without margin, 0 to 1."""
    rows = np.unique(np.linspace(0, len(data) - 1, min(_CROPS, len(data))).astype(np.int64))
    inner = slice(data.margin, data.margin + data.image_size)
    means = [
        data.read(some)[:, inner, inner].mean(axis=(1, 2)) for some in np.array_split(rows, -(-len(rows) // _BATCH))
    ]
    return rows, np.concatenate(means) / np.iinfo(data.dtype).max


def _by_class(axes: Axes, values: np.ndarray, labels: np.ndarray, classes: tuple[str, ...]) -> None:
    """A line a class: its share in each of bins that all classes have in common."""
    few = np.unique(values)
    if len(few) == 1:  # a bin around the one value, and a tick that names it
        half = max(abs(float(few[0])) / 2, 0.5)
        edges = np.linspace(few[0] - half, few[0] + half, 4)
        axes.set_xticks(few.tolist(), [f"{few[0]:.4g}"])
    else:
        edges = np.histogram_bin_edges(values, _BINS)
    for number, name in enumerate(classes):
        own = values[labels == number]
        if len(own):
            weights = np.full(len(own), 1 / len(own))
            colour = SERIES[number % len(SERIES)]
            axes.hist(own, edges.tolist(), weights=weights, histtype="step", linewidth=1.6, color=colour, label=name)
