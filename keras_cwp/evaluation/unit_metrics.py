"""Metrics with images or patients as the cases, and what the number of their ROIs alone would achieve."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_cwp.config import EvaluateConfig
from keras_cwp.evaluation.aggregation import RULES, Aggregated, Unit, aggregate, aggregate_questions
from keras_cwp.evaluation.intervals import Figure, Measured, with_intervals
from keras_cwp.evaluation.metric_table import why_undefined
from keras_cwp.evaluation.ranking import auc_estimates, auc_statistic, average_precision_statistic
from keras_cwp.evaluation.roi_metrics import Order, behind_classes, perfect_of_classes
from keras_cwp.evaluation.statistic import Key, nested
from keras_cwp.scores import Scores

NORMAL_NAMES = ("normal", "no_finding", "no finding", "healthy", "negative", "none")
_COUNT_TELLS = 0.6  # AUC of the number of ROIs from which on it deserves a caution


def unit_figures(scores: Scores, by: Unit, config: EvaluateConfig, seed: int, order: Order = None) -> dict[str, Any]:
    """AUC and average precision of images or patients, intervals over patients, ready for JSON.

    Returns:
        `rule`, `meaning`, `units`, `positives`; `auc`, `average_precision`; `roi_count`: AUCs of the number of ROIs
        alone; `questions`: any disease and, with an order, disease of at least a class; `cautions`.
    """
    units = aggregate(scores, by, config.patient_rule)
    what = f"a class's score of {'a' if by == 'patient' else 'an'} {by} is {RULES[config.patient_rule]}"
    count = _areas(units, np.repeat(units.rois[:, None], len(scores.classes), axis=1), scores.classes, config, seed)
    return {
        "rule": config.patient_rule,
        "meaning": what,
        "units": len(units.unit),
        "positives": dict(zip(scores.classes, units.positive.sum(axis=0).tolist(), strict=True)),
        **nested(_ranked(units, scores.classes, config, seed, by)),
        "roi_count": nested(count)["auc"],
        "questions": _questions(scores, by, config, seed, order),
        "cautions": _cautions(count, config, by),
    }


def normal_class(classes: Sequence[str], config: EvaluateConfig, order: Order) -> str | None:
    """The class without disease: as configured, the first in order, or the one with a name that says so."""
    if config.normal in classes:
        return config.normal
    if order is not None:
        return order[0]
    named = [name for name in classes if name.strip().lower() in NORMAL_NAMES]
    return named[0] if len(named) == 1 else None


def question_columns(scores: Scores, config: EvaluateConfig, order: Order) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Questions about disease beyond single classes.

    Returns:
        names; bool [rows, questions], the truth; float [rows, questions], summed probabilities of the classes meant.
    """
    meant: dict[str, list[str]] = {}
    healthy = normal_class(scores.classes, config, order)
    if healthy is not None:
        meant["any_disease"] = [name for name in scores.classes if name != healthy]
    for start in range(2, len(order or ())):
        assert order is not None
        meant[f"at_least {order[start]}"] = list(order[start:])
    columns = [np.array([scores.classes.index(name) for name in names]) for names in meant.values()]
    truth = [np.isin(scores.label, own) for own in columns]
    probability = [scores.probabilities[:, own].sum(axis=1) for own in columns]
    shape = (len(scores), len(columns))
    return list(meant), np.array(truth).T.reshape(shape), np.array(probability).T.reshape(shape)


def _questions(scores: Scores, by: Unit, config: EvaluateConfig, seed: int, order: Order) -> dict[str, Any]:
    names, truth, probability = question_columns(scores, config, order)
    if not names:
        return {}
    units = aggregate_questions(scores, by, config.patient_rule, truth, probability)
    areas = _areas(units, units.score, tuple(names), config, seed)
    return {
        name: {"auc": areas["auc", "per_class", name], "positives": int(units.positive[:, column].sum())}
        for column, name in enumerate(names)
    }


def _ranked(
    units: Aggregated, classes: tuple[str, ...], config: EvaluateConfig, seed: int, by: Unit
) -> dict[Key, Figure]:
    names, patient = np.unique(units.patient_id, return_inverse=True)
    reason = f"needs {by}s with ROIs of the class and {by}s without"
    kinds = ("average_precision",)
    table = Measured(
        units.patient_id,
        average_precision_statistic(units.positive, units.score, classes),
        auc_statistic(units.positive, units.score, classes),
        auc_estimates(units.positive, units.score, classes, patient, len(names)),
        behind_classes(units.positive, patient, classes, kinds),
        perfect_of_classes(units.positive, patient, classes, kinds),
        lambda key: reason if key[0] == "auc" else why_undefined(key),
    )
    return with_intervals(table, config, seed)


def _areas(
    units: Aggregated, score: np.ndarray, classes: tuple[str, ...], config: EvaluateConfig, seed: int
) -> dict[Key, Figure]:
    names, patient = np.unique(units.patient_id, return_inverse=True)
    table = Measured(
        units.patient_id,
        lambda _: {},
        auc_statistic(units.positive, score, classes),
        auc_estimates(units.positive, score, classes, patient, len(names)),
        why_undefined=why_undefined,
    )
    return with_intervals(table, config, seed)


def _cautions(count: dict[Key, Figure], config: EvaluateConfig, by: Unit) -> list[str]:
    area = count["auc", "macro"]["value"]
    if area is None or area < _COUNT_TELLS:
        return []
    found = [
        f"The number of ROIs alone ranks {by}s with an AUC of {area:.3f}: that number and the disease go together."
    ]
    if config.patient_rule in ("max", "noisy_or"):
        found.append(
            f"The rule {config.patient_rule} rises with the number of ROIs, so part of the {by}s' AUC may come from "
            "it. The rule mean_logit does not."
        )
    return found
