"""Two or more models on the same held-out ROIs: is one better, or do these patients merely favour it?"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import Any

import numpy as np
from scipy import stats

from keras_cwp.config import EvaluateConfig
from keras_cwp.errors import ScoresError
from keras_cwp.evaluation.delong import clustered_delong, clustered_variance, macro_influence
from keras_cwp.evaluation.intervals import LEVEL, figure, resample
from keras_cwp.evaluation.ranking import weighted_auc
from keras_cwp.evaluation.roc import one_vs_rest
from keras_cwp.evaluation.statistic import Key, Statistic
from keras_cwp.scores import Scores


def compare(runs: Mapping[str, Scores], config: EvaluateConfig, seed: int) -> dict[str, Any]:
    """Every pair of runs: differences (first minus second) with intervals and p values, ready for JSON.

    Args:
        runs: name -> labelled held-out Scores; the rows may stand in any order.
        config: resamples of the bootstrap.
        seed: of the resamples.

    Returns:
        `pairs`: for each pair `delong` (macro, per_class), `bootstrap` (macro AUC and accuracy) and `mcnemar`; each
        test's p values also corrected by Holm over all pairs, as `p_holm`.

    Raises:
        ScoresError: fewer than two runs, or runs whose ROIs, patients, folds or labels differ.
    """
    if len(runs) < 2:
        raise ScoresError(f"comparison: got {len(runs)} run, a comparison needs at least two")
    aligned = align(runs)
    pairs = [
        {"first": a, "second": b, **_pair(aligned[a], aligned[b], config, seed)} for a, b in combinations(aligned, 2)
    ]
    for path in (("delong", "macro"), ("bootstrap", "macro"), ("bootstrap", "accuracy"), ("mcnemar",)):
        _correct([_at(pair, path) for pair in pairs])
    return {"runs": list(runs), "correction": f"Holm over {len(pairs)} pairs, test by test", "pairs": pairs}


def align(runs: Mapping[str, Scores]) -> dict[str, Scores]:
    """All runs in the row order of the first.

    Raises:
        ScoresError: a run whose classes, ROIs, folds, patients or labels are not those of the first.
    """
    (first, reference), *_ = runs.items()
    order = _by_name(reference)
    aligned = {}
    for name, scores in runs.items():
        if scores.classes != reference.classes:
            raise ScoresError(f"run {name} has classes {scores.classes}, run {first} {reference.classes}")
        own = _by_name(scores)
        rows = np.empty(len(scores), dtype=int)
        if len(scores) == len(reference):
            rows[order] = own
        for column in ("roi_id", "fold", "patient_id", "label"):
            _assert_same(column, (first, reference), (name, scores), rows)
        aligned[name] = scores.take(rows)
    return aligned


def paired_delong(first: Scores, second: Scores) -> dict[str, Any]:
    """Difference of AUCs, patients as clusters: macro, and each class by Obuchowski's covariance."""
    labels, patients = first.label, first.patient_id
    a, influence_a = macro_influence(labels, first.probabilities)
    b, influence_b = macro_influence(labels, second.probabilities)
    macro = _wald(a - b, clustered_variance(influence_a - influence_b, patients))
    positive = one_vs_rest(labels, len(first.classes))
    per_class = {}
    for c, name in enumerate(first.classes):
        if min(len(np.unique(patients[positive[:, c]])), len(np.unique(patients[~positive[:, c]]))) < 2:
            per_class[name] = _wald(float("nan"), float("nan"))
            continue
        scores = np.stack([first.probabilities[:, c], second.probabilities[:, c]], axis=1)
        areas, covariance = clustered_delong(positive[:, c], scores, patients)
        contrast = np.array([1.0, -1.0])
        per_class[name] = _wald(float(areas @ contrast), float(contrast @ covariance @ contrast))
    return {"macro": macro, "per_class": per_class}


def mcnemar(first_right: np.ndarray, second_right: np.ndarray, patients: np.ndarray) -> dict[str, Any]:
    """Do two models err equally often? Exact on ROIs, and adjusted for several ROIs a patient.

    Args:
        first_right, second_right: bool [rows], whether each model was right.
        patients: str or int [rows].

    Returns:
        `first_only`, `second_only`: ROIs that one alone got right; `p_rois`: exact binomial, as if ROIs were
        independent; `p`: Durkalski's chi-squared over patients, which is the one to quote.

    Reference: Durkalski et al., Statistics in Medicine 22 (2003) 2417-2428.
    """
    difference = first_right.astype(int) - second_right.astype(int)
    first_only, second_only = int((difference > 0).sum()), int((difference < 0).sum())
    _, patient = np.unique(patients, return_inverse=True)
    of_patient = np.bincount(patient, weights=difference) / np.bincount(patient)
    squares = (of_patient**2).sum()
    clustered = float(stats.chi2.sf(of_patient.sum() ** 2 / squares, 1)) if squares > 0 else 1.0
    discordant = first_only + second_only
    exact = float(stats.binomtest(first_only, discordant).pvalue) if discordant else 1.0
    return {"first_only": first_only, "second_only": second_only, "p_rois": exact, "p": clustered}


