"""The metrics of ROIs that metrics.json names at its top level."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from keras_cwp.config import EvaluateConfig
from keras_cwp.errors import ScoresError
from keras_cwp.evaluation.agreement import agreement_statistic, right_estimates, right_statistic
from keras_cwp.evaluation.agreement_interval import chance_of
from keras_cwp.evaluation.calibration_error import calibration_error
from keras_cwp.evaluation.estimates import Estimate, mean_estimate, proportion_of
from keras_cwp.evaluation.intervals import Figure, Limits, Measured, with_intervals
from keras_cwp.evaluation.metric_table import NEEDS_ORDER, why_undefined
from keras_cwp.evaluation.probability import probability_statistic
from keras_cwp.evaluation.ranking import (
    auc_estimates,
    auc_statistic,
    average_precision_statistic,
    hand_till_estimates,
    hand_till_statistic,
)
from keras_cwp.evaluation.roc import one_vs_rest
from keras_cwp.evaluation.score_interval import score_limits
from keras_cwp.evaluation.statistic import Key, Statistic, joined, on_table
from keras_cwp.scores import Scores

Order = tuple[str, ...] | None
_AGREEMENTS = (("kappa", "unweighted"), ("kappa", "linear"), ("kappa", "quadratic"), ("mcc",))
_ROUNDING = 1e-9  # a value that is this near 1 is 1


def roi_figures(scores: Scores, config: EvaluateConfig, seed: int, order: Order = None) -> dict[Key, Figure]:
    """Every metric of labelled rows with its interval.

    Args:
        order: all classes from least to most disease, for weighted kappa; None: they have no order.
    """
    found = with_intervals(roi_measured(scores, order), config, seed)
    return found | unresampled(scores, config, order)


def unresampled(scores: Scores, config: EvaluateConfig, order: Order) -> dict[Key, Figure]:
    """Metrics without an interval, each with the reason."""
    found: dict[Key, Figure] = {
        ("ece",): calibration_error(scores.label, scores.probabilities, scores.patient_id, config.calibration_bins)
    }
    if order is None:
        for power in ("linear", "quadratic"):
            found["kappa", power] = {"value": None, "ci95": None, "reason": NEEDS_ORDER}
    return found


def roi_values(scores: Scores, config: EvaluateConfig, order: Order = None) -> dict[Key, float]:
    """Every metric of labelled rows without intervals; NaN where it is undefined."""
    values = on_table(roi_statistic(scores, order), len(scores))
    extra = unresampled(scores, config, order)
    return values | {key: np.nan if own["value"] is None else own["value"] for key, own in extra.items()}


def roi_statistic(scores: Scores, order: Order = None) -> Statistic:
    """Every metric of labelled rows that resamples can vary, as a function of row weights."""
    return joined(exact_statistic(scores), resampled_statistic(scores, order))


def exact_statistic(scores: Scores) -> Statistic:
    """Metrics whose variance over patients is known: AUCs, accuracy, balanced accuracy."""
    classes, labels = scores.classes, scores.label
    return joined(
        auc_statistic(one_vs_rest(labels, len(classes)), scores.probabilities, classes),
        hand_till_statistic(labels, scores.probabilities, classes),
        right_statistic(labels, scores.probabilities.argmax(axis=1)),
    )


def exact_estimates(scores: Scores, patient: np.ndarray, patients: int) -> dict[Key, Estimate]:
    """The variances of `exact_statistic`.

    Args:
        patient: int [rows], 0 to patients - 1.
    """
    classes, labels, where = scores.classes, scores.label, (patient, patients)
    return (
        auc_estimates(one_vs_rest(labels, len(classes)), scores.probabilities, classes, *where)
        | hand_till_estimates(labels, scores.probabilities, classes, *where)
        | right_estimates(labels, scores.probabilities.argmax(axis=1), *where)
    )


def resampled_statistic(scores: Scores, order: Order) -> Statistic:
    """The other metrics."""
    classes, labels = scores.classes, scores.label
    return joined(
        average_precision_statistic(one_vs_rest(labels, len(classes)), scores.probabilities, classes),
        agreement_statistic(labels, scores.probabilities.argmax(axis=1), classes, order),
        probability_statistic(labels, scores.probabilities),
    )


def roi_measured(scores: Scores, order: Order = None) -> Measured:
    """The metrics of labelled rows with all that their intervals need."""
    names, patient = np.unique(scores.patient_id, return_inverse=True)
    positive = one_vs_rest(scores.label, len(scores.classes))
    return Measured(
        scores.patient_id,
        resampled_statistic(scores, order),
        exact_statistic(scores),
        exact_estimates(scores, patient, len(names)),
        behind_classes(positive, patient, scores.classes, ("average_precision", "f1")),
        perfect_of_classes(positive, patient, scores.classes, ("average_precision", "f1"))
        | dict.fromkeys(_AGREEMENTS, perfect_kappa(scores.label, scores.patient_id)),
        why_undefined,
        dict.fromkeys(_AGREEMENTS, chance_of(scores.label, scores.probabilities.argmax(axis=1))),
    )


def behind_classes(
    positive: np.ndarray, patient: np.ndarray, classes: tuple[str, ...], kinds: tuple[str, ...]
) -> dict[Key, int]:
    """Patients of each class, and of the rarest class for macro means.

    Args:
        positive: bool [rows, classes].
        patient: int [rows].
    """
    sizes = {name: len(np.unique(patient[positive[:, c]])) for c, name in enumerate(classes)}
    rarest = min((size for size in sizes.values() if size), default=0)
    found: dict[Key, int] = {(kind, "macro"): rarest for kind in kinds}
    return found | {(kind, "per_class", name): size for kind in kinds for name, size in sizes.items()}


def perfect_of_classes(
    positive: np.ndarray, patient: np.ndarray, classes: tuple[str, ...], kinds: tuple[str, ...]
) -> dict[Key, Callable[[float], Limits | None]]:
    """Intervals of average precision and F1 at 0 and 1: those of a recall of the class, which is then 0 or 1 too."""
    patients = int(patient.max()) + 1
    found: dict[Key, Callable[[float], Limits | None]] = {}
    parts = []
    for column, name in enumerate(classes):
        own = proportion_of(np.ones(positive[:, column].sum()), patient[positive[:, column]], patients)
        if own is None:
            continue
        parts.append(own)
        found |= {(kind, "per_class", name): _at_one_or_zero(own) for kind in kinds}
    if parts:
        found |= {(kind, "macro"): _at_one_or_zero(mean_estimate(parts)) for kind in kinds}
    whole = proportion_of(np.ones(len(patient)), patient, patients)
    return found if whole is None else found | {(kind, "micro"): _at_one_or_zero(whole) for kind in kinds}


def check_order(order: Order, classes: tuple[str, ...]) -> None:
    """Refuse an order that is not one of these classes.

    Raises:
        ScoresError: data.ordinal leaves a class out or names another.
    """
    if order is not None and sorted(order) != sorted(classes):
        raise ScoresError(f"data.ordinal is {list(order)}, the classes are {list(classes)}; name each class once")


def perfect_kappa(labels: np.ndarray, patients: np.ndarray) -> Callable[[float], Limits | None]:
    """Kappa and correlation at 1: their value where accuracy is at its own limit and the classes' shares stay.

    Args:
        labels: int [rows].
        patients: str [rows].
    """
    names, patient = np.unique(patients, return_inverse=True)
    whole = proportion_of(np.ones(len(labels)), patient, len(names))
    chance = chance_of(labels, labels)

    def limits(value: float) -> Limits | None:
        own = None if whole is None or value < 1 - _ROUNDING else score_limits(whole)
        return None if own is None or chance >= 1 else (max((own[0] - chance) / (1 - chance), -1.0), 1.0)

    return limits


def _at_one_or_zero(estimate: Estimate) -> Callable[[float], Limits | None]:
    """The interval of an estimate of 1, mirrored for 0; None for a value between."""

    def limits(value: float) -> Limits | None:
        extreme = min(value, 1 - value) < _ROUNDING
        own = score_limits(estimate) if extreme else None
        return own if own is None or value > 0.5 else (1 - own[1], 1 - own[0])

    return limits
