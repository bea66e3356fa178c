"""The model beside readers on the same ROIs: at its thresholds where they gave labels, by AUC where they gave ratings.

Each reader is compared with the model by patients; the readers' mean with readers and patients both drawn from a
population (`mrmc`). Differences are the model minus the reader.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy import stats

from keras_cwp.config import EvaluateConfig
from keras_cwp.evaluation.estimates import Estimate, area_of, freedom, proportion_of, variance
from keras_cwp.evaluation.flips import auc_amounts, sign_flip_p
from keras_cwp.evaluation.intervals import ONE_PATIENT, estimated
from keras_cwp.evaluation.mrmc import across_readers, covariances
from keras_cwp.evaluation.paired import agreeing, detectable_difference
from keras_cwp.evaluation.readers import reader_agreement
from keras_cwp.evaluation.readings import Readings
from keras_cwp.evaluation.roi_metrics import Order
from keras_cwp.evaluation.score_interval import LEVEL
from keras_cwp.evaluation.unit_metrics import normal_class
from keras_cwp.scores import UNKNOWN_LABEL, Scores

FEWEST_WITHOUT_REFERENCE = 3
METHOD = (
    "the larger p value of Obuchowski and Rockette (readers and patients random, degrees of freedom of Hillis and of "
    "the patients) and of sign flips of patients"
)
_ALIKE = "reader and model decide alike on all of these patients"
_NOBODY = "needs two readers with two patients each"


class Beside(NamedTuple):
    """One figure of a reader and of the model on the same rows; `amounts` [patients] add up to the difference."""

    reader: Estimate
    model: Estimate
    amounts: np.ndarray
    rows: int

    def difference(self) -> Estimate:
        own, other = self.model, self.reader
        return Estimate(own.value - other.value, own.arms - other.arms, own.sizes, own.means, own.cases, own.rows)


_Figure = Callable[[int, np.ndarray], Beside | None]
"""Of a reader, by number, and the truth int [rows] that holds for this reader."""


def reader_figures(
    scores: Scores,
    readings: Readings | None,
    thresholds: Mapping[str, Any],
    config: EvaluateConfig,
    order: Order = None,
) -> dict[str, Any] | None:
    """How readers agree on labelled held-out rows, and the model beside them, ready for JSON; None without readers.

    Args:
        readings, thresholds: see `beside_readers`.
        order: all classes from least to most disease; None: they have no order.
    """
    if readings is None:
        return None
    agreement = None
    if len(readings.names) > 1:
        agreement = reader_agreement(
            readings.labels, scores.patient_id, scores.classes, config, readers=readings.names, order=order
        )
    normal = normal_class(scores.classes, config, order)
    return {
        "names": list(readings.names),
        "reference": readings.reference,
        "agreement": agreement,
        "beside": beside_readers(scores, readings, thresholds, normal),
    }


def beside_readers(
    scores: Scores, readings: Readings, thresholds: Mapping[str, Any], normal: str | None
) -> dict[str, Any]:
    """Readers and model by one truth, ready for JSON.

    Args:
        scores: labelled held-out rows.
        readings: of the same rows.
        thresholds: operating points of ROIs, as `thresholds.operating_points` gives them.
        normal: class without disease, for ratings; None: ratings are not looked at.

    Returns:
        `truth` and `method` in words, `accuracy`, `per_class` (`sensitivity`, `specificity` at the model's threshold)
        and `auc` (of disease; None without ratings). Each has `readers` (a figure of each, with `model` on the same
        ROIs and `difference`), `mean` of readers and model, and `difference` of the means; a difference has
        `detectable`, as `paired.Difference`. Or `reason` alone, where
        nothing can be compared.
    """
    if readings.reference is None and len(readings.names) < FEWEST_WITHOUT_REFERENCE:
        return {
            "reason": f"{len(readings.names)} readers: the truth for one of them would be the other alone; it needs "
            f"{FEWEST_WITHOUT_REFERENCE} readers, or a reference (data.reference)"
        }
    truths = [readings.truth_for(reader, scores.label) for reader in range(len(readings.names))]
    _, patient = np.unique(scores.patient_id, return_inverse=True)
    return {
        "truth": _truth_in_words(readings),
        "method": METHOD,
        "accuracy": _compared(readings, truths, _accuracy(scores, readings, patient)),
        "per_class": _per_class(scores, readings, truths, thresholds, patient),
        "auc": _areas(scores, readings, truths, normal, patient),
    }


def called_at(scores: Scores, point: Mapping[str, Any], column: int) -> np.ndarray | None:
    """bool [rows]: what the model calls a class at the thresholds of an operating point; None where it has none."""
    by_fold: Mapping[str, float | None] = point.get("thresholds", {})
    if not by_fold:
        return None
    known = {name: np.inf if value is None else value for name, value in by_fold.items()}
    whole = known.get("locked", known.get("all"))
    limits = np.array([known[str(fold)] if whole is None else whole for fold in scores.fold.tolist()])
    called: np.ndarray = scores.probabilities[:, column] >= limits
    return called


def _truth_in_words(readings: Readings) -> str:
    if readings.reference is not None:
        return f"the label of {readings.reference}"
    return "for each reader, the label that most of the other readers gave; the model is judged by the same"


def _per_class(
    scores: Scores, readings: Readings, truths: Sequence[np.ndarray], thresholds: Mapping[str, Any], patient: np.ndarray
) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for column, name in enumerate(scores.classes):
        called = called_at(scores, thresholds["per_class"].get(name, {}), column)
        if called is None:
            found[name] = {"reason": "the model has no threshold of this class"}
            continue
        found[name] = {
            side: _compared(readings, truths, _rate(readings, called, column, patient, of_class=side == "sensitivity"))
            for side in ("sensitivity", "specificity")
        }
    return found


def _accuracy(scores: Scores, readings: Readings, patient: np.ndarray) -> _Figure:
    decided = scores.probabilities.argmax(axis=1)

    def figure(reader: int, truth: np.ndarray) -> Beside | None:
        rows = (readings.labels[:, reader] != UNKNOWN_LABEL) & (truth != UNKNOWN_LABEL)
        return _share(readings.labels[:, reader] == truth, decided == truth, rows, patient)

    return figure


def _rate(readings: Readings, called: np.ndarray, column: int, patient: np.ndarray, *, of_class: bool) -> _Figure:
    def figure(reader: int, truth: np.ndarray) -> Beside | None:
        own = readings.labels[:, reader]
        rows = (own != UNKNOWN_LABEL) & (truth != UNKNOWN_LABEL) & ((truth == column) == of_class)
        return _share((own == column) == of_class, called == of_class, rows, patient)

    return figure


def _share(reader: np.ndarray, model: np.ndarray, rows: np.ndarray, patient: np.ndarray) -> Beside | None:
    patients, own = int(patient.max()) + 1, patient[rows]
    parts = [proportion_of(right[rows], own, patients) for right in (reader, model)]
    if parts[0] is None or parts[1] is None:
        return None
    gained = (model[rows].astype(float) - reader[rows]) / rows.sum()
    return Beside(parts[0], parts[1], np.bincount(own, weights=gained, minlength=patients), int(rows.sum()))


def _areas(
    scores: Scores, readings: Readings, truths: Sequence[np.ndarray], normal: str | None, patient: np.ndarray
) -> dict[str, Any] | None:
    if normal is None or np.isnan(readings.ratings).all():
        return None
    healthy, patients = scores.classes.index(normal), int(patient.max()) + 1
    disease = 1 - scores.probabilities[:, healthy]

    def figure(reader: int, truth: np.ndarray) -> Beside | None:
        rows = ~np.isnan(readings.ratings[:, reader]) & (truth != UNKNOWN_LABEL)
        positive, rating, own = truth[rows] != healthy, readings.ratings[rows, reader], patient[rows]
        parts = [area_of(positive, score, own, patients) for score in (rating, disease[rows])]
        if parts[0] is None or parts[1] is None:
            return None
        amounts = auc_amounts(positive, disease[rows], rating, own, patients)
        return Beside(parts[0], parts[1], amounts, int(rows.sum()))

    return _compared(readings, truths, figure)


def _compared(readings: Readings, truths: Sequence[np.ndarray], figure: _Figure) -> dict[str, Any]:
    found = {name: figure(number, truths[number]) for number, name in enumerate(readings.names)}
    usable = [own for own in found.values() if own is not None and own.reader.freedom >= 1]
    means = [_mean([own.reader for own in usable]), _mean([own.model for own in usable])]
    return {
        "readers": {name: _one(own) for name, own in found.items()},
        "mean": {"readers": means[0], "model": means[1]},
        "difference": across_all(usable),
    }


def _mean(figures: Sequence[Estimate]) -> float | None:
    return float(np.mean([own.value for own in figures])) if figures else None


def _one(own: Beside | None) -> dict[str, Any]:
    """A reader's figure, the model's on the same ROIs, and their difference."""
    if own is None:
        return {"value": None, "ci95": None, "of": 0, "reason": "no such ROI that this reader has read"}
    reader, model = (estimated(each, each.value, "") for each in (own.reader, own.model))
    return {**reader, "of": own.rows, "model": model, "difference": _single(own)}


def _single(own: Beside) -> dict[str, Any]:
    """Model minus one reader; t with the variance of patients and sign flips of patients have to agree."""
    gap = own.difference()
    if gap.freedom < 1:
        return {"value": gap.value, "ci95": None, "p": None, "reason": ONE_PATIENT}
    spread = variance(gap.arms, gap.sizes, gap.means)
    if not spread > 0 or not np.abs(own.amounts).max() > 0:
        return {"value": gap.value, "ci95": None, "p": None, "reason": _ALIKE}
    error, left = float(np.sqrt(spread)), freedom(gap.arms, gap.sizes, gap.means)
    half = float(stats.t.ppf((1 + LEVEL) / 2, left)) * error
    p = max(float(2 * stats.t.sf(abs(gap.value) / error, left)), sign_flip_p(own.amounts))
    limits = agreeing((gap.value - half, gap.value + half), p)
    return {"value": gap.value, "ci95": limits, "p": p, "detectable": detectable_difference(error, left)}


def across_all(usable: Sequence[Beside]) -> dict[str, Any]:
    """Model minus the mean of readers, for readers and patients like these, ready for JSON.

    As for a single reader, sign flips of patients have to agree. They keep the level of shares of few patients, where
    the test of Obuchowski and Rockette alone rejects somewhat too often (scripts/bench_inference_readers.py).
    """
    if len(usable) < 2:
        return {"value": None, "ci95": None, "p": None, "reason": _NOBODY}
    gaps = [own.difference() for own in usable]
    cases = min(gap.freedom for gap in gaps)
    found = across_readers(np.array([gap.value for gap in gaps]), covariances(gaps), cases)
    limits = found.limits()
    if limits is None:
        return {"value": found.value, "ci95": None, "p": None, "reason": _ALIKE}
    flipped = sign_flip_p(np.mean([own.amounts for own in usable], axis=0))
    p = max(found.p() or 0.0, flipped)
    freedom_kept = found.freedom if np.isfinite(found.freedom) else None
    return {
        "value": found.value,
        "ci95": agreeing(limits, p),
        "p": p,
        "freedom": freedom_kept,
        "detectable": detectable_difference(found.error, found.freedom),
    }
