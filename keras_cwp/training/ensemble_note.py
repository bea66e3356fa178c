"""What is known of an ensemble of two networks; the note is kept beside it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from keras_cwp.training.kept_note import KeptNote

ENSEMBLE_FILE = "ensemble.json"


@dataclass(frozen=True)
class Ensemble(KeptNote):
    """The share of each network, and what it rests on.

    Args:
        share: of the fine-tuned network in the mean; the rest is the probe's.
        patients: that chose it; 0 where it was stated, or there was nobody to choose by.
        log_loss: of the validation patients: `fine_tuned`, `probe` and `ensemble`; {} where there are none.
    """

    file: ClassVar[str] = ENSEMBLE_FILE
    mode_of_note: ClassVar[str] = "ensemble"

    share: float
    patients: int
    log_loss: dict[str, float]
