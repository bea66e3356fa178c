"""Crops on their way from radiographs, which come one by one, to shards, which want them in the table's order."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import numpy as np


class Spool:
    """A scratch file with a place for each crop: a table need not be sorted by radiograph, memory stays small.

    Args:
        path: of a new file; it is removed at the end of the `with` block.
        crop_bytes: of one crop.
        rows_per_shard: rows that are wanted together.
        rows: in all.
    """

    def __init__(self, path: Path, crop_bytes: int, rows_per_shard: int, rows: int) -> None:
        self._path, self._crop_bytes, self.rows_per_shard = path, crop_bytes, rows_per_shard
        self._file = open(path, "w+b", buffering=0)  # noqa: SIM115 - closed by __exit__
        starts = range(0, rows, rows_per_shard)
        self._missing = [min(rows_per_shard, rows - start) for start in starts]

    def put(self, row: int, crop: np.ndarray) -> int | None:
        """Keep a contiguous crop; returns the number of the shard that this completes, if it does."""
        written = os.pwrite(self._file.fileno(), crop.data, row * self._crop_bytes)
        if written < self._crop_bytes:  # the disk took a part; asked again, it would say so itself
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        shard = row // self.rows_per_shard
        self._missing[shard] -= 1
        return None if self._missing[shard] else shard

    def get(self, row: int) -> bytes:
        """The bytes of a crop that was put."""
        return os.pread(self._file.fileno(), self._crop_bytes, row * self._crop_bytes)

    def __enter__(self) -> Spool:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._path.unlink()
