"""ROC curves and the area under them, exact with ties: every distinct score is a point, no binning."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from keras_cwp.scores import UNKNOWN_LABEL


@dataclass(frozen=True, eq=False)
class Roc:
    """A ROC curve from (0, 0) to (1, 1).

    Args:
        false_positive_rate, true_positive_rate: float [points], both ascending.
        threshold: float [points], descending; a score >= threshold counts as positive. The first is inf.
            NaN where a point has no threshold of its own (an averaged curve).
    """

    false_positive_rate: np.ndarray
    true_positive_rate: np.ndarray
    threshold: np.ndarray

    @property
    def area(self) -> float:
        heights = self.true_positive_rate[1:] + self.true_positive_rate[:-1]
        return float((heights * np.diff(self.false_positive_rate)).sum() / 2)


def roc_curve(positive: np.ndarray, score: np.ndarray, weight: np.ndarray | None = None) -> Roc | None:
    """The curve of a binary question; tied scores are one (slanted) step.

    Args:
        positive: bool [n].
        score: float [n], larger means positive.
        weight: float [n], how often each row counts; none: once.

    Returns:
        None where there is no positive or no negative: there is no curve then.
    """
    order = np.argsort(-score, kind="stable")
    weight = np.ones(len(score)) if weight is None else np.asarray(weight, dtype=float)
    hits = np.cumsum((weight * positive)[order])
    alarms = np.cumsum((weight * ~positive)[order])
    if len(order) == 0 or hits[-1] == 0 or alarms[-1] == 0:
        return None
    descending = score[order]
    last_of_tie = np.append(np.flatnonzero(np.diff(descending)), len(descending) - 1)
    return Roc(
        np.append(0.0, alarms[last_of_tie] / alarms[-1]),
        np.append(0.0, hits[last_of_tie] / hits[-1]),
        np.append(np.inf, descending[last_of_tie]),
    )


def auc(positive: np.ndarray, score: np.ndarray) -> float:
    """Area under the ROC curve as Mann and Whitney's probability, a tie counting one half.

    Returns:
        NaN where there is no positive or no negative.
    """
    pairs = np.count_nonzero(positive) * np.count_nonzero(~positive)
    if not pairs:
        return float("nan")
    negatives = np.sort(score[~positive])
    below = np.searchsorted(negatives, score[positive], side="left")
    below_or_tied = np.searchsorted(negatives, score[positive], side="right")
    return float((below.sum() + below_or_tied.sum()) / (2 * pairs))


def one_vs_rest(labels: np.ndarray, classes: int) -> np.ndarray:
    """bool [n, classes]: whether row i is of class c; a row of UNKNOWN_LABEL is of none."""
    return labels[:, None] == np.arange(classes)


def macro_auc(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Mean over classes of the one-vs-rest AUC.

    Args:
        labels: int [n]; rows of UNKNOWN_LABEL are left out.
        probabilities: float [n, classes].

    Returns:
        The mean over the classes that have an AUC (rows of the class and rows of others); NaN when none has.
    """
    known = labels != UNKNOWN_LABEL
    positive = one_vs_rest(labels[known], probabilities.shape[1])
    areas = [auc(positive[:, c], probabilities[known, c]) for c in range(probabilities.shape[1])]
    defined = [area for area in areas if not np.isnan(area)]
    return float(np.mean(defined)) if defined else float("nan")


def macro_curve(curves: list[Roc]) -> Roc:
    """Vertical average of curves: at each false positive rate the mean true positive rate.

    Its vertical steps are kept, so that its area is exactly the mean of the areas.
    """
    rates = np.unique(np.concatenate([curve.false_positive_rate for curve in curves]))
    lower, upper = np.mean([_limits(curve, rates) for curve in curves], axis=0)
    return Roc(np.repeat(rates, 2), np.stack([lower, upper], axis=1).ravel(), np.full(2 * len(rates), np.nan))


def sample(curve: Roc, rates: np.ndarray) -> np.ndarray:
    """True positive rate [rates] of a curve at given false positive rates, the upper end of a vertical step."""
    return _limits(curve, rates)[1]


def _limits(curve: Roc, rates: np.ndarray) -> np.ndarray:
    """[2, rates]: the curve's height on arriving at each rate and on leaving it."""
    own, first = np.unique(curve.false_positive_rate, return_index=True)
    arriving = curve.true_positive_rate[first]
    leaving = curve.true_positive_rate[np.append(first[1:], len(curve.true_positive_rate)) - 1]
    left = np.clip(np.searchsorted(own, rates, side="right") - 1, 0, len(own) - 1)
    right = np.minimum(left + 1, len(own) - 1)
    gap = np.where(right > left, own[right] - own[left], 1.0)
    between = leaving[left] + (arriving[right] - leaving[left]) * (rates - own[left]) / gap
    exact = own[left] == rates
    return np.stack([np.where(exact, arriving[left], between), np.where(exact, leaving[left], between)])
