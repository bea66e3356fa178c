"""From path lengths to a radiograph: Beer's law, scatter, quantum noise, and the processing of a digital detector."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

# Attenuation per mm at about 60 keV, the mean energy of a 120 kVp chest beam (NIST XCOM: water 0.206 /cm, cortical
# bone of 1.9 g/cm³ 0.604 /cm).
WATER_PER_MM = 0.0206
BONE_PER_MM = 0.0604
_AIR = 1.0  # where there is less attenuation, there is no patient
_SHADES = (12, 99.5)  # percentiles of the patient that become _LUNG_SHADE and 1
_LUNG_SHADE = 0.2


@dataclass(frozen=True)
class Exposure:
    """How one picture was taken and processed.

    Args:
        quanta: detected behind no patient, per mm².
        scatter: scattered against primary radiation.
        blur_mm: standard deviation of focal spot and detector together.
        detail: strength of the edge enhancement.
        gamma: of the display curve.
    """

    quanta: float
    scatter: float
    blur_mm: float
    detail: float
    gamma: float

    @classmethod
    def draw(cls, random: np.random.Generator) -> Exposure:
        """A random machine and setting."""
        return cls(
            quanta=float(np.exp(random.uniform(np.log(3e5), np.log(1e6)))),
            scatter=random.uniform(0.25, 0.6),
            blur_mm=random.uniform(0.12, 0.3),
            detail=random.uniform(0.3, 0.9),
            gamma=random.uniform(0.85, 1.15),
        )


def expose(
    water: np.ndarray, bone: np.ndarray, mm_per_px: float, exposure: Exposure, random: np.random.Generator
) -> np.ndarray:
    """Radiograph uint8 [side, side], bone bright, of path lengths in mm."""
    primary = np.exp(-(WATER_PER_MM * water + BONE_PER_MM * bone))
    primary = cv2.GaussianBlur(primary, (0, 0), max(exposure.blur_mm / mm_per_px, 0.2))
    wide = cv2.resize(primary, (64, 64), interpolation=cv2.INTER_AREA)
    scattered = cv2.resize(cv2.GaussianBlur(wide, (0, 0), 8), primary.shape[::-1], interpolation=cv2.INTER_LINEAR)
    quanta = (primary + exposure.scatter * scattered) * exposure.quanta * mm_per_px**2
    counted = quanta + np.sqrt(quanta) * random.standard_normal(quanta.shape, dtype=np.float32)
    return _display(-np.log(np.maximum(counted, 1)), mm_per_px, exposure)


def _display(dense: np.ndarray, mm_per_px: float, exposure: Exposure) -> np.ndarray:
    """Enhance edges at two scales, then stretch: lungs become dark, the air around the patient black."""
    patient = dense > dense.min() + _AIR
    for scale_mm, strength in ((3.5, exposure.detail), (16.0, 0.9 * exposure.detail)):
        dense = dense + strength * (dense - cv2.GaussianBlur(dense, (0, 0), scale_mm / mm_per_px))
    low, high = np.percentile(dense[patient][::16], _SHADES[0]), np.percentile(dense[patient][::16], _SHADES[1])
    shade = _LUNG_SHADE + (1 - _LUNG_SHADE) * (dense - low) / (high - low)
    return np.rint(255 * np.clip(shade, 0, 1) ** exposure.gamma).astype(np.uint8)
