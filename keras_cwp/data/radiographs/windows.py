"""Windows: modality values to shades by center, width and function (PS3.3, C.11.2.1.2 and C.11.2.1.3)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from keras_cwp.data.radiographs.attributes import Attributes
from keras_cwp.errors import DataError

_FUNCTIONS = ("LINEAR", "LINEAR_EXACT", "SIGMOID")
_STEEPNESS = 4  # of the sigmoid, PS3.3 C.11.2.1.3.1
_LARGEST = 700  # exponents beyond would overflow float64
_TERMS = 20  # of the exponential series on [0, ln 2): the next is below 1e-21


@dataclass(frozen=True)
class Window:
    """Center and width in modality values."""

    center: float
    width: float
    function: str = "LINEAR"


def window_of(tags: Attributes, number: int) -> Window | None:
    """The window of that number, the last where there are fewer; None where there is none that can be applied.

    A window that cannot be applied (not finite, too narrow, center or width missing) is noted, and the first of
    the others that can be is taken.
    """
    centers, widths = tags.numbers("WindowCenter"), tags.numbers("WindowWidth")
    if not centers and not widths:
        return None
    stated = f"WindowCenter {tags.shown('WindowCenter')} and WindowWidth {tags.shown('WindowWidth')}"
    found = _applicable(centers, widths, _function(tags), number) if centers and widths else None
    if found is None:
        tags.note(f"no window of {stated} can be applied; shades go from the least to the greatest value")
        return None
    if found[0] != min(number, max(len(centers), len(widths)) - 1):
        tags.note(f"of {stated}, window {found[0]} is taken (from 0), for the one asked for cannot be applied")
    return found[1]


def _applicable(centers: list[float], widths: list[float], function: str, number: int) -> tuple[int, Window] | None:
    """The window asked for, else the first that can be applied, with its index."""
    count = max(len(centers), len(widths))
    asked = min(number, count - 1)
    for index in [asked, *(other for other in range(count) if other != asked)]:
        window = Window(centers[min(index, len(centers) - 1)], widths[min(index, len(widths) - 1)], function)
        if _applies(window):
            return index, window
    return None


def window_values(values: np.ndarray, center: float, width: float, function: str = "LINEAR") -> np.ndarray:
    """Map modality values to [0, 1] by a window.

    pydicom's `apply_windowing` gives the same shades (a test compares them on pydicom's own files). It is not used:
    it reads center and width from the data set itself, malformed ones too, and its range of output depends on
    rescale and bit depth, which would have to be taken back.

    Args:
        values: modality values, any shape.
        function: LINEAR, LINEAR_EXACT or SIGMOID.

    Raises:
        DataError: a width that the function does not allow, or another function.
    """
    if function not in _FUNCTIONS:
        raise DataError(f"window function {function!r}; expected LINEAR, LINEAR_EXACT or SIGMOID")
    if not _applies(Window(center, width, function)):
        raise DataError(f"window width {width} is too small for the function {function}, or not finite")
    if function == "SIGMOID":
        return 1 / (1 + _exp(np.clip(-_STEEPNESS * (values - center) / width, -_LARGEST, _LARGEST)))
    if function == "LINEAR":
        center, width = center - 0.5, width - 1
    if width == 0:
        return (values > center).astype(np.float64)
    return np.clip((values - center) / width + 0.5, 0, 1)


def _applies(window: Window) -> bool:
    finite = math.isfinite(window.center) and math.isfinite(window.width)
    return finite and (window.width >= 1 if window.function == "LINEAR" else window.width > 0)


def _function(tags: Attributes) -> str:
    stated = tags.text("VOILUTFunction")
    function = stated.upper().replace(" ", "_") or "LINEAR"
    if function in _FUNCTIONS:
        return function
    tags.note(f"VOILUTFunction {stated!r} is not known; LINEAR is taken")
    return "LINEAR"


def _exp(values: np.ndarray) -> np.ndarray:
    """The exponential by additions and multiplications only, which round alike on every processor; np.exp does not."""
    twos = np.floor(values / math.log(2))
    rest = values - twos * math.log(2)
    series = np.ones_like(rest)
    for term in range(_TERMS, 0, -1):
        series = 1 + series * rest / term
    return np.ldexp(series, twos.astype(np.int64))
