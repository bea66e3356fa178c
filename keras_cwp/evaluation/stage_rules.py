"""From the zones of a patient to one stage: China's GBZ 70, and the profusion of the worst zone.

GBZ 70-2009, radiographic stages (overall profusion: that of the zone with the highest; distribution: how many of six
zones have profusion 1 or more):

- I: overall profusion 1 in at least 2 zones.
- II: overall profusion 2 in more than 4 zones, or 3 in 4 zones.
- III: a large opacity of at least 20 mm by 10 mm; or overall profusion 3 in more than 4 zones, and small opacities that
  coalesce or a large opacity.

The standard does not say what 2 or 3 in fewer zones are. Here the highest stage counts whose condition is met, and
"overall profusion 1" is read as 1 or more. The sub-stages of GBZ 70-2002 were removed in 2009. GBZ 70-2015 is assumed
to have the same stages; its text was not found. Pleural plaques after asbestos, which count in some editions, are
not read from zones.

The ILO judges profusion over the affected zones together, and leaves out zones that have much less than others. The
profusion of the worst zone is the same or higher. A large opacity is a category above
all others here; their sizes A, B and C are not derived.

References: GBZ 70-2009, Diagnostic criteria of pneumoconiosis, Ministry of Health of China; ILO, Guidelines for the use
of the ILO International Classification of Radiographs of Pneumoconioses, revised edition 2022 (OSH series 22).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from keras_cwp.evaluation.profusion import UNREAD


@dataclass(frozen=True, eq=False)
class Lungs:
    """The zones of patients, as labelled or as predicted.

    Args:
        profusion: int [patients, 6], 0 to 3, in the order of `data.zones.ZONES`; UNREAD where nothing is known.
        large, coalescence: bool [patients], anywhere in the lungs.
    """

    profusion: np.ndarray
    large: np.ndarray
    coalescence: np.ndarray

    @property
    def overall(self) -> np.ndarray:
        """int [patients]: the highest profusion; UNREAD where no zone has one."""
        highest: np.ndarray = self.profusion.max(axis=1)
        return highest

    @property
    def distribution(self) -> np.ndarray:
        """int [patients]: zones with profusion 1 or more."""
        return np.count_nonzero(self.profusion >= 1, axis=1)


@dataclass(frozen=True)
class Rule:
    """A way to stage.

    Args:
        title: for people.
        stages: from none to the highest.
        first: what a patient has who is not in the lowest stage.
        stage: int [patients], index into `stages`.
    """

    title: str
    stages: tuple[str, ...]
    first: str
    stage: Callable[[Lungs], np.ndarray]


def gbz70(lungs: Lungs) -> np.ndarray:
    """Stage 0 to 3 by GBZ 70; 0 is no stage."""
    overall, zones = lungs.overall, lungs.distribution
    first = (overall >= 1) & (zones >= 2)
    second = ((overall >= 2) & (zones > 4)) | ((overall >= 3) & (zones >= 4))
    third = lungs.large | ((overall >= 3) & (zones > 4) & lungs.coalescence)
    return np.select([third, second, first], [3, 2, 1], default=0)


def worst_zone(lungs: Lungs) -> np.ndarray:
    """Profusion 0 to 3 of the worst zone; 4 with a large opacity."""
    return np.where(lungs.large, 4, np.maximum(lungs.overall, 0))


RULES = {
    "gbz70": Rule("GBZ 70", ("0", "I", "II", "III"), "stage I or more", gbz70),
    "ilo": Rule("profusion of the worst zone (ILO)", ("0", "1", "2", "3", "large"), "category 1 or more", worst_zone),
}


def lungs_of(unit: np.ndarray, zone: np.ndarray, profusion: np.ndarray, marks: np.ndarray) -> Lungs:
    """Put ROIs together: of each zone the highest profusion, of each patient what any ROI shows.

    Args:
        unit: int [ROIs], 0 to patients - 1.
        zone: int [ROIs], 0 to 5.
        profusion: int [ROIs]; UNREAD for none.
        marks: bool [ROIs, 2], large and coalescent.
    """
    patients = int(unit.max()) + 1
    highest = np.full((patients, 6), UNREAD)
    np.maximum.at(highest, (unit, zone), profusion)
    shown = np.zeros((patients, 2), dtype=bool)
    np.logical_or.at(shown, unit, marks)
    return Lungs(highest, shown[:, 0], shown[:, 1])
