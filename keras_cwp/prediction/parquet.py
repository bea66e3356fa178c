"""The table that predict writes, as Parquet. Needs PyArrow, which the extra `cluster` brings."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from keras_cwp.errors import CwpError
from keras_cwp.files import write_bytes
from keras_cwp.prediction.decided import Sets, decided
from keras_cwp.runtime import install_command
from keras_cwp.scores import PREFIX, Scores

PARQUET = ".parquet"
_NUMBERS = ("probability", "distance")  # besides the columns that begin with PREFIX


def is_parquet(path: Path | str) -> bool:
    """Whether a table of this name is Parquet."""
    return Path(path).suffix.lower() == PARQUET


def check_parquet(what: str) -> None:
    """Find out before anything is scored whether Parquet can be written.

    Args:
        what: asks for it, for the message.

    Raises:
        CwpError: PyArrow is not installed.
    """
    try:
        import pyarrow.parquet  # noqa: F401
    except ImportError:
        raise CwpError(
            f"{what}: Parquet is written by PyArrow, which is not installed; {install_command('cluster')}"
        ) from None


def write_parquet(
    path: Path | str,
    scores: Scores,
    thresholds: Mapping[str, float],
    sets: Sets | None = None,
    distance: np.ndarray | None = None,
) -> None:
    """Write the columns of `decided.write_decided`: probabilities and distance are float64 with the CSV's digits.

    Raises:
        CwpError: PyArrow is not installed, or the disk refuses.
    """
    check_parquet(str(path))
    import pandas as pd

    columns = decided(scores, thresholds, sets, distance)
    table = pd.DataFrame({name: np.array(values, dtype=_dtype(name)) for name, values in columns.items()})
    content = io.BytesIO()
    table.to_parquet(content, engine="pyarrow", index=False)
    write_bytes(path, content.getvalue())


def _dtype(name: str) -> type:
    return float if name in _NUMBERS or name.startswith(PREFIX) else object
