"""All metrics of a Scores table: what metrics.json holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypedDict

import numpy as np
from typing_extensions import NotRequired

from keras_cwp.config import EvaluateConfig
from keras_cwp.errors import ScoresError
from keras_cwp.evaluation.abstention import abstention_curve
from keras_cwp.evaluation.agreement import confusion_matrix
from keras_cwp.evaluation.beside_readers import reader_figures
from keras_cwp.evaluation.calibration import by_temperature, calibration_figures
from keras_cwp.evaluation.calibration_error import calibration_test
from keras_cwp.evaluation.conformal import conformal_cautions, conformal_figures
from keras_cwp.evaluation.decision_curve import net_benefit_figures
from keras_cwp.evaluation.delong import delong_figures
from keras_cwp.evaluation.fixed_specificity import fixed_specificity
from keras_cwp.evaluation.folds import fold_figures
from keras_cwp.evaluation.interaction import interaction
from keras_cwp.evaluation.intervals import Figure
from keras_cwp.evaluation.lock import lock
from keras_cwp.evaluation.locked import Locked
from keras_cwp.evaluation.prior_shift import shift_figures
from keras_cwp.evaluation.readings import Readings
from keras_cwp.evaluation.roi_metrics import Order, check_order, roi_figures
from keras_cwp.evaluation.score_interval import SCORE_METHOD
from keras_cwp.evaluation.staging import staging_figures
from keras_cwp.evaluation.statistic import nested
from keras_cwp.evaluation.subgroups import is_subgroup, subgroup_figures
from keras_cwp.evaluation.thresholds import operating_points
from keras_cwp.evaluation.unit_metrics import unit_figures
from keras_cwp.evaluation.verdict import verdict
from keras_cwp.scores import UNKNOWN_LABEL, Scores


class Metrics(TypedDict):
    """metrics.json. A figure is `{"value", "ci95"}`, with a `reason` where one of them is null (`intervals.Figure`).

    Keys:
        classes: names, in the order of `confusion`.
        counts: `rois`, `images`, `patients`, `unlabelled_rois`, and `per_class` with the first three of each class.
        intervals: how they were made: `level`, `unit`, `method`, `others`, `resamples`, `seed`.
        auc: figures `macro`, `micro`, `hand_till`; `per_class` and `pairwise` hold a figure by name.
        average_precision: figures `macro`, `micro`; `per_class`.
        accuracy, balanced_accuracy, mcc, log_loss, brier: figures.
        f1: figure `macro`; `per_class`.
        kappa: figures `unweighted`, `linear`, `quadratic`; the latter two need an order of the classes.
        ece: debiased calibration error of the top class, a figure without interval.
        calibration_test: `p` that a calibrated model has such gaps.
        loss: the value of log_loss.
        confusion: int [classes, classes]; rows are the truth.
        folds: `each`, `mean`, `rank_normalised`, `cautions` (`folds.fold_figures`); None where there is one fold.
        delong: `method`; `macro` and `per_class` with `value`, `se`, `ci95` on the logit scale.
        image_level, patient_level: `unit_metrics.unit_figures`; patients also have `thresholds`. No image_level where
            each image has one ROI.
        thresholds: operating points of ROIs (`thresholds.operating_points`).
        locked: thresholds and temperature for other data (`locked.Locked`); None without validation scores.
        prior_shift: figures at a stated prevalence of all classes (`prior_shift.shift_figures`), or None.
        calibration: `as_is`, `temperature`, `isotonic`: log_loss, brier, ece, ece_plain, test, and `lines`
            (intercept and slope of each class), `multinomial` (of all classes at once), `smooth` (each class's
            `smooth_calibration.SmoothCurve`, with its band); `temperatures`.
        net_benefit: decision curve of each class on recalibrated probabilities (`decision_curve.net_benefit_figures`).
        fixed_specificity: sensitivity at 90 and 95 % specificity and partial AUC of each class.
        conformal: sets of classes that hold the true one (`conformal.conformal_figures`).
        abstention: error at each share of ROIs answered (`abstention.abstention_curve`).
        subgroups: column -> value -> counts, classes and figures (`subgroups.subgroup_figures`).
        interactions: column -> test that its subgroups have one macro AUC (`interaction.interaction`).
        readers: of the held-out ROIs, where several readers labelled them: `agreement` (`readers.reader_agreement`) and
            `beside` (`beside_readers.beside_readers`); None without readers.
        staging: stages of patients from their zones (`staging.staging_figures`), or None.
        verdict: the first sentence of page and terminal.
        cautions: sentences that belong in the box above the figures.
        views: of test-time augmentation. shared_with_training: patients in common. Both are added by the report.
        heat_maps: how the heat maps stood the test against random weights (`explain.trust.MapTrust`); by the report.
    """

    classes: list[str]
    counts: dict[str, Any]
    intervals: dict[str, Any]
    auc: dict[str, Any]
    average_precision: dict[str, Any]
    accuracy: Figure
    balanced_accuracy: Figure
    f1: dict[str, Any]
    kappa: dict[str, Figure]
    mcc: Figure
    log_loss: Figure
    brier: Figure
    ece: Figure
    calibration_test: dict[str, Any]
    loss: float | None
    confusion: list[list[int]]
    folds: dict[str, Any] | None
    delong: dict[str, Any]
    image_level: dict[str, Any] | None
    patient_level: dict[str, Any]
    thresholds: dict[str, Any]
    locked: Locked | None
    prior_shift: dict[str, Any] | None
    calibration: dict[str, Any]
    net_benefit: dict[str, Any]
    fixed_specificity: dict[str, Any]
    conformal: dict[str, Any]
    abstention: list[dict[str, Any]]
    subgroups: dict[str, Any]
    interactions: dict[str, Any]
    readers: dict[str, Any] | None
    staging: dict[str, Any] | None
    verdict: str
    cautions: list[str]
    views: NotRequired[int]
    shared_with_training: NotRequired[dict[str, Any]]
    heat_maps: NotRequired[dict[str, Any]]


def evaluate(
    scores: Scores,
    config: EvaluateConfig,
    seed: int,
    validation: Scores | None = None,
    subgroups: Mapping[str, np.ndarray] | None = None,
    *,
    order: Order = None,
    locked: Locked | None = None,
    readings: Readings | None = None,
    zones: np.ndarray | None = None,
    sets: Mapping[str, Any] | None = None,
) -> Metrics:
    """Metrics with 95 % intervals over patients, ready for JSON: no NaN, null with a `reason` instead.

    Args:
        scores: held-out ROIs only (the test part of fit, all folds of cv). Rows without a label are left out.
        config: resamples, bins, rules.
        seed: of the resamples; the same seed, the same intervals.
        validation: what the models said of their validation ROIs, with the same fold numbers; thresholds and
            calibration come from it. None: they are left out, with the reason.
        subgroups: name of a column (site, manufacturer) -> str [rows of `scores`].
        order: all classes from least to most disease (`data.ordinal`); None: they have no order.
        readings: what several readers said of the rows of `scores`.
        zones: str [rows of `scores`], the zone of each ROI as the ROI table calls it; None: it has no such column.
        locked: for another data set: `locked` of the run's metrics.json, applied unchanged instead of `validation`.
        sets: for another data set: `conformal` of the run's metrics.json, applied unchanged too.

    Raises:
        ScoresError: no row has a label; validation of other classes, or with a patient that its fold holds out; an
            order of other classes.
    """
    check_order(order, scores.classes)
    known = labelled(scores)
    columns = _of_labelled(scores, subgroups or {})
    scaled = by_temperature(known, validation, locked)
    found = _of_rois(known, config, seed, order) | {
        "classes": list(known.classes),
        "counts": counts(scores),
        "intervals": describe_intervals(config, seed),
        "folds": fold_figures(known, config, seed, order),
        "delong": delong_figures(known),
        "image_level": unit_figures(known, "image", config, seed, order) if _several_a_unit(known.image) else None,
        "patient_level": unit_figures(known, "patient", config, seed, order)
        | {"thresholds": operating_points(known, validation, config, "patient", locked)},
        "thresholds": operating_points(known, validation, config, "roi", locked),
        "locked": locked or (None if validation is None else lock(validation, config)),
        "prior_shift": shift_figures(known, config, seed, _shares(validation, config, locked)),
        "calibration": calibration_figures(known, validation, config, seed, locked),
        "net_benefit": net_benefit_figures(known, None if scaled is None else scaled[0]),
        "fixed_specificity": fixed_specificity(known, config, seed),
        "conformal": conformal_figures(known, config.coverage, validation, sets, elsewhere=locked is not None),
        "abstention": abstention_curve(known),
        "subgroups": subgroup_figures(known, columns, config, seed),
        "interactions": {name: interaction(known, values) for name, values in columns.items() if is_subgroup(values)},
    }
    found["readers"] = reader_figures(known, _labelled_readings(scores, readings), found["thresholds"], config, order)
    own = None if zones is None else _of_labelled(scores, {"zone": zones})["zone"]
    found["staging"] = staging_figures(known, own, config, seed, order)
    return Metrics(**found, verdict=verdict(found), cautions=_cautions(found))  # type: ignore[typeddict-item]


def _shares(validation: Scores | None, config: EvaluateConfig, locked: Locked | None) -> Mapping[str, float] | None:
    """Of the classes in training; looked up only where a prevalence is stated."""
    if not config.prevalence:
        return None
    if locked is None:
        return None if validation is None else lock(validation, config)["shares"]
    return locked.get("shares")


def labelled(scores: Scores) -> Scores:
    """The rows whose label is known.

    Raises:
        ScoresError: there is none.
    """
    known = scores.take(scores.label != UNKNOWN_LABEL)
    if len(known) == 0:
        raise ScoresError(f"scores: none of {len(scores)} ROIs has a label, so there is nothing to compare with")
    return known


def counts(scores: Scores) -> dict[str, Any]:
    """ROIs (each once, however often cv repeats), images and patients: labelled in all and by class."""
    known = scores.take(scores.label != UNKNOWN_LABEL)
    by_class = {name: _distinct(known.take(known.label == c)) for c, name in enumerate(scores.classes)}
    unlabelled = scores.take(scores.label == UNKNOWN_LABEL)
    return _distinct(known) | {"unlabelled_rois": _distinct(unlabelled)["rois"], "per_class": by_class}


def describe_intervals(config: EvaluateConfig, seed: int) -> dict[str, Any]:
    """How the intervals were made, for a reader of the file alone."""
    resampled = f"bootstrap, {'BCa' if config.interval == 'bca' else 'percentile'}, wider for few patients"
    left_out = "t interval, each patient left out once"
    return {
        "level": 0.95,
        "method": SCORE_METHOD if config.interval == "score" else resampled,
        "others": left_out if config.interval == "score" else resampled,
        "unit": "patient",
        "strata": "none",
        "resamples": config.bootstraps,
        "seed": seed,
    }


def _of_rois(known: Scores, config: EvaluateConfig, seed: int, order: Order) -> dict[str, Any]:
    found = nested(roi_figures(known, config, seed, order))
    decisions = known.probabilities.argmax(axis=1)
    return found | {
        "loss": found["log_loss"]["value"],
        "confusion": confusion_matrix(known.label, decisions, len(known.classes)).tolist(),
        "calibration_test": calibration_test(
            known.label, known.probabilities, known.patient_id, config.calibration_bins
        ),
    }


def _cautions(found: Mapping[str, Any]) -> list[str]:
    """Cautions of the parts, in the order of the page."""
    cautions: list[str] = [*(found["folds"] or {}).get("cautions", ()), *found["patient_level"]["cautions"]]
    rough = [name for name, own in found["thresholds"]["per_class"].items() if "caution" in own]
    if rough:
        cautions.append(f"Thresholds of {', '.join(rough)} were chosen by few validation patients and are rough.")
    for column, values in found["subgroups"].items():
        lacking = [value for value, own in values.items() if not own["comparable"]]
        if lacking:
            cautions.append(
                f"Subgroups of {column} that lack a class ({', '.join(lacking)}) have a macro AUC over fewer classes: "
                "not comparable with the others."
            )
    return cautions + conformal_cautions(found["conformal"], tuple(found["classes"]))


def _of_labelled(scores: Scores, columns: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    for name, values in columns.items():
        if len(values) != len(scores):
            raise ScoresError(f"subgroup column {name!r} has {len(values)} rows, the scores have {len(scores)}")
    return {name: np.asarray(values).astype(str)[scores.label != UNKNOWN_LABEL] for name, values in columns.items()}


def _labelled_readings(scores: Scores, readings: Readings | None) -> Readings | None:
    if readings is None or not readings.names:
        return None
    if len(readings.labels) != len(scores):
        raise ScoresError(f"readings have {len(readings.labels)} rows, the scores have {len(scores)}")
    return readings.take(scores.label != UNKNOWN_LABEL)


def _several_a_unit(units: np.ndarray) -> bool:
    """Whether putting ROIs together by unit would change anything."""
    return len(np.unique(units)) < len(units)


def _distinct(scores: Scores) -> dict[str, int]:
    return {
        "rois": len(np.unique(scores.roi_id)),
        "images": len(np.unique(scores.image)),
        "patients": len(np.unique(scores.patient_id)),
    }
