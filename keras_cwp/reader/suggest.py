"""Which patient to read next: whose films the model is least sure of, and that are unlike what was read already.

A patient is suggested whole, because films of one patient teach much the same and must not be divided later.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from keras_cwp.data.annotations.roi import Box

# Where regions are looked at on a film without boxes: the upper, middle and lower zone of each lung, as shares of width
# and height. The International Labour Office's form divides the lungs so.
_ZONES = tuple((x, y) for y in (0.28, 0.48, 0.68) for x in (0.3, 0.7))
_ZONE_SHARE = 0.04  # of the film's area that a region takes where the model does not say


class Look(NamedTuple):
    """What the model saw in a film.

    Args:
        uncertainty: of its most uncertain region, 0 to 1; see `uncertainty_of`.
        features: float [channels], mean over its regions.
    """

    uncertainty: float
    features: np.ndarray


def zones(width: int, height: int, share: float | None = None) -> list[Box]:
    """Six regions of a film, of the size that the model was trained on.

    Args:
        width, height: of the film, pixels.
        share: of the film's area that a region takes; None: _ZONE_SHARE.
    """
    side = min(((share or _ZONE_SHARE) * width * height) ** 0.5, width, height)
    corners = [
        (min(max(x * width - side / 2, 0), width - side), min(max(y * height - side / 2, 0), height - side))
        for x, y in _ZONES
    ]
    return [(left, top, side, side) for left, top in corners]


def uncertainty_of(probabilities: np.ndarray) -> float:
    """Entropy of the most uncertain region as a share of the largest possible; 0 to 1.

    Args:
        probabilities: float [regions, classes].
    """
    entropy = -(probabilities * np.log(probabilities.clip(1e-12))).sum(axis=1)
    return float(entropy.max() / np.log(probabilities.shape[1]))


def suggest(looks: dict[int, Look], patients: Sequence[str], read: set[int]) -> list[int]:
    """Films to read, best first, the films of a patient one behind the other.

    Greedy: each next patient has the largest product of uncertainty (mean over its films that are to do) and distance
    (1 less the cosine of mean features) to the nearest patient who is read or stands before it. With nobody read yet
    the first is the most uncertain one.

    Args:
        looks: by film; films that were not looked at are not suggested.
        patients: of each film; "" where nobody is known, and the film is a patient of its own.
        read: films that are done.
    """
    if not looks:
        return []
    groups: dict[str, list[int]] = {}
    for film, patient in enumerate(patients):
        if film in looks:
            groups.setdefault(patient or f"\0{film}", []).append(film)
    to_do = {name: [film for film in films if film not in read] for name, films in groups.items()}
    mean = np.mean([look.features for look in looks.values()], axis=0)
    places = {
        name: _unit(np.mean([looks[film].features for film in films], axis=0) - mean) for name, films in groups.items()
    }
    taken = [places[name] for name, films in groups.items() if len(to_do[name]) < len(films)]
    left = {name: float(np.mean([looks[film].uncertainty for film in films])) for name, films in to_do.items() if films}
    order: list[int] = []
    while left:
        best = max(left, key=lambda name: (left[name] * _distance(places[name], taken), -to_do[name][0]))
        taken.append(places[best])
        order += to_do[best]
        del left[best]
    return order


def _distance(place: np.ndarray, taken: Sequence[np.ndarray]) -> float:
    """To the nearest of some; 1 where there are none. Never 0, so that uncertainty decides among equals."""
    return max(min((1 - float(place @ other) for other in taken), default=1.0), 1e-6)


def _unit(vector: np.ndarray) -> np.ndarray:
    return np.asarray(vector / max(float(np.linalg.norm(vector)), 1e-12))
