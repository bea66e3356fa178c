"""A thorax as the path lengths of tissue that a frontal beam meets, drawn anew for each patient.

Lengths and positions are in millimetres: x from the midline (positive on the picture's right, the patient's left),
y downwards from the picture's upper edge, z along the beam. The shapes are drawn by hand after normal anatomy of
the frontal chest radiograph (rib cage as loops that fall forwards, right dome of the diaphragm above the left,
heart to the left, vessels that branch from the hila); they are not measured from anyone.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

FIELD_MM = 360.0  # side of the square picture
LUNG_DENSITY = 0.26  # of water, inflated
_APEX_WIDTH_MM = 24.0


@dataclass(frozen=True)
class Anatomy:
    """One patient's measures, millimetres unless said."""

    half_width: float  # of a lung, midline to lateral border
    apex: float  # y
    base: float  # y of the right dome
    dome_step: float  # left dome below right dome
    depth: float  # chest, front to back
    heart: tuple[float, float, float, float]  # centre x, y, semi-axes
    heart_tilt: float  # radians
    rib_gap: float
    rib_fall: float
    rib_radius: float
    rib_calcium: float  # density of bone against normal
    clavicle_rise: float
    vessel_seed: int

    @classmethod
    def draw(cls, random: np.random.Generator) -> Anatomy:
        """A patient of random build."""
        build = random.normal(0, 1)
        size = random.uniform(0.85, 1.15)
        return cls(
            half_width=float(np.clip(131 + 5 * build + random.normal(0, 3), 118, 143)),
            apex=random.uniform(44, 60),
            base=random.uniform(238, 268),
            dome_step=random.uniform(4, 16),
            depth=float(np.clip(215 + 16 * build, 180, 255)),
            heart=(random.uniform(16, 26), random.uniform(206, 222), 63 * size, 50 * size),
            heart_tilt=random.uniform(0.4, 0.75),
            rib_gap=random.uniform(19.5, 22.5),
            rib_fall=random.uniform(48, 74),
            rib_radius=random.uniform(4.8, 6.2),
            rib_calcium=random.uniform(0.75, 1.2),
            clavicle_rise=random.uniform(4, 22),
            vessel_seed=int(random.integers(2**31)),
        )


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
    lung = _lung(grid, anatomy, -1) + _lung(grid, anatomy, 1)
    water = np.maximum(_body(grid, anatomy) - (1 - LUNG_DENSITY) * lung, 0)
    water += _heart(grid, anatomy) + _aorta(grid) - _airways(grid)
    water += (1 - LUNG_DENSITY) * (_vessels(grid, anatomy, -1) + _vessels(grid, anatomy, 1)) * (lung > 0)
    water -= _stomach(grid, anatomy)
    bone = _spine(grid) + _shoulders(grid) + _clavicles(grid, anatomy)
    for number in range(11):
        bone += _rib(grid, anatomy, number)
    return Thorax(np.maximum(water, 0), bone * anatomy.rib_calcium, lung, spacing)


def lung_outline(anatomy: Anatomy, y: np.ndarray) -> np.ndarray:
    """Distance of the lateral border from the midline at height y; 0 above the apex."""
    widest = anatomy.base - 8
    rise = np.clip((widest - y) / (widest - anatomy.apex), 0, 1)
    border = _APEX_WIDTH_MM + (anatomy.half_width - _APEX_WIDTH_MM) * (1 - rise**2.2) ** 0.55
    return np.where(y < anatomy.apex, 0, border)


def _body(grid: _Grid, anatomy: Anatomy) -> np.ndarray:
    distance = np.abs(grid.x)
    half = anatomy.half_width + 34 + 22 * _smooth(130 - grid.y, 40)
    trunk = anatomy.depth * np.sqrt(np.clip(1 - (distance / half) ** 3, 0, 1))
    upper = _smooth(grid.y - 105, 45)
    thickness = trunk * (0.62 + 0.38 * upper)
    shoulder = 6 + 0.33 * np.maximum(distance - 58, 0) + 14 * _smooth(distance - 66, 9)
    neck = 128 * np.sqrt(np.clip(1 - (distance / 66) ** 4, 0, 1)) * (distance < 66)
    return np.where(grid.y > shoulder, np.maximum(thickness, neck * (grid.y < 60)), neck * 0.9).astype(np.float32)


def _lung(grid: _Grid, anatomy: Anatomy, side: int) -> np.ndarray:
    distance = side * grid.x
    outer = lung_outline(anatomy, grid.y)
    inner = 23 + 20 * np.exp(-np.maximum(grid.y - anatomy.apex, 0) / 14) + 6 * _smooth(grid.y - 165, 18)
    share = np.clip((distance - inner) / np.maximum(outer - inner, 1), 0, 1)
    across = np.sqrt(np.clip(1 - np.abs(2 * share - 1) ** 3.2, 0, 1))
    down = np.sqrt(np.clip((grid.y - anatomy.apex + 3) / 95, 0, 1))
    dome = anatomy.base + (anatomy.dome_step if side > 0 else 0) + 0.0042 * (distance - 62) ** 2
    below = np.clip((grid.y - dome) / 42, 0, 1)
    recess = 0.34 * (1 - below) ** 1.5
    edge = _smooth(dome - grid.y, 0.9)
    return (0.72 * anatomy.depth * across * down * (edge + (1 - edge) * recess)).astype(np.float32)


