"""Grey of colour DICOM: each pixel by itself and by whole numbers, the same on every processor and at every place."""

from __future__ import annotations

import numpy as np

from keras_cwp.data.radiographs.attributes import Attributes
from keras_cwp.errors import DataError

_LUMA_THOUSANDTHS = (299, 587, 114)  # ITU-R BT.601
_RGB = ("RGB", "YBR_RCT", "YBR_ICT")  # decoders of JPEG 2000 take its colour transforms back
_YBR = ("YBR_FULL", "YBR_FULL_422")
_PARTIAL = ("YBR_PARTIAL_422", "YBR_PARTIAL_420")  # luma from 16 to 235 of 255
_PARTIAL_BLACK, _PARTIAL_WHITE = 16, 235
_NEAR = 3  # levels of 256, by which lossy compression may part equal channels
_MOST, _FEW = 0.9, 0.5  # shares of pixels


def grey_of(tags: Attributes, words: np.ndarray, space: str, bits: int) -> np.ndarray:
    """float32 [height, width] in [0, 1].

    A radiograph in colours is grey nearly everywhere. So its pixels show whether they are RGB (three equal channels)
    or YBR (colours near their middle), and are believed where the header says the other.

    Args:
        words: unsigned whole numbers of so many bits [height, width, 3].
        space: photometric interpretation.

    Raises:
        DataError: a colour space that is not read.
    """
    if space not in (*_RGB, *_YBR, *_PARTIAL):
        raise DataError(f"PhotometricInterpretation {space!r}; grey, RGB and YBR are read")
    shown = _shown_space(words, bits)
    if shown and (shown == "RGB") != (space in _RGB):
        tags.note(f"PhotometricInterpretation {space}, but the pixels look like {shown} and are read as such")
        space = shown
    white = (1 << bits) - 1
    if space in _RGB:
        red, green, blue = (words[..., i].astype(np.int64) * weight for i, weight in enumerate(_LUMA_THOUSANDTHS))
        return ((red + green + blue) / (1000 * white)).astype(np.float32)
    if space in _YBR:
        return (words[..., 0] / white).astype(np.float32)
    black, span = _PARTIAL_BLACK << (bits - 8), (_PARTIAL_WHITE - _PARTIAL_BLACK) << (bits - 8)
    return np.clip((words[..., 0] - float(black)) / span, 0, 1).astype(np.float32)


def _shown_space(words: np.ndarray, bits: int) -> str:
    """RGB or YBR_FULL where the pixels leave no doubt, else nothing."""
    near = _NEAR << (bits - 8)
    first, second, third = (words[..., channel].astype(np.int32) for channel in range(3))
    equal = ((abs(first - second) <= near) & (abs(second - third) <= near)).mean()
    middle = 1 << (bits - 1)
    colourless = ((abs(second - middle) <= near) & (abs(third - middle) <= near)).mean()
    if equal >= _MOST and colourless <= _FEW:
        return "RGB"
    return "YBR_FULL" if colourless >= _MOST and equal <= _FEW else ""
