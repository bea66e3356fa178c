"""Words that stand for no measurement: the padding around a picture (PS3.3, C.7.5.1.1.2)."""

from __future__ import annotations

import numpy as np

from keras_cwp.data.radiographs.attributes import Attributes
from keras_cwp.data.radiographs.layout import Layout


def padding_of(tags: Attributes, layout: Layout, values: np.ndarray, used: np.ndarray) -> np.ndarray:
    """bool [words]: those that are padding.

    A padding value may be written with the wrong sign, for its type depends on another attribute: 63536 among
    signed pixels means −2000, and −1 among unsigned ones is the word of ones.

    Args:
        values: pixel value of each word.
        used: bool [words], which occur.
    """
    stated = tags.integer("PixelPaddingValue")
    if stated is None:
        if tags.numbers("PixelPaddingValue"):
            tags.note(f"PixelPaddingValue {tags.shown('PixelPaddingValue')} is no whole number and counts as absent")
        return np.zeros(len(values), dtype=bool)
    limit = tags.integer("PixelPaddingRangeLimit")
    low, high = sorted(_with_sign(value, layout) for value in (stated, stated if limit is None else limit))
    words = np.arange(len(values))
    found = ((values >= low) & (values <= high)) | (words == stated % len(values))
    if used.any() and not (used & ~found).any():
        tags.note(f"every pixel would be padding (PixelPaddingValue {stated}); no pixel is taken as such")
        return np.zeros(len(values), dtype=bool)
    return found


def _with_sign(value: int, layout: Layout) -> int:
    """A value as the same bits mean it under the pixels' own sign."""
    word = value % (1 << layout.allocated)
    return word - (1 << layout.allocated) if layout.signed and word >> (layout.allocated - 1) else word