def _heart(grid: _Grid, anatomy: Anatomy) -> np.ndarray:
    x, y, long, short = anatomy.heart
    along, across = _turned(grid, x, y, anatomy.heart_tilt)
    apex = 1 + 0.12 * np.tanh(along / long)  # the left ventricle is the rounder end
    body = _chord((along / long) ** 2 + (across / (short * apex)) ** 2)
    right = _chord(((grid.x + 14) / 34) ** 2 + ((grid.y - y - 2) / 44) ** 2)
    hila = _blob(grid, -36, 152, 13, 26) + _blob(grid, 37, 145, 12, 22)
    return (1 - LUNG_DENSITY) * (np.maximum(92 * body, 70 * right) + 26 * hila)


def _aorta(grid: _Grid) -> np.ndarray:
    knob = _chord(((grid.x - 21) / 19) ** 2 + ((grid.y - 116) / 19) ** 2)
    cava = _chord(((grid.x + 17) / 15) ** 2 + ((grid.y - 105) / 62) ** 2)
    descending = _chord(((grid.x - 20) / 12) ** 2 + ((grid.y - 205) / 92) ** 2)
    return (1 - LUNG_DENSITY) * (34 * knob + 22 * cava + 20 * descending)


def _airways(grid: _Grid) -> np.ndarray:
    trachea = _chord(((grid.x + 2) / 8.5) ** 2 + (np.maximum(grid.y - 122, 0) / 6) ** 2)
    air = 15 * trachea
    for side, steep in ((-1, 0.8), (1, 1.15)):
        out = side * grid.x + 1
        away = (grid.y - 122 - out / steep) * np.sin(np.arctan(steep))
        air += 10 * _chord((away / 6.5) ** 2) * _smooth(out, 2) * _smooth(32 - out, 6)
    return air


def _stomach(grid: _Grid, anatomy: Anatomy) -> np.ndarray:
    y = anatomy.base + anatomy.dome_step + 26
    return 34 * _chord(((grid.x - 66) / 26) ** 2 + ((grid.y - y) / 13) ** 2)


def _spine(grid: _Grid) -> np.ndarray:
    phase = (grid.y - 8) / 24.5 * 2 * np.pi
    disc = 0.62 + 0.38 * np.tanh(2.2 * (np.cos(phase) + 0.55))
    body = np.clip(1 - (np.abs(grid.x) / 18.5) ** 6, 0, 1) ** 0.5
    wing = 0.3 * _smooth(34 - np.abs(grid.x), 3) * np.clip(np.cos(phase + 0.6), 0, 1) ** 2
    pedicle = sum(np.exp(-(((grid.x - x) / 3.2) ** 2)) for x in (-11.5, 11.5)) * np.clip(np.cos(phase), 0, 1) ** 6
    process = np.exp(-((grid.x / 2.6) ** 2)) * np.clip(np.cos(phase - 1.2), 0, 1) ** 4
    return (8.5 * disc * body + 4 * wing + 4 * pedicle + 4 * process).astype(np.float32)


def _rib(grid: _Grid, anatomy: Anatomy, number: int) -> np.ndarray:
    """Both ribs of one level: a loop in space, back half and front half each a curve y(x) in the picture."""
    start = anatomy.apex - 4 + anatomy.rib_gap * number
    fall = anatomy.rib_fall * (0.45 + 0.55 * min(number / 4, 1))
    reach = float(lung_outline(anatomy, np.array(start + 0.55 * fall))) + 3
    end = np.pi * (0.80 if number < 6 else 0.68)
    bone = np.zeros((grid.y.size, grid.x.size), dtype=np.float32)
    back = np.linspace(0.12, np.pi / 2, 120)
    for angles, radius in ((back, anatomy.rib_radius), (np.linspace(np.pi / 2, end, 120), 1.12 * anatomy.rib_radius)):
        curve_x = reach * np.sin(angles)
        curve_y = start + fall * (1 - np.cos(angles)) / 2 * 1.7 - 7 * np.sin(2 * angles).clip(0)
        stretch = np.minimum(np.sqrt(1 + (0.45 * anatomy.depth / reach * np.tan(angles)) ** 2), 2.6)
        bone += _bar(grid, curve_x, curve_y, radius, stretch)
    return bone


def _clavicles(grid: _Grid, anatomy: Anatomy) -> np.ndarray:
    share = np.linspace(0, 1, 90)
    x = 17 + 143 * share
    y = anatomy.apex + 30 - anatomy.clavicle_rise * share - 13 * np.sin(2 * np.pi * share * 0.85 + 0.25)
    return 1.35 * _bar(grid, x, y, 6.3, 1 + 0.5 * np.exp(-(((share - 0.02) / 0.06) ** 2)))


