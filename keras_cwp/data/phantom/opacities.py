"""Opacities of coal workers' pneumoconiosis, as path lengths of soft tissue in the lung.

Small rounded opacities are named by diameter as in the ILO classification of radiographs of pneumoconioses
(2011): p up to 1.5 mm, q from 1.5 to 3 mm, r from 3 to 10 mm; a large opacity is longer than 10 mm.
"""

from __future__ import annotations

import numpy as np

from keras_cwp.data.annotations.roi import Box

DIAMETER_MM = {"p": (1.0, 1.5), "q": (1.5, 3.0), "r": (3.0, 9.0)}
PER_CM2 = {"p": (9.0, 14.0), "q": (3.5, 6.0), "r": (0.7, 1.3)}  # profuse enough to be seen in a region
# Attenuation relative to water. Silica and calcified nodules have more of it; p and q have far more than real ones,
# so that they show at 512 px.
_DENSITY = {"p": (4.5, 6.5), "q": (2.4, 3.8), "r": (1.3, 2.0)}
LARGE_MM = (16.0, 48.0)


def small_opacities(
    shape: tuple[int, int], box: Box, mm_per_px: float, kind: str, random: np.random.Generator
) -> np.ndarray:
    """Path lengths float32 [height, width] of rounded opacities scattered over a box.

    Args:
        box: x, y, width, height in pixels.
        kind: p, q or r.
    """
    layer = np.zeros(shape, dtype=np.float32)
    x, y, width, height = box
    count = random.poisson(random.uniform(*PER_CM2[kind]) * width * height * mm_per_px**2 / 100)
    for _ in range(max(count, 4)):
        diameter = random.uniform(*DIAMETER_MM[kind])
        center = x + width * _within(random), y + height * _within(random)
        _add_ball(layer, center, diameter / 2 / mm_per_px, mm_per_px * random.uniform(*_DENSITY[kind]), random)
    return layer


def large_opacity(shape: tuple[int, int], box: Box, mm_per_px: float, random: np.random.Generator) -> np.ndarray:
    """Path lengths float32 [height, width] of one irregular mass somewhere in a box, with strands around it."""
    layer = np.zeros(shape, dtype=np.float32)
    x, y, width, height = box
    longest = min(LARGE_MM[1], 0.75 * min(width, height) * mm_per_px)
    radius = random.uniform(LARGE_MM[0], max(longest, LARGE_MM[0] + 1)) / 2 / mm_per_px
    center = np.array([x + width * random.uniform(0.32, 0.68), y + height * random.uniform(0.32, 0.68)])
    for _ in range(14):
        part = radius * random.uniform(0.35, 0.7)
        offset = random.normal(0, 0.36, 2) * radius * (1.0, 1.25)
        _add_ball(layer, tuple(center + offset), part, 0.5 * mm_per_px, random)
    for angle in random.uniform(0, 2 * np.pi, 9):
        direction = np.array([np.cos(angle), np.sin(angle)])
        for step in np.linspace(0.7, random.uniform(1.2, 1.7), 14):
            _add_ball(layer, tuple(center + radius * step * direction), 0.09 * radius, 0.5 * mm_per_px, random)
    return layer


def _within(random: np.random.Generator) -> float:
    """A position in a box, from 0 to 1, less often near the edges."""
    return float(np.clip(random.normal(0.5, 0.27), 0.02, 0.98))


def _add_ball(
    layer: np.ndarray, center: tuple[float, float], radius_px: float, mm_per_px: float, random: np.random.Generator
) -> None:
    """Add the chords of a ball, a little out of round; small ones are sampled finely enough to keep their volume."""
    reach = int(np.ceil(radius_px * 1.3)) + 1
    left, top = int(center[0]) - reach, int(center[1]) - reach
    if left < 0 or top < 0 or left + 2 * reach > layer.shape[1] or top + 2 * reach > layer.shape[0]:
        return
    fine = 4 if radius_px < 4 else 1
    axis = (np.arange(2 * reach * fine) + 0.5) / fine
    across, down = (axis - (center[0] - left))[None], (axis - (center[1] - top))[:, None]
    stretch = random.uniform(0.82, 1.2)
    squared = ((across * stretch) ** 2 + (down / stretch) ** 2) / radius_px**2
    chord = 2 * radius_px * np.sqrt(np.clip(1 - squared, 0, None))
    chord = chord.reshape(2 * reach, fine, 2 * reach, fine).mean(axis=(1, 3))
    layer[top : top + 2 * reach, left : left + 2 * reach] += (mm_per_px * chord).astype(np.float32)
