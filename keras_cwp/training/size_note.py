"""What a trained network costs; kept beside it, so that a comparison or report need not load the network."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from keras_cwp.errors import RunError
from keras_cwp.files import write_text

SIZE_FILE = "size.json"


@dataclass(frozen=True)
class NetworkSize:
    """Of one network.

    Args:
        parameters: trainable ones.
        macs: multiply-accumulates of convolutions and linear layers for one image.
    """

    parameters: int
    macs: int

    @classmethod
    def of(cls, network: Any) -> NetworkSize:
        """Counted. Imports TensorFlow."""
        from keras_cwp.models.cost import count_macs, count_parameters

        return cls(count_parameters(network), count_macs(network))

    def write(self, folder: Path) -> None:
        """Write size.json into the network's folder."""
        write_text(folder / SIZE_FILE, json.dumps(asdict(self)) + "\n")

    @classmethod
    def read(cls, folder: Path) -> NetworkSize | None:
        """What `write` wrote; None beside networks of versions that wrote none.

        Raises:
            RunError: a damaged file.
        """
        path = folder / SIZE_FILE
        if not path.is_file():
            return None
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            return cls(int(found["parameters"]), int(found["macs"]))
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise RunError(
                f"{path}: not what training wrote ({error}); delete the file and run the command again"
            ) from None
