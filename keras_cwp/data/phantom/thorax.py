"""A thorax as the path lengths of tissue that a frontal beam meets, drawn anew for each patient.

Lengths and positions are in millimetres: x from the midline (positive on the picture's right, the patient's left),
y downwards from the picture's upper edge, z along the beam. The shapes are drawn by hand after normal anatomy of
the frontal chest radiograph: ribs are loops that fall forwards, the right dome of the diaphragm is above the left one,
the heart is on the left, vessels branch from the hila. No patient was measured.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from scipy.interpolate import CubicSpline

from keras_cwp.data.phantom.anatomy import Anatomy
from keras_cwp.data.phantom.thorax_lines import clavicle_curve, hollow_bones, lung_vessels, rib_curves

FIELD_MM = 360.0  # side of the square picture
LUNG_DENSITY = 0.26  # of water, inflated
_APEX_WIDTH_MM = 24.0


@dataclass(frozen=True, eq=False)
class Thorax:
    """Path lengths float32 [side, side] in mm, and the picture's scale.

    Args:
        water: soft tissue, lungs counted by their density.
        bone: compact bone.
        lung: inflated lung, for placing what lies in it.
    """

    water: np.ndarray
    bone: np.ndarray
    lung: np.ndarray
    mm_per_px: float


@dataclass(frozen=True, eq=False)
class _Grid:
    x: np.ndarray  # [1, side]
    y: np.ndarray  # [side, 1]
    mm_per_px: float


def draw_thorax(anatomy: Anatomy, side_px: int) -> Thorax:
    """Project a patient."""
    spacing = FIELD_MM / side_px
    axis = ((np.arange(side_px) + 0.5) * spacing).astype(np.float32)
    grid = _Grid(axis[None] - FIELD_MM / 2, axis[:, None], spacing)
    air = _lung(grid, anatomy, -1) + _lung(grid, anatomy, 1)
    lung = air - np.minimum(air, _heart(grid, anatomy))
    vessels = lung_vessels(anatomy, FIELD_MM, side_px)
    water = _body(grid, anatomy) - (1 - LUNG_DENSITY) * (lung - np.minimum(vessels, lung))
    water += 0.12 * np.minimum(air, _hila(grid)) - _airways(grid) - _stomach(grid, anatomy)
    bone = _spine(grid) + _shoulders(grid, anatomy)
    outline = lung_outline(anatomy, np.arange(FIELD_MM))
    for curve in (clavicle_curve(anatomy), *rib_curves(anatomy, outline)):
        bone += hollow_bones(curve, FIELD_MM, side_px)
    return Thorax(np.maximum(water, 0), bone * anatomy.rib_calcium, lung, spacing)


def lung_outline(anatomy: Anatomy, y: np.ndarray) -> np.ndarray:
    """Distance of the lateral border from the midline at height y; 0 above the apex."""
    widest = anatomy.base - 8
    rise = np.clip((widest - y) / (widest - anatomy.apex), 0, 1)
    border = _APEX_WIDTH_MM + (anatomy.half_width - _APEX_WIDTH_MM) * (1 - rise**2.2) ** 0.55
    return np.where(y < anatomy.apex, 0, border)


def _body(grid: _Grid, anatomy: Anatomy) -> np.ndarray:
    distance = np.abs(grid.x)
    half = anatomy.half_width + 30 + 40 * smooth_step(125 - grid.y, 45)
    trunk = np.sqrt(np.clip(1 - (distance / half) ** 3.5, 0, 1))
    depth = anatomy.depth * (0.58 + 0.42 * smooth_step(grid.y - 95, 50))
    beyond = np.maximum(distance - 46, 0)
    shoulder = -40 + 44 * smooth_step(distance - 44, 10) + 26 * (1 - np.exp(-beyond / 34)) + 0.12 * beyond
    rounding = np.sqrt(np.clip((grid.y - shoulder) / 45, 0, 1))
    return (depth * trunk * rounding).astype(np.float32)


def _lung(grid: _Grid, anatomy: Anatomy, side: int) -> np.ndarray:
    distance = side * grid.x
    outer = lung_outline(anatomy, grid.y)
    inner = 9 + 24 * np.exp(-np.maximum(grid.y - anatomy.apex, 0) / 16)
    share = np.clip((distance - inner) / np.maximum(outer - inner, 1), 0, 1)
    across = np.sqrt(np.clip(1 - np.abs(2 * share - 1) ** 3.2, 0, 1))
    down = np.sqrt(np.clip((grid.y - anatomy.apex + 3) / 95, 0, 1))
    dome = anatomy.base + (anatomy.dome_step if side > 0 else 0) + 0.0046 * (distance - 58) ** 2
    below = np.clip((grid.y - dome) / 40, 0, 1)
    edge = smooth_step(dome - grid.y, 0.9)
    return (0.72 * anatomy.depth * across * down * (edge + (1 - edge) * 0.34 * (1 - below) ** 1.5)).astype(np.float32)


# Outline of heart and great vessels, clockwise on the picture from the left edge of the neck: x, y in mm for a heart
# of size 1 that ends at y = 262.
_SILHOUETTE = np.array(
    [
        *((-15, 40), (15, 40), (17, 92), (33, 106), (35, 122), (27, 136), (33, 152), (44, 170), (66, 196), (84, 222)),
        *((88, 242), (76, 257), (40, 264), (-20, 264), (-40, 252), (-47, 230), (-44, 204), (-31, 180), (-24, 158)),
        *((-24, 120), (-19, 90)),
    ],
    dtype=float,
)


def _heart(grid: _Grid, anatomy: Anatomy) -> np.ndarray:
    """Thickness in mm of heart and great vessels: round at the rim, as deep as the heart within."""
    points = _SILHOUETTE.copy()
    low = smooth_step(points[:, 1] - 165, 20)
    points[:, 0] *= 1 + (0.8 * anatomy.heart_size - 1) * low
    points[:, 1] += (anatomy.base + 6 - 264) * smooth_step(points[:, 1] - 150, 60)
    closed = np.vstack([points, points[:1]])
    spline = CubicSpline(np.arange(len(closed)), closed, bc_type="periodic")
    outline = spline(np.linspace(0, len(points), 240))
    canvas = np.zeros((grid.y.size, grid.x.size), dtype=np.uint8)
    pixels = (outline + np.array([FIELD_MM / 2, 0])) / grid.mm_per_px
    cv2.fillPoly(canvas, [pixels.round().astype(np.int32)], 1)
    inward = cv2.distanceTransform(canvas, cv2.DIST_L2, 5) * grid.mm_per_px
    rim = np.sqrt(1 - (1 - np.minimum(inward / 30, 1)) ** 2)
    thickness = rim * (55 + 60 * smooth_step(grid.y - 170, 25))
    return np.asarray(cv2.GaussianBlur(thickness.astype(np.float32), (0, 0), 0.9 / grid.mm_per_px))


def _hila(grid: _Grid) -> np.ndarray:
    return 150 * (_blob(grid, -37, 150, 12, 24) + _blob(grid, 40, 143, 11, 20))


def _airways(grid: _Grid) -> np.ndarray:
    trachea = _chord(((grid.x + 2) / 8.5) ** 2 + (np.maximum(grid.y - 122, 0) / 6) ** 2)
    air = 13 * trachea
    for side, steep in ((-1, 1.1), (1, 0.8)):
        out = side * grid.x + 1
        away = (grid.y - 122 - out * steep) / np.sqrt(1 + steep**2)
        air += 8 * _chord((away / 6) ** 2) * smooth_step(out, 2) * smooth_step(30 - out, 6)
    return air


def _stomach(grid: _Grid, anatomy: Anatomy) -> np.ndarray:
    y = anatomy.base + anatomy.dome_step + 22
    upper = smooth_step(y + 7 - grid.y, 2)
    return 40 * upper * _chord(((grid.x - 62) / 28) ** 2 + ((grid.y - y) / 15) ** 2)


def _spine(grid: _Grid) -> np.ndarray:
    phase = (grid.y - 8) / 24.5 * 2 * np.pi
    disc = 0.66 + 0.34 * np.tanh(2.2 * (np.cos(phase) + 0.55))
    body = np.sqrt(np.clip(1 - (np.abs(grid.x) / 18.5) ** 6, 0, 1))
    wing = 0.5 * smooth_step(32 - np.abs(grid.x), 4) * np.clip(np.cos(phase + 0.6), 0, 1) ** 2
    pedicle = sum(np.exp(-(((grid.x - x) / 3.2) ** 2)) for x in (-11.5, 11.5)) * np.clip(np.cos(phase), 0, 1) ** 6
    process = np.exp(-((grid.x / 2.6) ** 2)) * np.clip(np.cos(phase - 1.2), 0, 1) ** 4
    return (4.6 * disc * body + 3 * wing + 3 * pedicle + 3 * process).astype(np.float32)


def _shoulders(grid: _Grid, anatomy: Anatomy) -> np.ndarray:
    """Shoulder blades, turned out of the lungs by a random amount, and heads of the humeri."""
    blade = np.array([[104, 84], [146, 64], [168, 78], [154, 118], [130, 190], [122, 186], [108, 118]], dtype=float)
    blade[:, 0] += anatomy.blade_out
    canvas = np.zeros((grid.y.size, grid.x.size), dtype=np.float32)
    for sign in (-1, 1):
        points = (np.column_stack([FIELD_MM / 2 + sign * blade[:, 0], blade[:, 1]]) / grid.mm_per_px).round()
        cv2.fillPoly(canvas, [points.astype(np.int32)], 0.9)
        cv2.polylines(canvas, [points.astype(np.int32)], True, 2.4, max(1, round(2.6 / grid.mm_per_px)))
    blurred = cv2.GaussianBlur(canvas, (0, 0), 1.5 / grid.mm_per_px)
    head = _chord(((np.abs(grid.x) - 168) / 23) ** 2 + ((grid.y - 92) / 24) ** 2)
    return np.asarray(blurred + 7 * head)


def _chord(squared: np.ndarray) -> np.ndarray:
    """Path through an ellipsoid, as a share of the longest, for the squared distance from its axis."""
    return np.sqrt(np.clip(1 - squared, 0, None)).astype(np.float32)


def _blob(grid: _Grid, x: float, y: float, width: float, height: float) -> np.ndarray:
    return np.exp(-(((grid.x - x) / width) ** 2) - ((grid.y - y) / height) ** 2).astype(np.float32)


def smooth_step(distance: np.ndarray, width: float) -> np.ndarray:
    """0 below, 1 above, over about ± `width`."""
    return 1 / (1 + np.exp(-np.clip(distance / width * 2, -40, 40)))
