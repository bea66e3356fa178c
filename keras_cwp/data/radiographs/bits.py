"""From stored words to pixel values: which bits of a word are the value (PS3.5, 8.1.1)."""

from __future__ import annotations

import numpy as np

from keras_cwp.data.radiographs.attributes import Attributes
from keras_cwp.data.radiographs.layout import Layout

_OVERLAY_GROUPS = range(0x6000, 0x6020, 2)
_OVERLAY_BITS, _OVERLAY_POSITION = 0x0100, 0x0102  # elements: bits allocated and position of an overlay in the pixels


def values_of_words(tags: Attributes, layout: Layout, used: np.ndarray) -> np.ndarray:
    """The pixel value of every word that `allocated` bits can form: int64 [words].

    HighBit is followed where the words allow it. Some files state a HighBit above BitsStored − 1 over values that
    lie in the lowest bits all the same.

    Args:
        used: bool [words], which occur.
    """
    words = np.arange(len(used), dtype=np.int64)
    shift = _shift(tags, layout, words[used])
    return _cut(words, layout, shift)


def note_foreign_bits(tags: Attributes, layout: Layout, used: np.ndarray) -> None:
    """A note where words have bits set that are neither value, sign nor a stated overlay.

    Args:
        used: bool [words], which occur, those of padding left out.
    """
    words = np.arange(len(used), dtype=np.int64)[used]
    shift = _shift(tags, layout, words)
    if _fits(words, layout):
        return
    if shift == 0 and _lacks_signs(tags, layout, words):
        tags.note(
            "PixelRepresentation says signed, but no word extends its sign as signed pixels do; where bright parts are "
            "black, the pixels are unsigned"
        )
    foreign = int(np.bitwise_or.reduce(words, initial=0)) & ~(((1 << layout.stored) - 1) << shift)
    foreign &= ~_overlays(tags)
    if foreign:
        tags.note(f"bits beside the {layout.stored} stored ones are set (mask {foreign:#06x}); they are left out")


def _shift(tags: Attributes, layout: Layout, words: np.ndarray) -> int:
    """Bits of a word below the value."""
    high, expected = layout.high_bit, layout.stored - 1
    if high is None or high == expected:
        return 0
    stated = f"HighBit {high} with {layout.stored} bits stored in {layout.allocated}"
    shift = high - expected
    if shift < 0 or high >= layout.allocated:
        tags.note(f"{stated} is a contradiction; values are read from the lowest {layout.stored} bits")
        return 0
    empty_below = not (words & ((1 << shift) - 1)).any()
    if _fits(words, layout) and not empty_below:
        tags.note(f"{stated}, but no pixel uses the highest bits; values are read from the lowest {layout.stored}")
        return 0
    tags.note(f"{stated}: values are read from bits {shift} to {high}")
    return shift


def _fits(words: np.ndarray, layout: Layout) -> bool:
    """Whether each word is nothing but a value in the lowest bits, its sign extended where values are signed."""
    whole = words
    if layout.signed:
        whole = np.where(words >> (layout.allocated - 1), words - (1 << layout.allocated), words)
    return bool((_cut(words, layout, 0) == whole).all())


def _lacks_signs(tags: Attributes, layout: Layout, words: np.ndarray) -> bool:
    """Whether no negative value has its sign above the stored bits, as uncompressed words have it."""
    negative = (words >> (layout.stored - 1)) & 1 == 1
    plain = not tags.dataset["PixelData"].is_undefined_length
    return layout.signed and plain and bool(negative.any()) and not (words >> layout.stored).any()


def _cut(words: np.ndarray, layout: Layout, shift: int) -> np.ndarray:
    values = (words >> shift) & ((1 << layout.stored) - 1)
    if layout.signed:
        values = np.where(values >> (layout.stored - 1), values - (1 << layout.stored), values)
    return values


def _overlays(tags: Attributes) -> int:
    """Mask of the bits that overlays in the pixel data are stated to take."""
    mask = 0
    for group in _OVERLAY_GROUPS:
        elements = [tags.dataset.get((group, number)) for number in (_OVERLAY_BITS, _OVERLAY_POSITION)]
        if elements[1] is not None and (elements[0] is None or elements[0].value != 1):
            mask |= 1 << int(elements[1].value or 0)
    return mask
