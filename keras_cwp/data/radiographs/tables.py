"""Look-up tables of DICOM files, of any bit depth (PS3.3, C.11.1.1 and C.11.2.1.1).

pydicom's `apply_modality_lut` and `apply_voi` are not used: they keep the index in as many bits as the table's
entries have, so that an 8-bit table of 4,096 entries is read modulo 256, and take no table of 12 bits.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pydicom

from keras_cwp.data.radiographs.attributes import Attributes
from keras_cwp.errors import DataError

_WORD = 1 << 16
_BYTE_BITS = 8


@dataclass(frozen=True, eq=False)
class Table:
    """A table.

    Args:
        first: the value that the first entry is of; lesser values take the first entry, greater ones the last.
        entries: int64 [entries], not negative.
        white: the greatest value that the entries' depth allows.
    """

    first: int
    entries: np.ndarray
    white: int

    def look_up(self, values: np.ndarray) -> np.ndarray:
        """The entry of each whole number."""
        return self.entries[np.clip(values - self.first, 0, len(self.entries) - 1)]


def table_of(tags: Attributes, keyword: str, number: int, values: np.ndarray) -> Table | None:
    """A table of a sequence, the last where there are fewer; None where there is none.

    Args:
        keyword: ModalityLUTSequence or VOILUTSequence.
        values: whole numbers that are going to be looked up; they decide the sign of the first one.

    Raises:
        DataError: fewer entries than the table's descriptor states.
    """
    items = tags.items(keyword)
    if not items:
        return None
    item = items[min(number, len(items) - 1)]
    descriptor = _integers(item, "LUTDescriptor")
    if len(descriptor) != 3 or not item.get("LUTData"):
        tags.note(f"{keyword} without a whole table (LUTDescriptor, LUTData) counts as absent")
        return None
    count, bits = descriptor[0] % _WORD or _WORD, descriptor[2] % _WORD
    entries = _entries(item, count, bits)
    if len(entries) < count:
        raise DataError(f"{keyword}: {len(entries)} entries, its descriptor states {count}")
    first = _first(descriptor[1], count, values)
    if first != descriptor[1]:
        tags.note(f"{keyword}: its first value {descriptor[1]} is read as {first}, as the pixels' sign asks for")
    return Table(first, entries, _white(tags, keyword, int(entries.max()), bits))


def _white(tags: Attributes, keyword: str, greatest: int, bits: int) -> int:
    """Of the depth that the entries have; some scanners put 12-bit entries under a descriptor of 16 bits."""
    depth = greatest.bit_length() or bits
    if depth != bits:
        tags.note(f"{keyword}: entries of {depth} bits (up to {greatest}), its descriptor states {bits}; {depth} count")
    return (1 << max(1, depth)) - 1


def _first(stated: int, count: int, values: np.ndarray) -> int:
    """The first value under the sign that makes the table reach the most of the values in use; as stated in a tie."""
    if not values.size:
        return stated
    low, high = int(values.min()), int(values.max())

    def reach(first: int) -> int:
        return min(high, first + count - 1) - max(low, first)

    return max((stated, stated - _WORD, stated + _WORD), key=reach)


def _entries(item: pydicom.Dataset, count: int, bits: int) -> np.ndarray:
    """int64 [entries]: one a word, or one a byte where that is all the data have."""
    value = item["LUTData"].value
    if isinstance(value, bytes):
        little = item.original_encoding[1] is not False
        content = value
    else:
        little = True
        content = (np.array(value, dtype=np.int64).reshape(-1) % _WORD).astype("<u2").tobytes()
    if len(content) >= 2 * count:
        return np.frombuffer(content[: 2 * count], "<u2" if little else ">u2").astype(np.int64)
    if bits > _BYTE_BITS or len(content) < count:
        return np.zeros(len(content) // 2, dtype=np.int64)  # too few, whatever they are
    if not little:  # the low byte of a word comes first
        content = np.frombuffer(content[: len(content) // 2 * 2], ">u2").astype("<u2").tobytes()
    return np.frombuffer(content, np.uint8)[:count].astype(np.int64)


def _integers(item: pydicom.Dataset, keyword: str) -> list[int]:
    """The whole numbers of a binary attribute, also where its type is not known and pydicom leaves bytes."""
    value = item.get(keyword)
    if isinstance(value, bytes):
        little = item.original_encoding[1] is not False
        return [int(word) for word in np.frombuffer(value[: len(value) // 2 * 2], "<u2" if little else ">u2")]
    return [int(number) for number in (value or [])]
