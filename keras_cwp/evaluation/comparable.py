"""Whether a part of a table has the classes of the whole; a macro average over others is another figure."""

from __future__ import annotations

from typing import TypedDict

import numpy as np

from keras_cwp.scores import Scores


class Comparable(TypedDict):
    """What stands beside the figures of a part.

    Keys:
        classes: how many classes its ROIs have.
        missing: names of the whole's classes that it lacks.
        comparable: whether there are none.
    """

    classes: int
    missing: list[str]
    comparable: bool


def comparable(part: Scores, whole: Scores) -> Comparable:
    """Compare the classes of labelled rows with those of the table they are from."""
    own = np.unique(part.label)
    missing = [whole.classes[label] for label in np.setdiff1d(np.unique(whole.label), own)]
    return {"classes": len(own), "missing": missing, "comparable": not missing}