def _bar(
    grid: _Grid, curve_x: np.ndarray, curve_y: np.ndarray, radius: float, stretch: np.ndarray | float
) -> np.ndarray:
    """A hollow bone along a curve y(x), x ≥ 0, and its mirror image on the other side."""
    order = np.argsort(curve_x)
    distance = np.abs(grid.x)
    inside = _smooth(distance - curve_x.min(), 1.5) * _smooth(curve_x.max() + 0.5 - distance, 0.8)
    center = np.interp(distance, curve_x[order], curve_y[order])
    slope = np.interp(distance, curve_x[order], np.gradient(curve_y[order], curve_x[order] + 1e-3 * order))
    length = np.interp(distance, curve_x[order], np.broadcast_to(stretch, curve_x.shape)[order])
    away = (grid.y - center) / np.sqrt(1 + np.clip(slope, -6, 6) ** 2)
    hollow = radius - 1.2
    shell = np.sqrt(np.clip(radius**2 - away**2, 0, None)) - 0.86 * np.sqrt(np.clip(hollow**2 - away**2, 0, None))
    return (0.62 * shell * length * inside).astype(np.float32)


def _shoulders(grid: _Grid) -> np.ndarray:
    """Shoulder blades and heads of the humeri."""
    side = grid.x.size
    blade = np.array([[112, 84], [150, 66], [172, 78], [158, 118], [134, 196], [126, 190], [116, 120]])
    canvas = np.zeros((side, side), dtype=np.float32)
    for sign in (-1, 1):
        points = np.column_stack([FIELD_MM / 2 + sign * blade[:, 0], blade[:, 1]]) / grid.mm_per_px
        cv2.fillPoly(canvas, [points.round().astype(np.int32)], 1.6)
        cv2.polylines(canvas, [points.round().astype(np.int32)], True, 4.2, max(1, round(2.6 / grid.mm_per_px)))
    blurred = cv2.GaussianBlur(canvas, (0, 0), 1.3 / grid.mm_per_px)
    head = _chord(((np.abs(grid.x) - 168) / 23) ** 2 + ((grid.y - 92) / 24) ** 2)
    return blurred + 10 * head.astype(np.float32)


def _vessels(grid: _Grid, anatomy: Anatomy, side: int) -> np.ndarray:
    """Branching tubes from a hilum, as their thickness in mm."""
    random = np.random.default_rng([anatomy.vessel_seed, side + 1])
    fine = 2  # drawn larger and shrunk, for smooth edges
    canvas = np.zeros((fine * grid.y.size, fine * grid.x.size), dtype=np.float32)
    scale = fine / grid.mm_per_px
    tips = [(32.0, 150.0, angle, random.uniform(4.2, 6.2)) for angle in np.linspace(-1.25, 1.4, 9)]
    for _ in range(7):
        grown = []
        for x, y, angle, width in tips:
            length = random.uniform(9, 19) * (0.6 + 0.12 * width)
            bend = angle + random.normal(0, 0.12)
            end = x + length * np.cos(bend), y + length * np.sin(bend)
            ends = [(round((FIELD_MM / 2 + side * px) * scale), round(py * scale)) for px, py in ((x, y), end)]
            cv2.line(canvas, ends[0], ends[1], float(width), max(1, round(width * scale)))
            spread = random.uniform(0.16, 0.5)
            grown += [
                (*end, bend + spread, width * random.uniform(0.62, 0.82)),
                (*end, bend - spread * random.uniform(0.3, 1.2), width * random.uniform(0.55, 0.82)),
            ]
        tips = [tip for tip in grown if tip[3] > 0.55]
    small = cv2.resize(canvas, (grid.x.size, grid.y.size), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.GaussianBlur(small, (0, 0), 0.55 / grid.mm_per_px))


def _turned(grid: _Grid, x: float, y: float, angle: float) -> tuple[np.ndarray, np.ndarray]:
    right, down = grid.x - x, grid.y - y
    return right * np.cos(angle) + down * np.sin(angle), down * np.cos(angle) - right * np.sin(angle)


def _chord(squared: np.ndarray) -> np.ndarray:
    """Path through an ellipsoid, as a share of the longest, for the squared distance from its axis."""
    return np.sqrt(np.clip(1 - squared, 0, None)).astype(np.float32)


def _blob(grid: _Grid, x: float, y: float, width: float, height: float) -> np.ndarray:
    return np.exp(-(((grid.x - x) / width) ** 2) - ((grid.y - y) / height) ** 2).astype(np.float32)


def _smooth(distance: np.ndarray, width: float) -> np.ndarray:
    """0 below, 1 above, over about ± `width`."""
    return 1 / (1 + np.exp(-np.clip(distance / width * 2, -40, 40)))
