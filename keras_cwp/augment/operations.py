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
        caption: how a preview writes a drawn value.
    """

    stage: Literal["geometry", "intensity", "erasing"]
    neutral: float
    law: Literal["linear", "log", "coin"]
    columns: int
    least: float
    most: float
    meaning: str
    caption: str


OPERATIONS = {
    "flip_x": Operation("geometry", 0, "coin", 1, 0, 1, "mirrored left to right", "flipped ↔"),
    "flip_y": Operation("geometry", 0, "coin", 1, 0, 1, "mirrored top to bottom", "flipped ↕"),
    "rotation_deg": Operation("geometry", 0, "linear", 1, -180, 180, "degrees, counter-clockwise", "rotation {:+.0f}°"),
    "zoom": Operation("geometry", 1, "log", 1, 0.25, 4, "above 1 magnifies", "zoom ×{:.2f}"),
    "stretch": Operation("geometry", 1, "log", 1, 0.5, 2, "width over height of what was square", "stretch ×{:.2f}"),
    "shear_deg": Operation("geometry", 0, "linear", 2, -60, 60, "degrees along x, along y", "shear {:+.0f}° {:+.0f}°"),
    "shift": Operation(
        "geometry", 0, "linear", 2, -0.5, 0.5, "share of the side, right, down", "shift {:+.0%} {:+.0%}"
    ),
    "perspective": Operation(
        "geometry", 0, "linear", 2, -0.4, 0.4, "change of scale from centre to edge", "perspective {:+.2f} {:+.2f}"
    ),
    "elastic": Operation("geometry", 0, "linear", 1, 0, 0.1, "rms displacement, share of the side", "elastic {:.1%}"),
    "scatter": Operation(
        "intensity", 0, "linear", 1, 0, 0.9, "share of the signal that is scattered", "scatter {:.0%}"
    ),
    "shading": Operation(
        "intensity", 0, "linear", 1, 0, 0.5, "rms of a smooth field added to the log signal", "shading {:.2f}"
    ),
    "blur_px": Operation("intensity", 0, "linear", 1, 0, 2, "sigma of the focal spot, pixels", "blur {:.1f} px"),
    "quantum_noise": Operation(
        "intensity", 0, "linear", 1, 0, 0.5, "1/sqrt(photons a pixel) in the open beam", "quantum noise {:.3f}"
    ),
    "electronic_noise": Operation(
        "intensity", 0, "linear", 1, 0, 0.1, "rms, share of the open-beam signal", "electronic noise {:.4f}"
    ),
    "sharpness": Operation("intensity", 0, "linear", 1, -1, 3, "amount of unsharp mask", "sharpness {:+.1f}"),
    "local_contrast": Operation(
        "intensity", 0, "linear", 1, -1, 1, "0 none, 1 fully equalised locally", "local contrast {:+.2f}"
    ),
    "exposure": Operation("intensity", 0, "linear", 1, -1, 1, "added to the log signal", "exposure {:+.2f}"),
    "contrast": Operation(
        "intensity", 1, "log", 1, 0.2, 5, "gain of the log signal about the image's mean", "contrast ×{:.2f}"
    ),
    "window": Operation(
        "intensity", 0, "linear", 2, -0.4, 0.4, "shift of the window's low and high end", "window {:+.2f} {:+.2f}"
    ),
    "gamma": Operation("intensity", 1, "log", 1, 0.2, 5, "exponent", "gamma {:.2f}"),
    "erase": Operation(
        "erasing", 0, "linear", 1, 0, 0.5, "area of one grey rectangle, share of the image", "erased {:.0%}"
    ),
    "grid_mask": Operation(
        "erasing", 0, "linear", 1, 0, 0.6, "side of the holes, share of the grid's pitch", "grid {:.0%}"
    ),
}
