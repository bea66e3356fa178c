"""ROIs to look at: which ones, and how they are shown."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from matplotlib.cm import ScalarMappable

from keras_cwp.explain.common_scale import HIGH, LOW
from keras_cwp.explain.overlay import lay_over
from keras_cwp.report.plotting import Plot, blank
from keras_cwp.scores import Scores

_SHOWN_PX = 224
_SCALE_IN = 0.6  # height of the colour bar and its words


@dataclass(frozen=True, eq=False)
class Example:
    """One ROI with the model's answer.

    Args:
        crop: float [height, width] in [0, 1], bone bright.
        heat_map: float [rows, columns] in [0, 1] of any size, laid over the whole crop; None: withheld.
        true, predicted: class names.
        probability: of the predicted class.
        roi_id: the pseudonym that stands in scores.csv.
        kind: heading under which it is shown.
        withheld: why it has no map, where it has none.
    """

    crop: np.ndarray
    heat_map: np.ndarray | None
    true: str
    predicted: str
    probability: float
    roi_id: str
    kind: str = "Examples"
    withheld: str = ""


@dataclass(frozen=True)
class Choice:
    """A row of Scores to show, and under which heading."""

    row: int
    kind: str


def choose_examples(scores: Scores, each: int) -> list[Choice]:
    """The rows with the lowest and with the highest probability of their true class, `each` of either kind.

    Hardest: wrong decisions, the most confident first. Most typical: correct decisions, classes in turn. A row is shown
    once; rows without a label are left out.
    """
    labelled = np.flatnonzero(scores.label >= 0)
    of_truth = scores.probabilities[labelled, scores.label[labelled]]
    wrong = scores.probabilities[labelled].argmax(axis=1) != scores.label[labelled]
    hardest = labelled[wrong][np.argsort(of_truth[wrong], kind="stable")][:each]
    right = labelled[~wrong][np.argsort(-of_truth[~wrong], kind="stable")]
    rank_in_class = np.zeros(len(right), dtype=int)
    for label in np.unique(scores.label[right]):
        own = scores.label[right] == label
        rank_in_class[own] = np.arange(own.sum())
    typical = right[np.lexsort((scores.label[right], rank_in_class))][:each]
    return [Choice(int(row), "Hardest") for row in hardest] + [Choice(int(row), "Most typical") for row in typical]


def gallery(examples: Sequence[Example]) -> dict[str, list[dict[str, Any]]]:
    """The examples as blocks.Gallery shows them, by kind."""
    kinds: dict[str, list[dict[str, Any]]] = {}
    for example in examples:
        kinds.setdefault(example.kind, []).append(_shown(example))
    return kinds


def draw_examples(examples: Sequence[Example]) -> Plot:
    """A sheet of all examples, at least one, for the figures folder."""
    columns = min(len(examples), 4)
    rows = -(-len(examples) // columns)
    figure, panels = blank(2.3 * columns, 2.8 * rows, columns, rows)
    for axes in panels:
        axes.set_axis_off()
    for axes, example in zip(panels, examples, strict=False):
        grey = _grey(example.crop)
        shown = grey if example.heat_map is None else lay_over(grey, example.heat_map)[..., ::-1]
        axes.imshow(shown, cmap="gray", vmin=0, vmax=255)
        axes.set_title(f"{example.kind}\n{describe(example)}", fontsize=7)
    if any(example.heat_map is not None for example in examples):
        figure.set_figheight(figure.get_figheight() + _SCALE_IN)
        scale = figure.colorbar(
            ScalarMappable(cmap="inferno"), ax=panels, orientation="horizontal", shrink=0.5, aspect=40, ticks=[0, 1]
        )
        scale.ax.set_xticklabels([LOW, HIGH.replace(", ", ",\n")], fontsize=6)
    alt = "; ".join(f"{example.kind}: {describe(example)}" for example in examples)
    return Plot("examples", "Examples", "ROIs under heat maps of the predicted class.", alt + ".", figure)


def describe(example: Example) -> str:
    """correct: normal, 98 %; or wrong: normal was called large_opacity, 93 %"""
    probability = f"{100 * example.probability:.0f} %"
    if example.true == example.predicted:
        return f"correct: {example.true}, {probability}"
    return f"wrong: {example.true} was called {example.predicted}, {probability}"


def _shown(example: Example) -> dict[str, Any]:
    said, grey = describe(example), _grey(example.crop)
    pictures = [(grey, f"ROI {example.roi_id}, {said}")]
    if example.heat_map is not None:
        pictures.append((lay_over(grey, example.heat_map), "The same ROI under its heat map"))
    side = {"width": _SHOWN_PX, "height": _SHOWN_PX}
    return {
        "state": "right" if example.true == example.predicted else "wrong",
        "images": [{"src": data_uri(pixels), "alt": alt, **side} for pixels, alt in pictures],
        "lines": [line for line in (said, example.withheld) if line],
        "file": example.roi_id,
    }


def _grey(crop: np.ndarray) -> np.ndarray:
    """uint8 [224, 224]"""
    pixels = np.rint(np.clip(crop, 0, 1) * 255).astype(np.uint8)
    shrinks = max(pixels.shape) > _SHOWN_PX
    return cv2.resize(pixels, (_SHOWN_PX, _SHOWN_PX), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC)


def data_uri(pixels: np.ndarray) -> str:
    """A picture uint8 [height, width] or [height, width, 3], blue first, as a PNG data URI."""
    _, png = cv2.imencode(".png", pixels)
    return "data:image/png;base64," + base64.b64encode(png.tobytes()).decode()
