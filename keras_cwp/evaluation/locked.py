"""Decisions that a run took on its validation ROIs and that hold elsewhere unchanged: thresholds and temperature."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypedDict

import numpy as np
from typing_extensions import NotRequired

from keras_cwp.evaluation.aggregation import Rule


class Locked(TypedDict):
    """What metrics.json of a run keeps under `locked`.

    Keys:
        rule: of the thresholds, in words.
        chosen_on: which ROIs they come from.
        patient_rule: how a patient's ROIs become one probability.
        temperature: None where validation could not give one.
        roi, patient: class -> threshold; None: nothing counts as positive. A class without a threshold is left out.
        patients: validation patients behind them.
        chosen_by: level → class → validation patients `with` the class and `without`; absent in runs of versions that
            did not keep it.
        shares: class → its share of the validation ROIs, which are divided as the training ROIs are; absent in runs of
            versions that did not keep it.
    """

    rule: str
    chosen_on: str
    patient_rule: Rule
    temperature: float | None
    roi: dict[str, float | None]
    patient: dict[str, float | None]
    patients: int
    chosen_by: NotRequired[dict[str, dict[str, dict[str, int]]]]
    shares: NotRequired[dict[str, float]]


def thresholds_of(locked: Locked, level: Literal["roi", "patient"]) -> Mapping[str, float | None]:
    """The thresholds of a level."""
    return locked["roi"] if level == "roi" else locked["patient"]


def as_json(threshold: float) -> float | None:
    """A threshold as JSON keeps it: null for one that nothing reaches."""
    return threshold if np.isfinite(threshold) else None
