"""A look at a policy: a contact sheet, and an animation."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping

import numpy as np
import tensorflow as tf
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from keras_cwp.augment.layer import Augment
from keras_cwp.augment.operations import OPERATIONS

_CELL_INCHES, _CAPTION_INCHES, _DPI = 1.9, 0.68, 110
_CAPTION_COLUMNS = 42  # characters across a cell at the caption's size
_GIF_MS = 300


def choose_rows(labels: np.ndarray, rois: int, seed: int) -> np.ndarray:
    """Rows [rois, or all if fewer] by turns from each class, in random order within it. labels: int [rows]."""
    shuffled = np.random.default_rng(seed).permutation(len(labels))
    turn = np.zeros(len(labels), np.int64)
    for label in np.unique(labels):
        of_class = shuffled[labels[shuffled] == label]
        turn[of_class] = np.arange(len(of_class))
    return np.lexsort((labels, turn))[:rois]


def drawn_views(
    layer: Augment,
    crops: np.ndarray,
    draws: int,
    seed: int,
    lay: Callable[[int], tuple[np.ndarray, list[str]]] | None = None,
) -> tuple[np.ndarray, list[list[str]]]:
    """The untouched view and `draws` augmented ones of each crop, with what was drawn for each.

    Args:
        crops: float [rois, crop, crop, 1].
        lay: the crops with opacities of a draw, and what was laid into each, "" for nothing; see opacities.py.

    Returns:
        views float32 [rois, 1 + draws, side, side] and captions [rois][1 + draws].
    """
    views, captions = [layer(crops).numpy()], [["as it is"] * len(crops)]
    for step in range(draws):
        draw = layer.draw(len(crops), tf.constant([seed, step], tf.int64))
        changed, laid = lay(step) if lay else (crops, [""] * len(crops))
        views.append(layer.apply(changed, draw).numpy())
        described = describe({name: value.numpy() for name, value in draw.items()}, len(crops))
        captions.append([", ".join(filter(None, both)) for both in zip(laid, described, strict=True)])
    return np.stack(views, axis=1)[..., 0], [list(row) for row in zip(*captions, strict=True)]


def describe(draw: Mapping[str, np.ndarray], batch: int) -> list[str]:
    """What was drawn for each image, in words; what stayed neutral is left out."""
    lines = []
    for row in range(batch):
        parts = []
        for name in (name for name in OPERATIONS if name in draw):
            values = np.atleast_1d(draw[name][row])
            if (values != OPERATIONS[name].neutral).any():
                parts.append(OPERATIONS[name].caption.format(*values))
        lines.append(", ".join(parts) or "unchanged")
    return lines


def contact_sheet(views: np.ndarray, captions: list[list[str]], names: list[str], title: str) -> bytes:
    """PNG: a row an ROI, the original first. names: of the rows."""
    rows, columns = views.shape[:2]
    figure = Figure(figsize=(columns * _CELL_INCHES, rows * (_CELL_INCHES + _CAPTION_INCHES) + 0.4))
    FigureCanvasAgg(figure)
    figure.suptitle(title, fontsize=10, x=0.01, ha="left")
    grid = figure.subplots(rows, columns, squeeze=False)
    for row in range(rows):
        for column in range(columns):
            axes = grid[row][column]
            axes.imshow(views[row, column], cmap="gray", vmin=0, vmax=1)
            axes.set_axis_off()
            text = names[row] if column == 0 else _wrap(captions[row][column])
            axes.text(0, -0.03, text, fontsize=5.5, va="top", transform=axes.transAxes)
    figure.subplots_adjust(left=0.005, right=0.995, top=1 - 0.35 / figure.get_figheight(), bottom=0.07, wspace=0.03)
    png = io.BytesIO()
    figure.savefig(png, format="png", dpi=_DPI)
    return png.getvalue()


def animation(views: np.ndarray) -> bytes:
    """GIF: the ROIs beside each other, a frame a draw."""
    frames = [np.hstack(list(views[:, step])) for step in range(views.shape[1])]
    images = [Image.fromarray(np.round(frame * 255).astype(np.uint8)) for frame in frames]
    gif = io.BytesIO()
    images[0].save(gif, format="GIF", save_all=True, append_images=images[1:], duration=_GIF_MS, loop=0)
    return gif.getvalue()


def _wrap(caption: str) -> str:
    lines = [""]
    for part in caption.split(", "):
        if lines[-1] and len(lines[-1]) + len(part) > _CAPTION_COLUMNS:
            lines.append("")
        lines[-1] += f", {part}" if lines[-1] else part
    return "\n".join(lines)