def holm(p: np.ndarray) -> np.ndarray:
    """p values corrected for their number by Holm's step-down rule; NaN stays and does not count.

    Reference: Holm, Scandinavian Journal of Statistics 6 (1979) 65-70.
    """
    corrected = np.full(len(p), np.nan)
    known = np.flatnonzero(~np.isnan(p))
    order = known[np.argsort(p[known], kind="stable")]
    factors = len(known) - np.arange(len(known))
    corrected[order] = np.minimum(np.maximum.accumulate(p[order] * factors), 1.0)
    return corrected


def _pair(first: Scores, second: Scores, config: EvaluateConfig, seed: int) -> dict[str, Any]:
    right = [scores.probabilities.argmax(axis=1) == scores.label for scores in (first, second)]
    return {
        "delong": paired_delong(first, second),
        "bootstrap": _bootstrap(first, second, config, seed),
        "mcnemar": mcnemar(right[0], right[1], first.patient_id),
    }


def _bootstrap(first: Scores, second: Scores, config: EvaluateConfig, seed: int) -> dict[str, Any]:
    """Both models on the same resamples; p: twice the share of resamples on the other side of zero."""
    resampled = resample(
        _difference(first, second), first.patient_id, first.label, resamples=config.bootstraps, seed=seed
    )
    found = {}
    for key in resampled.table:
        found[key[0]] = figure(resampled, key, "percentile", "needs ROIs of each class")
        drawn = resampled.bootstrap.get(key, np.empty(0))
        drawn = drawn[~np.isnan(drawn)]
        beyond = min((drawn <= 0).sum(), (drawn >= 0).sum())
        found[key[0]]["p"] = min(2 * (float(beyond) + 1) / (len(drawn) + 1), 1.0) if len(drawn) else None
    return found


def _difference(first: Scores, second: Scores) -> Statistic:
    positive = one_vs_rest(first.label, len(first.classes))
    usable = [c for c in range(len(first.classes)) if 0 < positive[:, c].sum() < len(positive)]
    areas = [[weighted_auc(positive[:, c], scores.probabilities[:, c]) for c in usable] for scores in (first, second)]
    right = [(scores.probabilities.argmax(axis=1) == scores.label).astype(float) for scores in (first, second)]

    def statistic(weights: np.ndarray) -> dict[Key, np.ndarray]:
        nothing = np.full(weights.shape[1], np.nan)
        macro = [np.mean([area(weights) for area in own], axis=0) if own else nothing for own in areas]
        accuracy = (right[0] - right[1]) @ weights / weights.sum(axis=0)
        return {("macro",): macro[0] - macro[1], ("accuracy",): accuracy}

    return statistic


def _wald(difference: float, variance: float) -> dict[str, Any]:
    if np.isnan(difference):
        return {"value": None, "ci95": None, "p": None, "reason": "too few patients with the class, or without it"}
    if np.isnan(variance) or variance <= 0:
        return {"value": difference, "ci95": None, "p": None, "reason": "the two models rank these ROIs alike"}
    error = np.sqrt(variance)
    half = stats.norm.ppf((1 + LEVEL) / 2) * error
    p = float(2 * stats.norm.sf(abs(difference) / error))
    return {"value": difference, "ci95": [difference - half, difference + half], "p": p}


def _correct(tests: list[dict[str, Any]]) -> None:
    corrected = holm(np.array([np.nan if test["p"] is None else test["p"] for test in tests]))
    for test, p in zip(tests, corrected, strict=True):
        test["p_holm"] = None if np.isnan(p) else float(p)


def _at(tree: dict[str, Any], path: tuple[str, ...]) -> dict[str, Any]:
    for name in path:
        tree = tree[name]
    return tree


def _by_name(scores: Scores) -> np.ndarray:
    return np.lexsort((scores.fold, scores.roi_id))


def _assert_same(column: str, first: tuple[str, Scores], second: tuple[str, Scores], rows: np.ndarray) -> None:
    (name_a, a), (name_b, b) = first, second
    if len(a) != len(b):
        raise ScoresError(f"run {name_a} holds out {len(a)} ROIs, run {name_b} {len(b)}; give both the same --split")
    differ = np.flatnonzero(getattr(a, column) != getattr(b, column)[rows])
    if len(differ):
        row = int(differ[0])
        raise ScoresError(
            f"runs {name_a} and {name_b} differ in {column} ({len(differ)} ROIs, first {a.roi_id[row]}: "
            f"{getattr(a, column)[row]} and {getattr(b, column)[rows[row]]}); give both the same --split"
        )
