"""crops.npy: every crop of a prepared data set, one NumPy array [rois, side, side] in the order of the manifest.

Any NumPy reads it: `np.load("crops.npy", mmap_mode="r")`.
"""

from __future__ import annotations

import contextlib
import math
import mmap
import os
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import cast

import numpy as np

from keras_cwp.errors import DataError

CROPS_FILE = "crops.npy"
_AT_ONCE = 64  # crops in memory while rows are left out


class CropWriter:
    """Writes crops in any order: radiographs come one by one, and a table need not be sorted by radiograph.

    Rows are written at their place in the file and not through a memory map, because a full disk ends a process
    that writes through a map by a signal, and is an OSError here.

    Args:
        path: of a new file.
        shape: rois, side, side.
        dtype: uint8 or uint16, little-endian.
    """

    def __init__(self, path: Path, shape: tuple[int, int, int], dtype: np.dtype) -> None:
        self._dtype = dtype
        self._file = open(path, "wb")  # noqa: SIM115 - closed by __exit__
        header = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(self._file, header)
        self._first = self._file.tell()

    def put(self, row: int, crop: np.ndarray) -> None:
        """Write one crop [side, side] as row `row`.

        Raises:
            OSError: the disk refuses.
        """
        crop = np.ascontiguousarray(crop, dtype=self._dtype)
        self._file.seek(self._first + row * crop.nbytes)
        self._file.write(crop.data)

    def __enter__(self) -> CropWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if error is None:
            self._file.close()
        else:  # closing writes what is buffered, and must not hide the first error by a second
            with contextlib.suppress(OSError):
                self._file.close()


def leave_out_rows(path: Path, shape: tuple[int, int, int], dtype: np.dtype, kept: Sequence[int]) -> None:
    """Rewrite a file of CropWriter with some of its rows, in the order given.

    Args:
        shape, dtype: that it was written with.

    Raises:
        OSError: the disk refuses.
    """
    with open(path, "r+b") as file:
        np.lib.format.read_magic(file)
        np.lib.format.read_array_header_1_0(file)
        file.truncate(file.tell() + math.prod(shape) * dtype.itemsize)  # blank rows at the end were never written
    smaller = path.with_suffix(".smaller")
    old = CropReader(path, shape, dtype)
    with CropWriter(smaller, (len(kept), *shape[1:]), dtype) as new:
        for first in range(0, len(kept), _AT_ONCE):
            for place, crop in enumerate(old.read(np.array(kept[first : first + _AT_ONCE])), start=first):
                new.put(place, crop)
    os.replace(smaller, path)


class CropReader:
    """Reads rows of crops.npy through a memory map.

    The map stays that of the opened file when `prepare` puts another data set in its place.

    Args:
        path: of the file.
        shape: rois, side, side as the data set says.
        dtype: as the data set says.

    Raises:
        DataError: the file is missing, is no array of this shape and type, or has another length.
    """

    def __init__(self, path: Path, shape: tuple[int, int, int], dtype: np.dtype) -> None:
        self._path = path
        try:
            mapped = np.lib.format.open_memmap(path, mode="r")
        except FileNotFoundError:
            raise DataError(f"{path} is missing; prepare the data set again") from None
        except Exception as error:  # NumPy's parser of the head raises of many kinds on a damaged one
            raise DataError(f"{path} is damaged ({error}); prepare the data set again") from None
        if (mapped.shape, mapped.dtype) != (shape, dtype) or not mapped.flags.c_contiguous:
            raise DataError(
                f"{path} is damaged: it holds {mapped.dtype} {mapped.shape}, the data set says {dtype} {shape}; "
                "prepare the data set again"
            )
        self._map, self._crops = cast(mmap.mmap, mapped.base), np.asarray(mapped)
        self._bytes = mapped.offset + mapped.nbytes
        self._check_length()

    def read(self, rows: np.ndarray) -> np.ndarray:
        """Crops [len(rows), side, side], copied from the file in the order asked for.

        Raises:
            DataError: the file was cut short since it was opened.
        """
        self._check_length()  # reading beyond the end of a mapped file would end the process by a signal
        crops = self._crops.take(rows, axis=0)
        if hasattr(mmap, "MADV_DONTNEED"):  # not on Windows
            # Pages that were read count as memory of this process until then; the system keeps them in its cache.
            self._map.madvise(mmap.MADV_DONTNEED)
        return crops

    def _check_length(self) -> None:
        if (length := self._map.size()) != self._bytes:
            raise DataError(
                f"{self._path} is damaged: {length} bytes instead of {self._bytes}; prepare the data set again"
            )
