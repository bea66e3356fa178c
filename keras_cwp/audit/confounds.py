"""Does acquisition predict the label? A model that sees only manufacturer, site, size and the like is asked."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from keras_cwp.data.prepared import PreparedData
from keras_cwp.data.splits import folds
from keras_cwp.evaluation.ranking import macro_estimate
from keras_cwp.evaluation.roc import macro_auc
from keras_cwp.evaluation.score_interval import score_limits

_FOLDS = 5
_NAMED = ("manufacturer", "site", "modality", "view", "photometric", "intent", "file_type", "bits", "side")
_DEPTH, _LEAF = 6, 5


@dataclass(frozen=True)
class Confound:
    """Macro AUC of acquisition alone, cross-validated by patient, with a 95 % interval over patients.

    Args:
        features: the ones that vary in the data set.
        strongest: the feature with the highest AUC by itself, with that AUC.
    """

    auc: float
    low: float
    high: float
    features: tuple[str, ...]
    strongest: str


def confound_auc(data: PreparedData, seed: int = 0) -> Confound | None:
    """Cross-validated prediction of the label from acquisition; None where nothing varies or patients are too few."""
    features = acquisition(data)
    enough = all(len(set(data.patients[data.labels == label].tolist())) >= _FOLDS for label in range(len(data.classes)))
    if not features or not enough:
        return None
    fold = folds(data.patients, data.labels, _FOLDS, seed)
    scores = _predict(np.column_stack(list(features.values())), data.labels, fold, seed)
    alone = {
        name: macro_auc(data.labels, _predict(values[:, None], data.labels, fold, seed))
        for name, values in features.items()
    }
    best = max(alone, key=lambda name: alone[name])
    _, patient = np.unique(data.patients, return_inverse=True)
    estimate = macro_estimate(data.labels, scores, patient, int(patient.max()) + 1)
    limits = None if estimate is None else score_limits(estimate)
    if estimate is None or limits is None:
        return None
    return Confound(estimate.value, *limits, tuple(features), f"{best} (AUC {alone[best]:.3f})")


def acquisition(data: PreparedData) -> dict[str, np.ndarray]:
    """float64 [rois] for each feature that varies; names are numbered, unknown is -1."""
    rows = data.manifest
    columns: dict[str, list[object]] = {name: [row.extra.get(name, "") for row in rows] for name in _NAMED}
    if data.margin and len(set(columns["side"])) < 2:
        columns["side"] = [row.x + row.width / 2 < row.image_width / 2 for row in rows]
    found = {name: np.unique(np.array(values, dtype=str), return_inverse=True)[1] for name, values in columns.items()}
    found["image_width"] = np.array([row.image_width for row in rows])
    found["image_height"] = np.array([row.image_height for row in rows])
    found["spacing_mm"] = np.array([row.spacing_mm or -1 for row in rows])
    return {name: values.astype(np.float64) for name, values in found.items() if len(np.unique(values)) > 1}


def _predict(features: np.ndarray, labels: np.ndarray, fold: np.ndarray, seed: int) -> np.ndarray:
    """Out-of-fold probabilities [rois, classes] of a small tree."""
    from sklearn.tree import DecisionTreeClassifier

    scores = np.zeros((len(labels), labels.max() + 1))
    for held in np.unique(fold):
        train = fold != held
        model = DecisionTreeClassifier(
            max_depth=_DEPTH, min_samples_leaf=_LEAF, random_state=seed, class_weight="balanced"
        )
        scores[~train] = model.fit(features[train], labels[train]).predict_proba(features[~train])
    return scores
