"""Whether a file is a table that predict wrote."""

from __future__ import annotations

from pathlib import Path

_PARQUET_MAGIC = b"PAR1"
_LONGEST_HEADER = 2**16  # bytes of the first line that are looked at
_OURS = {"roi_id", "predicted", "probability"}  # columns that each table of predict has


def is_scores_table(path: Path) -> bool:
    """Whether the first bytes are those of a Parquet file or of a CSV with the columns of predict.

    Raises:
        OSError: the file cannot be read.
    """
    with open(path, "rb") as file:
        start = file.read(_LONGEST_HEADER)
    if start.startswith(_PARQUET_MAGIC):
        return True
    header = start.split(b"\n", 1)[0].decode("utf-8", errors="replace")
    return set(header.strip().split(",")) >= _OURS
