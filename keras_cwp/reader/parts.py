"""What the page prepares in the background: its state, and the network that maps and neighbours are of."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from keras_cwp.errors import CwpError

LOADING, READY, MISSING = "loading", "ready", "missing"


@dataclass(frozen=True)
class Part:
    """Whether something can be shown yet.

    Args:
        state: LOADING, READY or MISSING.
        said: for the reader, such as why it is missing; names no file and no patient.
    """

    state: str
    said: str = ""

    def tree(self) -> dict[str, str]:
        """For JSON."""
        return {"state": self.state, "said": self.said}


def network_folder(model: Path) -> Path:
    """The folder or file of the network whose maps are shown: a run of cross-validation's first fold.

    Raises:
        CwpError: MODEL is an exported version, which holds no network to look into.
    """
    from keras_cwp.training.run import RunFolder

    if model.suffix == ".keras" and model.is_file():
        return model
    try:
        return RunFolder(model).model_folders()[0]
    except CwpError:
        raise CwpError("an exported model holds no network to look into; give the RUN instead") from None
