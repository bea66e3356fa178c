"""The table of augmentation: one row an operation, with all that it needs. Rows are applied in the table's order.

A new operation is a row here, and a function that applies it, here or in the file of its kind (moves.py, intensity.py,
erasing.py). A policy gives it a range and a probability.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import tensorflow as tf

from keras_cwp.augment import erasing, intensity, moves

# Control points on a side of the shading field: half a wave or so across the image.
SHADING_POINTS = 5


class Grid(Protocol):
    """What the size of a field may depend on: a policy."""

    @property
    def elastic_cells(self) -> int:
        """Cells of the elastic grid along a side."""


@dataclass(frozen=True)
class Field:
    """Random numbers that an operation needs besides its factor, drawn anew for each image.

    Args:
        name: they stand in a draw under `name/field`. Rows may share a field.
        stream: number folded into the seed, another for each field; 0, 1 and 7 are those of draw.py.
        shape: of one image's numbers, from the policy and the view's side in pixels.
        kind: `share`: float32, uniform in [0, 1); `centred`: uniform with mean 0 and variance 1; `bits`: int32, all
            values alike.
    """

    name: str
    stream: int
    shape: Callable[[Grid, int], list[int]]
    kind: Literal["share", "centred", "bits"]

    @property
    def key(self) -> str:
        """Its name in a draw."""
        return f"{self.name}/field"


@dataclass(frozen=True)
class Operation:
    """One drawable quantity.

    Args:
        stage: geometry makes one resampling together with the other rows of it; the others follow on the view.
        neutral: the value that changes nothing; the draw shrinks towards it as the magnitude falls.
        law: `linear`: uniform over the range; `log`: uniform in the logarithm; `coin`: 1 or 0, no range.
        columns: values drawn an image (2: x and y, or low and high), of the same range.
        least, most: the widest range that a policy may ask for.
        meaning: unit and direction.
        caption: how a preview writes a drawn value.
        apply: from a state (geometry: a `moves.Motion`, else images [batch, side, side, 1]) and factors, [batch] or
            [batch, 2], to the new state. Rows with the same function are carried out by one call of it at the place
            of the first, with the factors of all of them in the table's order, neutral where not drawn.
        field: further random numbers, which `apply` gets last.
    """

    stage: Literal["geometry", "intensity", "erasing"]
    neutral: float
    law: Literal["linear", "log", "coin"]
    columns: int
    least: float
    most: float
    meaning: str
    caption: str
    apply: Callable[..., Any]
    field: Field | None = None


_ELASTIC = Field("elastic", 2, lambda policy, _: [2, policy.elastic_cells + 3, policy.elastic_cells + 3], "centred")
_SHADING = Field("shading", 3, lambda *_: [SHADING_POINTS, SHADING_POINTS], "centred")
_NOISE = Field("noise", 4, lambda _, side_px: [side_px, (side_px + 1) // 2, 1], "bits")  # see intensity.normal_of_bits
_ERASE = Field("erase", 5, lambda *_: [3], "share")
_GRID = Field("grid_mask", 6, lambda *_: [3], "share")
_BEAM = intensity.adjust_exposure_contrast
_GRAIN = intensity.add_noise_of_bits

# fmt: off
OPERATIONS: dict[str, Operation] = {
    "flip_x": Operation(
        "geometry", 0, "coin", 1, 0, 1, "mirrored left to right", "flipped ↔", moves.flip_x),
    "flip_y": Operation(
        "geometry", 0, "coin", 1, 0, 1, "mirrored top to bottom", "flipped ↕", moves.flip_y),
    "zoom": Operation(
        "geometry", 1, "log", 1, 0.25, 4, "above 1 magnifies", "zoom ×{:.2f}", moves.zoom),
    "stretch": Operation(
        "geometry", 1, "log", 1, 0.5, 2, "width over height of what was square", "stretch ×{:.2f}", moves.stretch),
    "shear_deg": Operation(
        "geometry", 0, "linear", 2, -60, 60, "degrees along x, along y", "shear {:+.0f}° {:+.0f}°", moves.shear),
    "rotation_deg": Operation(
        "geometry", 0, "linear", 1, -180, 180, "degrees, counter-clockwise", "rotation {:+.0f}°", moves.rotate),
    "shift": Operation(
        "geometry", 0, "linear", 2, -0.5, 0.5, "share of the side, right, down", "shift {:+.0%} {:+.0%}", moves.shift),
    "perspective": Operation(
        "geometry", 0, "linear", 2, -0.4, 0.4, "change of scale from centre to edge", "perspective {:+.2f} {:+.2f}",
        moves.perspective),
    "elastic": Operation(
        "geometry", 0, "linear", 1, 0, 0.1, "rms displacement, share of the side", "elastic {:.1%}",
        moves.elastic, _ELASTIC),
    # On the way to the detector.
    "scatter": Operation(
        "intensity", 0, "linear", 1, 0, 0.9, "share of the signal that is scattered", "scatter {:.0%}",
        intensity.scatter_beam),
    "shading": Operation(
        "intensity", 0, "linear", 1, 0, 0.5, "rms of a smooth field added to the log signal", "shading {:.2f}",
        intensity.shade, _SHADING),
    "blur_px": Operation(
        "intensity", 0, "linear", 1, 0, 2, "sigma of the focal spot, pixels", "blur {:.1f} px",
        intensity.blur_focal_spot),
    "quantum_noise": Operation(
        "intensity", 0, "linear", 1, 0, 0.5, "1/sqrt(photons a pixel) in the open beam", "quantum noise {:.3f}",
        _GRAIN, _NOISE),
    "electronic_noise": Operation(
        "intensity", 0, "linear", 1, 0, 0.1, "rms, share of the open-beam signal", "electronic noise {:.4f}",
        _GRAIN, _NOISE),
    # What the console makes of it.
    "sharpness": Operation(
        "intensity", 0, "linear", 1, -1, 3, "amount of unsharp mask", "sharpness {:+.1f}", intensity.sharpen),
    "local_contrast": Operation(
        "intensity", 0, "linear", 1, -1, 1, "0 none, 1 fully equalised locally", "local contrast {:+.2f}",
        intensity.adjust_local_contrast),
    "exposure": Operation(
        "intensity", 0, "linear", 1, -1, 1, "added to the log signal", "exposure {:+.2f}", _BEAM),
    "contrast": Operation(
        "intensity", 1, "log", 1, 0.2, 5, "gain of the log signal about the image's mean", "contrast ×{:.2f}", _BEAM),
    "window": Operation(
        "intensity", 0, "linear", 2, -0.4, 0.4, "shift of the window's low and high end", "window {:+.2f} {:+.2f}",
        intensity.adjust_window),
    "gamma": Operation(
        "intensity", 1, "log", 1, 0.2, 5, "exponent", "gamma {:.2f}", intensity.adjust_gamma),
    "erase": Operation(
        "erasing", 0, "linear", 1, 0, 0.5, "area of one grey rectangle, share of the image", "erased {:.0%}",
        erasing.erase_rectangle, _ERASE),
    "grid_mask": Operation(
        "erasing", 0, "linear", 1, 0, 0.6, "side of the holes, share of the grid's pitch", "grid {:.0%}",
        erasing.mask_grid, _GRID),
}
# fmt: on


def carry_out(state: Any, draw: Mapping[str, tf.Tensor], *stages: str) -> Any:
    """Apply the drawn rows of some stages, in the table's order.

    Args:
        state: what the rows of these stages apply to.
        draw: by operation float32 [batch] or [batch, columns], and the fields; see draw.py.
    """
    done = []
    for row in (OPERATIONS[name] for name in OPERATIONS if name in draw):
        if row.stage in stages and row.apply not in done:
            done.append(row.apply)
            fields = [draw[row.field.key]] if row.field else []
            state = row.apply(state, *_factors(row, draw), *fields)
    return state


def _factors(row: Operation, draw: Mapping[str, tf.Tensor]) -> list[tf.Tensor]:
    """The factors of all rows that are applied together with this one, neutral where not drawn."""
    together = {name: other for name, other in OPERATIONS.items() if other.apply == row.apply}
    batch = tf.shape(next(draw[name] for name in together if name in draw))[0]
    shapes = {name: [batch] if other.columns == 1 else [batch, other.columns] for name, other in together.items()}
    return [
        draw[name] if name in draw else tf.fill(shapes[name], tf.constant(other.neutral, tf.float32))
        for name, other in together.items()
    ]
