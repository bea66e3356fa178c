"""The fewest patients who are enough: a bracket, halved, and a line through what was found, for it may be simulated."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from keras_cwp.errors import ScoresError

MOST_PATIENTS = 1_000_000
TOO_MANY = f"sample size: more than {MOST_PATIENTS:,} patients; ask for less"
_STEP = 1.25  # from the first guess to the next number; its square to the one after that
_TOLERANCE = 0.02  # of a number of patients, before the line through what was found
_NEAR = 1.4  # times more or less patients than the number sought: through these the line goes
_FEWEST_FOR_LINE = 30  # patients; below, one patient more is much


def fewest_patients(missing: Callable[[int], float], guess: int, least: int) -> int:
    """The fewest patients, `least` or more, with whom nothing is missing.

    Args:
        missing: what falls with the number of patients; 0 or less is enough. It may be simulated, and scatter.
        guess: a number to begin at.

    Raises:
        ScoresError: more than a million patients.
    """
    found: dict[int, float] = {}

    def enough(patients: int) -> bool:
        found[patients] = missing(patients)
        return found[patients] <= 0

    low, high, step = least - 1, max(guess, least), _STEP
    if enough(high):
        while high > least and enough(max(int(high / step), least)):
            high, step = max(int(high / step), least), step**2
        low = max(int(high / step), least - 1)
    else:
        while not enough(min(int(high * step) + 1, MOST_PATIENTS)):
            if high == MOST_PATIENTS:
                raise ScoresError(TOO_MANY)
            high, step = min(int(high * step) + 1, MOST_PATIENTS), step**2
        low, high = high, min(int(high * step) + 1, MOST_PATIENTS)
    while high - low > max(1, _TOLERANCE * high):
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    near = {number: value for number, value in found.items() if high / _NEAR <= number <= high * _NEAR}
    if high < _FEWEST_FOR_LINE or len(near) < 4:
        return high
    slope, offset = np.polyfit(np.log(list(near)), list(near.values()), 1)  # evens the scatter out
    best = np.exp(-offset / slope) if slope < 0 else high
    return max(int(np.ceil(np.clip(best, high / _NEAR**0.5, high * _NEAR**0.5))), least)
