"""All figures of a Scores table: what metrics.json holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from keras_cwp.config import EvaluateConfig
from keras_cwp.errors import ScoresError
from keras_cwp.evaluation.aggregation import aggregated_figures
from keras_cwp.evaluation.agreement import confusion_matrix
from keras_cwp.evaluation.calibration import calibration_figures
from keras_cwp.evaluation.degenerate import mend_intervals
from keras_cwp.evaluation.delong import delong_figures
from keras_cwp.evaluation.folds import fold_figures
from keras_cwp.evaluation.intervals import Resampled, figure, resample
from keras_cwp.evaluation.roi_metrics import nested, roi_statistic, why_undefined
from keras_cwp.evaluation.statistic import Statistic
from keras_cwp.evaluation.subgroups import subgroup_figures
from keras_cwp.evaluation.thresholds import operating_points
from keras_cwp.scores import UNKNOWN_LABEL, Scores


def evaluate(
    scores: Scores,
    config: EvaluateConfig,
    seed: int,
    validation: Scores | None = None,
    subgroups: Mapping[str, np.ndarray] | None = None,
) -> dict[str, Any]:
    """Figures with 95 % intervals over patients, ready for JSON: no NaN, null with a `reason` instead.

    Args:
        scores: held-out ROIs only (the test part of fit, all folds of cv). Rows without a label are left out.
        config: resamples, bins, rules.
        seed: of the resamples; the same seed, the same intervals.
        validation: what the models said of their validation ROIs, with the same fold numbers; thresholds and
            calibration come from it. None: they are left out, with the reason.
        subgroups: name of a column (site, manufacturer) -> str [rows of `scores`].

    Raises:
        ScoresError: no row has a label; validation of other classes, or with a patient that its fold holds out.
    """
    known = labelled(scores)
    statistic = roi_statistic(known, config)
    resampled = _resample(known, statistic, config, seed)
    found = nested({key: figure(resampled, key, config.interval, why_undefined(key)) for key in resampled.table})
    mend_intervals(found, known)
    decisions = known.probabilities.argmax(axis=1)
    return {
        "classes": list(known.classes),
        "counts": counts(scores),
        "intervals": describe_intervals(config, seed),
        **found,
        "loss": found["log_loss"]["value"],
        "confusion": confusion_matrix(known.label, decisions, len(known.classes)).tolist(),
        "folds": fold_figures(known, config, seed),
        "delong": delong_figures(known),
        "image_level": aggregated_figures(known, "image", config, seed) if _several_a_unit(known.image) else None,
        "patient_level": aggregated_figures(known, "patient", config, seed)
        | {"thresholds": operating_points(known, validation, config, "patient")},
        "thresholds": operating_points(known, validation, config),
        "calibration": calibration_figures(known, validation, config, seed),
        "subgroups": subgroup_figures(known, _of_labelled(scores, subgroups or {}), config, seed),
    }


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
    """How the intervals were made, for whoever reads the file alone."""
    return {
        "level": 0.95,
        "method": f"bootstrap, {config.interval}",
        "unit": "patient",
        "strata": "commonest label of the patient",
        "resamples": config.bootstraps,
        "seed": seed,
    }


def _resample(scores: Scores, statistic: Statistic, config: EvaluateConfig, seed: int) -> Resampled:
    return resample(
        statistic,
        scores.patient_id,
        scores.label,
        resamples=config.bootstraps,
        seed=seed,
        jackknife=config.interval == "bca",
    )


def _of_labelled(scores: Scores, columns: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    for name, values in columns.items():
        if len(values) != len(scores):
            raise ScoresError(f"subgroup column {name!r} has {len(values)} rows, the scores have {len(scores)}")
    return {name: np.asarray(values).astype(str)[scores.label != UNKNOWN_LABEL] for name, values in columns.items()}


def _several_a_unit(units: np.ndarray) -> bool:
    """Whether putting ROIs together by unit would change anything."""
    return len(np.unique(units)) < len(units)


def _distinct(scores: Scores) -> dict[str, int]:
    return {
        "rois": len(np.unique(scores.roi_id)),
        "images": len(np.unique(scores.image)),
        "patients": len(np.unique(scores.patient_id)),
    }
