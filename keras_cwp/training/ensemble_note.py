"""What is known of an ensemble of two networks; the note is kept beside it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from keras_cwp.errors import RunError
from keras_cwp.files import write_text

ENSEMBLE_FILE = "ensemble.json"


@dataclass(frozen=True)
class Ensemble:
    """The share of each network, and what it rests on.

    Args:
        share: of the fine-tuned network in the mean; the rest is the probe's.
        patients: that chose it; 0 where it was stated, or there was nobody to choose by.
        log_loss: of the validation patients: `fine_tuned`, `probe` and `ensemble`; {} where there are none.
    """

    share: float
    patients: int
    log_loss: dict[str, float]

    def write(self, folder: Path) -> None:
        """Write ensemble.json into `folder`."""
        write_text(folder / ENSEMBLE_FILE, json.dumps(asdict(self), indent=2) + "\n")

    @classmethod
    def read(cls, folder: Path) -> Ensemble | None:
        """What `write` left in `folder`; None where there is nothing of it.

        Raises:
            RunError: the file is damaged.
        """
        path = folder / ENSEMBLE_FILE
        if not path.is_file():
            return None
        try:
            return cls(**json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError) as error:
            raise RunError(f"{path}: damaged: {error}; remove the run and begin again") from None
