"""What is known of an ensemble of two networks; the note is kept beside it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from keras_cwp.training.kept_note import KeptNote
from keras_cwp.wording import plural

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

    def __post_init__(self) -> None:
        """Refuse what the mode does not leave.

        Raises:
            ValueError: a share that is no number between 0 and 1.
        """
        if not isinstance(self.share, float) or not 0 < self.share < 1:
            raise ValueError(f"share: expected a number between 0 and 1, got {self.share!r}")

    @property
    def sentence(self) -> str:
        """The share, for one line."""
        chose = f", chosen by {plural(self.patients, 'validation patient')}" if self.patients else ""
        return f"ensemble: the fine-tuned network counts {self.share:.0%}, the probe {1 - self.share:.0%}{chose}"
