"""The measures of one phantom patient."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Anatomy:
    """Measures in millimetres unless stated."""

    half_width: float  # of a lung, midline to lateral border
    apex: float  # y
    base: float  # y of the right dome
    dome_step: float  # left dome below right dome
    depth: float  # chest, front to back
    heart_size: float  # width against a normal heart
    rib_gap: float
    rib_fall: float
    rib_radius: float
    rib_calcium: float  # density of bone against normal
    clavicle_rise: float
    blade_out: float  # shoulder blades, outwards
    vessel_seed: int

    @classmethod
    def draw(cls, random: np.random.Generator) -> Anatomy:
        """A patient of random build."""
        build = random.normal(0, 1)
        return cls(
            half_width=float(np.clip(138 + 5 * build + random.normal(0, 3), 124, 150)),
            apex=random.uniform(38, 54),
            base=random.uniform(258, 290),
            dome_step=random.uniform(4, 16),
            depth=float(np.clip(215 + 16 * build, 180, 255)),
            heart_size=random.uniform(0.85, 1.15),
            rib_gap=random.uniform(21.5, 24.5),
            rib_fall=random.uniform(48, 74),
            rib_radius=random.uniform(4.8, 6.2),
            rib_calcium=random.uniform(0.75, 1.2),
            clavicle_rise=random.uniform(4, 22),
            blade_out=random.uniform(-6, 22),
            vessel_seed=int(random.integers(2**31)),
        )
