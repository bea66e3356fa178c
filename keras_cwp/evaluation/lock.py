"""Take a run's decisions once, from all its validation ROIs, for use on other data."""

from __future__ import annotations

from keras_cwp.config import EvaluateConfig
from keras_cwp.evaluation.calibration import fit_temperature
from keras_cwp.evaluation.locked import Locked, as_json
from keras_cwp.evaluation.threshold_choice import choose_threshold
from keras_cwp.evaluation.thresholds import LEVELS, Level, chosen_by, describe_rule, units_of
from keras_cwp.scores import UNKNOWN_LABEL, Scores


def lock(validation: Scores, config: EvaluateConfig) -> Locked:
    """Thresholds and temperature from all validation ROIs of a run together.

    Cross-validation's folds are pooled: other data is scored by the mean of all models, which no single fold's
    threshold is for.

    Args:
        validation: what the models said of their validation ROIs.
    """
    known = validation.take(validation.label != UNKNOWN_LABEL)
    folds = len(set(known.fold.tolist()))
    where = "all validation ROIs of the run" + (f" ({folds} folds together)" if folds > 1 else "")
    return {
        "rule": describe_rule(config),
        "chosen_on": where,
        "patient_rule": config.patient_rule,
        "temperature": fit_temperature(known.label, known.probabilities) if len(known) else None,
        "roi": _thresholds(known, config, "roi"),
        "patient": _thresholds(known, config, "patient"),
        "chosen_by": {level: _chosen_by(known, config, level) for level in LEVELS},
        "patients": len(set(known.patient_id.tolist())),
        "shares": {name: float((known.label == c).mean()) for c, name in enumerate(known.classes)}
        if len(known)
        else {},
    }


def _chosen_by(known: Scores, config: EvaluateConfig, level: Level) -> dict[str, dict[str, int]]:
    if not len(known):
        return {}
    patients, positive, _ = units_of(known, config, level)
    return {name: chosen_by(patients, positive[:, c]) for c, name in enumerate(known.classes)}


def _thresholds(known: Scores, config: EvaluateConfig, level: Level) -> dict[str, float | None]:
    if not len(known):
        return {}
    patients, positive, score = units_of(known, config, level)
    found = {
        name: choose_threshold(positive[:, c], score[:, c], config, patients) for c, name in enumerate(known.classes)
    }
    return {name: as_json(threshold) for name, threshold in found.items() if threshold is not None}
