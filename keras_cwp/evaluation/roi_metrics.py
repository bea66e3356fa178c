"""The figures of ROIs that metrics.json names at its top level."""

from __future__ import annotations

from typing import Any

from keras_cwp.config import EvaluateConfig
from keras_cwp.evaluation.agreement import agreement_statistic
from keras_cwp.evaluation.probability import probability_statistic
from keras_cwp.evaluation.ranking import hand_till_statistic, ranking_statistic
from keras_cwp.evaluation.roc import one_vs_rest
from keras_cwp.evaluation.statistic import Key, Statistic, joined
from keras_cwp.scores import Scores

_WHY_UNDEFINED = {
    "auc": "needs ROIs of the class and ROIs of other classes",
    "average_precision": "needs ROIs of the class and ROIs of other classes",
    "f1": "no ROI is of this class and none was given to it",
    "kappa": "labels and decisions are all of one class",
    "mcc": "labels or decisions are all of one class",
}


def roi_statistic(scores: Scores, config: EvaluateConfig) -> Statistic:
    """Every ROI-level figure of labelled rows, as a function of row weights."""
    classes, labels = scores.classes, scores.label
    return joined(
        ranking_statistic(one_vs_rest(labels, len(classes)), scores.probabilities, classes),
        hand_till_statistic(labels, scores.probabilities, classes),
        agreement_statistic(labels, scores.probabilities.argmax(axis=1), classes),
        probability_statistic(labels, scores.probabilities, config.calibration_bins),
    )


def nested(figures: dict[Key, Any]) -> dict[str, Any]:
    """("auc", "macro") becomes ["auc"]["macro"]."""
    tree: dict[str, Any] = {}
    for key, value in figures.items():
        branch = tree
        for name in key[:-1]:
            branch = branch.setdefault(name, {})
        branch[key[-1]] = value
    return tree


def why_undefined(key: Key) -> str:
    return _WHY_UNDEFINED.get(key[0], "undefined on this table")
