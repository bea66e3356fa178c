"""Grey of one-channel DICOM: words → values → modality LUT → VOI LUT or window → bone bright, in [0, 1].

Every step maps one stored word to one output value, so the chain is computed once for the at most 65,536 words
and then looked up (DICOM PS3.3, C.11.1 and C.11.2).

The VOI LUT or window is applied exactly once, also to images FOR PRESENTATION: PS3.3 C.8.11.1.1.1 defines them as
meant for viewing after the grey-scale transformations that the object specifies. An export whose pixels went
through its window before (some archives write such secondary captures) is read with `window=None`.
"""

from __future__ import annotations

import cv2
import numpy as np

from keras_cwp.data.radiographs.attributes import Attributes
from keras_cwp.data.radiographs.bits import note_foreign_bits, values_of_words
from keras_cwp.data.radiographs.layout import Layout, is_inverse
from keras_cwp.data.radiographs.padding import padding_of
from keras_cwp.data.radiographs.tables import table_of
from keras_cwp.data.radiographs.windows import window_of, window_values
from keras_cwp.errors import DataError

_ROWS = 32  # of a radiograph looked up at a time: their indices stay in the cache
_ONE_GREY = 1 / 255  # of an 8-bit display
_SMALL = 1 / 8  # of all shades; a picture in fewer is dark, washed out or nearly blank
_BLANK = 1 / 64  # of the range of values; a picture that uses less may be blank


def grey_of(tags: Attributes, layout: Layout, words: np.ndarray, window: int | None) -> np.ndarray:
    """float32 [height, width] in [0, 1].

    Args:
        words: unsigned [height, width], as stored.
        window: which of several windows or VOI LUTs, from 0; None to apply none.

    Raises:
        DataError: a look-up table shorter than it states.
    """
    used = _used(words, 1 << layout.allocated)
    values = values_of_words(tags, layout, used)
    padding = padding_of(tags, layout, values, used)
    note_foreign_bits(tags, layout, used & ~padding)
    shown = _shades(tags, layout, values, used & ~padding, window)
    if is_inverse(tags, layout):
        shown = 1 - shown
    shown[padding] = 0
    if not np.isfinite(shown).all():
        raise DataError("its pixels come out as NaN or infinite; its look-up tables or windows cannot be applied")
    return _looked_up(shown.astype(np.float32), words)


def _shades(tags: Attributes, layout: Layout, values: np.ndarray, used: np.ndarray, window: int | None) -> np.ndarray:
    """Shades of all values, black at 0 in MONOCHROME2, by VOI LUT or window, else from least to greatest in use."""
    modality = _modality(tags, values, used)
    shown = None if window is None else _voi(tags, modality, used, window)
    if shown is not None and not _blanks(shown[used], values[used], layout):
        if values[used].size > 1 and np.ptp(shown[used]) < _SMALL:
            tags.note(f"its window or VOI LUT leaves less than 1/{1 / _SMALL:.0f} of the shades; the picture is flat")
        return shown
    if shown is not None:
        tags.note("its window or VOI LUT shows all pixels in one grey; shades go from the least to the greatest value")
    return _stretched(modality, used)


def _modality(tags: Attributes, values: np.ndarray, used: np.ndarray) -> np.ndarray:
    """float64, by modality LUT or rescale (PS3.3, C.11.1); as stored where there is neither."""
    table = table_of(tags, "ModalityLUTSequence", 0, values[used])
    if table is not None:
        return table.look_up(values).astype(np.float64)
    slope = tags.number("RescaleSlope", 1.0)
    if slope == 0:
        tags.note("RescaleSlope 0 would make all pixels one value; 1 is taken")
        slope = 1.0
    return values * slope + tags.number("RescaleIntercept", 0.0)


def _voi(tags: Attributes, modality: np.ndarray, used: np.ndarray, number: int) -> np.ndarray | None:
    """Modality values to [0, 1] by VOI LUT or window; None where there is neither."""
    whole = np.rint(modality).astype(np.int64)
    table = table_of(tags, "VOILUTSequence", number, whole[used])
    if table is not None:
        return table.look_up(whole) / table.white
    window = window_of(tags, number)
    return None if window is None else window_values(modality, window.center, window.width, window.function)


def _blanks(shades: np.ndarray, values: np.ndarray, layout: Layout) -> bool:
    """Whether shades hide what the values show."""
    return bool(values.size and np.ptp(shades) < _ONE_GREY and int(np.ptp(values)) > _BLANK * (1 << layout.stored))


def _stretched(values: np.ndarray, used: np.ndarray) -> np.ndarray:
    """From the least to the greatest value in use."""
    low, high = (float(end(values[used])) if used.any() else 0.0 for end in (np.min, np.max))
    return np.clip((values - low) / ((high - low) or 1.0), 0, 1)


def _looked_up(table: np.ndarray, words: np.ndarray) -> np.ndarray:
    """`table[words]`; a few rows at a time, for NumPy widens indices to 64 bits."""
    shades = np.empty(words.shape, dtype=table.dtype)
    for start in range(0, len(words), _ROWS):
        rows = slice(start, start + _ROWS)
        np.take(table, words[rows], out=shades[rows], mode="clip")
    return shades


def _used(words: np.ndarray, count: int) -> np.ndarray:
    """bool [words]: which occur."""
    return cv2.calcHist([words], [0], None, [count], [0, count]).ravel() > 0  # half of NumPy's time
