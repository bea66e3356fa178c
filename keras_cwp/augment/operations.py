"""The table of what a policy may draw: one row an operation. A policy gives each a range and a probability."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Operation:
    """One drawable quantity.

    Args:
        stage: the file that applies it.
        neutral: the value that changes nothing; the draw shrinks towards it as the magnitude falls.
        law: `linear`: uniform over the range; `log`: uniform in the logarithm; `coin`: 1 or 0, no range.
        columns: values drawn an image (2: x and y, or low and high), of the same range.
        least, most: the widest range that a policy may ask for.
        meaning: unit and direction.
    """

    stage: Literal["geometry", "intensity", "erasing"]
    neutral: float
    law: Literal["linear", "log", "coin"]
    columns: int
    least: float
    most: float
    meaning: str


OPERATIONS = {
    "flip_x": Operation("geometry", 0, "coin", 1, 0, 1, "mirrored left to right"),
    "flip_y": Operation("geometry", 0, "coin", 1, 0, 1, "mirrored top to bottom"),
    "rotation_deg": Operation("geometry", 0, "linear", 1, -180, 180, "degrees, counter-clockwise"),
    "zoom": Operation("geometry", 1, "log", 1, 0.25, 4, "above 1 magnifies"),
    "stretch": Operation("geometry", 1, "log", 1, 0.5, 2, "width over height of what was square"),
    "shear_deg": Operation("geometry", 0, "linear", 2, -60, 60, "degrees along x, along y"),
    "shift": Operation("geometry", 0, "linear", 2, -0.5, 0.5, "share of the side, right, down"),
    "perspective": Operation("geometry", 0, "linear", 2, -0.4, 0.4, "change of scale from centre to edge"),
    "elastic": Operation("geometry", 0, "linear", 1, 0, 0.1, "rms displacement, share of the side"),
    "scatter": Operation("intensity", 0, "linear", 1, 0, 0.9, "share of the signal that is scattered"),
    "shading": Operation("intensity", 0, "linear", 1, 0, 0.5, "rms of a smooth field added to the log signal"),
    "blur_px": Operation("intensity", 0, "linear", 1, 0, 2, "sigma of the focal spot, pixels"),
    "quantum_noise": Operation("intensity", 0, "linear", 1, 0, 0.5, "1/sqrt(photons a pixel) in the open beam"),
    "electronic_noise": Operation("intensity", 0, "linear", 1, 0, 0.1, "rms, share of the open-beam signal"),
    "sharpness": Operation("intensity", 0, "linear", 1, -1, 3, "amount of unsharp mask"),
    "local_contrast": Operation("intensity", 0, "linear", 1, -1, 1, "0 none, 1 fully equalised locally"),
    "exposure": Operation("intensity", 0, "linear", 1, -1, 1, "added to the log signal"),
    "contrast": Operation("intensity", 1, "log", 1, 0.2, 5, "gain of the log signal about the image's mean"),
    "window": Operation("intensity", 0, "linear", 2, -0.4, 0.4, "shift of the window's low and high end"),
    "gamma": Operation("intensity", 1, "log", 1, 0.2, 5, "exponent"),
    "erase": Operation("erasing", 0, "linear", 1, 0, 0.5, "area of one grey rectangle, share of the image"),
    "grid_mask": Operation("erasing", 0, "linear", 1, 0, 0.6, "side of the holes, share of the grid's pitch"),
}
