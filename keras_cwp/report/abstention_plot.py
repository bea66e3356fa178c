"""Error against the share of ROIs that is answered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from keras_cwp.report.plotting import SERIES, Plot, blank, grid


def draw_abstention(metrics: Mapping[str, Any]) -> Plot:
    """One line with its band; the least sure answers are refused first."""
    rows = metrics["abstention"]
    answered = np.array([row["answered"] for row in rows])
    error = np.array([row["error"]["value"] for row in rows])
    limits = np.array([row["error"]["ci95"] or (np.nan, np.nan) for row in rows])
    figure, (axes,) = blank(5.2, 3.4)
    axes.plot(answered, error, color=SERIES[0], marker="o", markersize=3, linewidth=1.6)
    axes.fill_between(answered, limits[:, 0], limits[:, 1], color=SERIES[0], alpha=0.15, linewidth=0)
    axes.set(xlim=(0, 1.02), ylim=(0, None), xlabel="Share of ROIs answered", ylabel="Share of answers that are wrong")
    grid(axes)
    caption = (
        "The answers with the lowest probability are refused first. A line that falls to the left means that the model "
        "knows when it may be wrong. Shaded: pointwise 95 % interval over patients."
    )
    half = rows[int(np.argmin(np.abs(answered - 0.5)))]
    alt = (
        f"Error against share answered: {error[0]:.3f} of all answers are wrong, {half['error']['value']:.3f} of the "
        f"most confident {100 * half['answered']:.0f} %."
    )
    return Plot("abstention", "Refusing to answer", caption, alt, figure)
