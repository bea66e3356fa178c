"""The interval of a difference of two figures, from the interval of each.

A figure near 1 or 0 has an interval that is longer on one side. A symmetric interval of the difference, from the two
variances, loses that: where one figure is perfect its variance is 0, and the difference seems to be known better than
it is. Here each limit of the difference takes the distances to the two limits that would move it that way.

Reference: Zou, Psychological Methods 12 (2007) 399-413 (method of variance estimates recovery, with correlation).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq

from keras_cwp.evaluation.estimates import Estimate
from keras_cwp.evaluation.paired import POWER
from keras_cwp.evaluation.score_interval import LEVEL, score_limits

_LEAST_P, _MOST_P = 1e-12, 0.999  # p beyond these is given as these; an interval of no level has no length


@dataclass(frozen=True)
class TwoFigures:
    """Two figures of the same patients, and their difference: `first` minus `weight` times `second`.

    Args:
        first, second: with arms over the same patients, in the same order.
        weight: at least 0.
    """

    first: Estimate
    second: Estimate
    weight: float = 1.0

    @property
    def value(self) -> float:
        """The difference observed."""
        return self.first.value - self.weight * self.second.value

    def limits(self, level: float = LEVEL) -> tuple[float, float] | None:
        """The interval; None where one of the figures has none."""
        own, other = score_limits(self.first, level), score_limits(self.second, level)
        if own is None or other is None:
            return None
        down, up = self.first.value - own[0], own[1] - self.first.value
        other_down = self.weight * (self.second.value - other[0])
        other_up = self.weight * (other[1] - self.second.value)
        shared = self.correlation()
        return self.value - _length(down, other_up, shared), self.value + _length(up, other_down, shared)

    def p(self) -> float | None:
        """Two-sided p of no difference: 1 - the level of the interval that ends at 0; None without an interval."""
        if self.limits() is None:
            return None
        if self.value == 0:
            return 1.0
        return _where_it_ends_at_zero(lambda p: self._nearer_limit(1 - p))

    def detectable(self) -> float | None:
        """The difference that 80 % of such studies would find at .05: half of the interval of 95 % and of that of 60 %,
        whose ends a study passes in 80 %; None without an interval."""
        found = [self.limits(level) for level in (LEVEL, 2 * POWER - 1)]
        return None if None in found else sum(upper - lower for lower, upper in filter(None, found)) / 2

    def correlation(self) -> float:
        """Of the two figures, by what each patient adds to both; 0 where a figure does not vary."""
        first, second = (each.arms.sum(axis=0) for each in (self.first, self.second))
        scale = np.sqrt((first**2).sum() * (second**2).sum())
        return float(np.clip(first @ second / scale, -1, 1)) if scale > 0 else 0.0

    def _nearer_limit(self, level: float) -> float:
        """The limit between the difference and 0, above 0 where the interval does not hold 0."""
        found = self.limits(level)
        assert found is not None
        return found[0] if self.value > 0 else -found[1]


def _length(one: float, other: float, correlation: float) -> float:
    return float(np.sqrt(max(one**2 + other**2 - 2 * correlation * one * other, 0.0)))


def _where_it_ends_at_zero(distance: Callable[[float], float]) -> float:
    """The p at which an interval of the level 1 - p ends at 0; `distance` of its end from 0 grows with p."""
    if distance(_LEAST_P) >= 0:
        return _LEAST_P
    if distance(_MOST_P) <= 0:
        return 1.0
    return float(np.exp(brentq(lambda log_p: distance(float(np.exp(log_p))), np.log(_LEAST_P), np.log(_MOST_P))))
