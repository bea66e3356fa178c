"""Notes that stand as a JSON file beside a network: what was decided about it while it was trained."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import ClassVar

from typing_extensions import Self

from keras_cwp.errors import RunError
from keras_cwp.files import write_text


@dataclass(frozen=True)
class KeptNote:
    """A dataclass that is kept so.

    Attributes:
        file: its name.
        mode_of_note: the `train.mode` that leaves it.
    """

    file: ClassVar[str]
    mode_of_note: ClassVar[str]

    def write(self, folder: Path) -> None:
        """Write the file into `folder`."""
        write_text(folder / self.file, json.dumps(asdict(self), indent=2) + "\n")

    @classmethod
    def read(cls, folder: Path) -> Self | None:
        """What `write` left in `folder`; None where there is nothing of it.

        Raises:
            RunError: the file is damaged.
        """
        path = folder / cls.file
        if not path.is_file():
            return None
        try:
            return cls(**json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError) as error:
            raise RunError(
                f"{path}: not what train.mode {cls.mode_of_note} leaves: {error}; remove the run and begin again"
            ) from None
