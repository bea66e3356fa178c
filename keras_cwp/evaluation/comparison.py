"""Two or more models on the same held-out ROIs: is one better, or do these patients merely favour it?"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import Any

import numpy as np
from scipy import stats
from scipy.optimize import brentq

from keras_cwp.config import EvaluateConfig
from keras_cwp.errors import ScoresError
from keras_cwp.evaluation.alignment import align
from keras_cwp.evaluation.flips import MOST_EXACT, auc_amounts, sign_flip_p
from keras_cwp.evaluation.holm import holm
from keras_cwp.evaluation.intervals import figure
from keras_cwp.evaluation.paired import FEW_FOR_TEST, POWER, agreeing, detectable_difference, paired_delong
from keras_cwp.evaluation.ranking import weighted_auc
from keras_cwp.evaluation.resampling import resample
from keras_cwp.evaluation.roc import one_vs_rest
from keras_cwp.evaluation.score_interval import LEVEL
from keras_cwp.evaluation.statistic import Key, Statistic
from keras_cwp.scores import Scores


def compare(runs: Mapping[str, Scores], config: EvaluateConfig, seed: int) -> dict[str, Any]:
    """Every pair of runs: differences (first minus second) with intervals and p values, ready for JSON.

    Args:
        runs: name -> labelled held-out Scores; the rows may stand in any order.
        config: resamples of the bootstrap; margin of non-inferiority.
        seed: of the resamples.

    Returns:
        `pairs`: for each pair `delong` (macro, per_class; see `paired.Difference`), `bootstrap` (macro AUC and
        accuracy) and `mcnemar`; each test's p values also corrected by Holm over all pairs (classes: over classes and
        pairs), as `p_holm`. `cautions`: sentences that belong above the table.

    Raises:
        ScoresError: fewer than two runs, or runs whose ROIs, patients, folds or labels differ.
    """
    if len(runs) < 2:
        raise ScoresError(f"comparison: got {len(runs)} run, a comparison needs at least two")
    aligned = align(runs)
    pairs = [
        {"first": a, "second": b, **_pair(aligned[a], aligned[b], config, seed)} for a, b in combinations(aligned, 2)
    ]
    many = f"{len(pairs)} pair{'s' * (len(pairs) != 1)}"
    return {
        "runs": list(runs),
        "correction": f"Holm over {many}, test by test (single classes: over classes and pairs)",
        "pairs": _corrected(pairs),
        "cautions": _cautions(next(iter(aligned.values()))),
    }


def mcnemar(first_right: np.ndarray, second_right: np.ndarray, patients: np.ndarray) -> dict[str, Any]:
    """Do two models err equally often? Exact on ROIs, and over patients.

    Args:
        first_right, second_right: bool [rows], whether each model was right.
        patients: str or int [rows].

    Returns:
        `first_only`, `second_only`: ROIs that one alone got right; `p_rois`: exact binomial, as if ROIs were
        independent; `p`: sign flips of patients' differences, exact for up to 16 patients who differ, which is the one
        to quote. With one ROI a patient it is McNemar's exact test. `detectable`: difference of the shares of right
        ROIs that would be found in 80 % of studies with as many patients who differ; None with `why_not_detectable`.
    """
    difference = first_right.astype(int) - second_right.astype(int)
    first_only, second_only = int((difference > 0).sum()), int((difference < 0).sum())
    _, patient = np.unique(patients, return_inverse=True)
    of_patient = np.bincount(patient, weights=difference)
    discordant = first_only + second_only
    exact = float(stats.binomtest(first_only, discordant).pvalue) if discordant else 1.0
    return {
        "first_only": first_only,
        "second_only": second_only,
        "patients_who_differ": int(np.count_nonzero(of_patient)),
        "p_rois": exact,
        "p": sign_flip_p(of_patient),
        **_detectable(of_patient, len(difference)),
    }


def _detectable(of_patient: np.ndarray, rows: int) -> dict[str, Any]:
    """The number of patients who differ gives the power exactly, where each of them counts the same.

    Given their number, those who favour the first model are binomial: McNemar, Psychometrika 12 (1947) 153-157.

    Args:
        of_patient: int [patients], ROIs that the first model alone got right minus those that the second alone did.
        rows: ROIs.
    """
    amounts = np.abs(of_patient[of_patient != 0])
    patients = len(amounts)
    needed = int(stats.binom.isf((1 - LEVEL) / 2, patients, 0.5)) + 1 if patients else 1  # on one side, for p < .05
    if needed > patients:
        return {"detectable": None, "why_not_detectable": f"{patients} patients who differ allow no p value below .05"}
    if (amounts != amounts[0]).any():
        reason = "patients differ by unequal numbers of ROIs, so how many differ does not fix the power"
        return {"detectable": None, "why_not_detectable": reason}
    share = brentq(lambda own: stats.binom.sf(needed - 1, patients, own) - POWER, 0.5, 1)
    return {"detectable": float((2 * share - 1) * amounts.sum() / rows)}


def _pair(first: Scores, second: Scores, config: EvaluateConfig, seed: int) -> dict[str, Any]:
    right = [scores.probabilities.argmax(axis=1) == scores.label for scores in (first, second)]
    return {
        "delong": paired_delong(first, second, config.margin),
        "bootstrap": _bootstrap(first, second, config, seed),
        "mcnemar": mcnemar(right[0], right[1], first.patient_id),
    }


def _bootstrap(first: Scores, second: Scores, config: EvaluateConfig, seed: int) -> dict[str, Any]:
    """Both models on the same resamples.

    The p value is the level at which the interval would just touch 0, and at least that of sign flips of patients.
    Where there is no interval there is no p value. `detectable`: see `paired.Difference`.
    """
    resampled = resample(_difference(first, second), first.patient_id, resamples=config.bootstraps, seed=seed)
    flips, found = _flips(first, second), {}
    for key in resampled.table:
        behind = _rarest(first) if key[0] == "macro" else resampled.patients
        own: dict[str, Any] = {**figure(resampled, key, "percentile", "needs ROIs of each class", behind), "p": None}
        if own["ci95"] is not None:
            drawn = resampled.bootstrap[key]
            drawn = drawn[~np.isnan(drawn)]
            own["p"] = max(_touching(drawn, behind), flips[key[0]])
            error = float(drawn.std(ddof=1)) * (behind / (behind - 1)) ** 0.5  # resamples of n spread too little
            own["detectable"] = detectable_difference(error, behind - 1)
            own["ci95"] = agreeing(own["ci95"], own["p"])
        elif not np.isnan(resampled.table[key]) and abs(resampled.table[key]) < 1e-12:
            own["p"] = 1.0 if own["reason"].startswith("every") else None
        found[key[0]] = own
    return found


def _touching(drawn: np.ndarray, patients: int) -> float:
    """Two-sided p value of 0 by `intervals.percentile`'s rule, read backwards."""
    beyond = (min((drawn <= 0).sum(), (drawn >= 0).sum()) + 1) / (len(drawn) + 1)
    quantile = stats.norm.isf(min(beyond, 0.5)) / np.sqrt(patients / (patients - 1))
    return float(2 * stats.t.sf(quantile, patients - 1))


def _rarest(scores: Scores) -> int:
    """Patients of the class that the fewest have."""
    return min(len(np.unique(scores.patient_id[scores.label == label])) for label in np.unique(scores.label))


def _usable(scores: Scores) -> tuple[np.ndarray, list[int]]:
    positive = one_vs_rest(scores.label, len(scores.classes))
    return positive, [c for c in range(len(scores.classes)) if 0 < positive[:, c].sum() < len(positive)]


def _flips(first: Scores, second: Scores) -> dict[str, float]:
    names, patient = np.unique(first.patient_id, return_inverse=True)
    positive, usable = _usable(first)
    amounts = [
        auc_amounts(positive[:, c], first.probabilities[:, c], second.probabilities[:, c], patient, len(names))
        for c in usable
    ]
    right = [(scores.probabilities.argmax(axis=1) == scores.label).astype(float) for scores in (first, second)]
    return {
        "macro": sign_flip_p(np.sum(amounts, axis=0)) if amounts else 1.0,
        "accuracy": sign_flip_p(np.bincount(patient, weights=right[0] - right[1])),
    }


def _difference(first: Scores, second: Scores) -> Statistic:
    positive, usable = _usable(first)
    areas = [[weighted_auc(positive[:, c], scores.probabilities[:, c]) for c in usable] for scores in (first, second)]
    right = [(scores.probabilities.argmax(axis=1) == scores.label).astype(float) for scores in (first, second)]

    def statistic(weights: np.ndarray) -> dict[Key, np.ndarray]:
        nothing = np.full(weights.shape[1], np.nan)
        macro = [np.mean([area(weights) for area in own], axis=0) if own else nothing for own in areas]
        accuracy = (right[0] - right[1]) @ weights / weights.sum(axis=0)
        return {("macro",): macro[0] - macro[1], ("accuracy",): accuracy}

    return statistic


def _corrected(pairs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The pairs with `p_holm` beside each p."""
    families: list[list[Key]] = [
        [("delong", "macro")],
        [("bootstrap", "macro")],
        [("bootstrap", "accuracy")],
        [("mcnemar",)],
        [("delong", "per_class", name) for name in (pairs[0]["delong"]["per_class"] if pairs else ())],
    ]
    corrected: dict[tuple[int, Key], float | None] = {}
    for family in families:
        members = [(number, path) for number in range(len(pairs)) for path in family]
        p = [_at(pairs[number], path)["p"] for number, path in members]
        values = holm(np.array([np.nan if own is None else own for own in p]))
        for member, value in zip(members, values.tolist(), strict=True):
            corrected[member] = None if np.isnan(value) else value
    return [_with_holm(pair, (), number, corrected) for number, pair in enumerate(pairs)]


def _with_holm(tree: Any, path: Key, number: int, corrected: Mapping[tuple[int, Key], float | None]) -> Any:
    if not isinstance(tree, dict):
        return tree
    found = {key: _with_holm(value, (*path, key), number, corrected) for key, value in tree.items()}
    return found | {"p_holm": corrected[number, path]} if (number, path) in corrected else found


def _cautions(scores: Scores) -> list[str]:
    """What the number of patients forbids to conclude."""
    sizes = {name: len(np.unique(scores.patient_id[scores.label == c])) for c, name in enumerate(scores.classes)}
    few = {name: size for name, size in sizes.items() if size < FEW_FOR_TEST}
    patients = len(np.unique(scores.patient_id))
    found = []
    if few:
        have = ", ".join(f"{size} with {name}" for name, size in few.items())
        found.append(
            f"Few patients ({have}): these tests find only very large differences; finding none does not show that "
            "there is none."
        )
    if patients <= MOST_EXACT:
        smallest = 2 / 2**patients
        found.append(f"{patients} patients allow no p value below {smallest:.2g}, however the models differ.")
    return found


def _at(tree: dict[str, Any], path: tuple[str, ...]) -> dict[str, Any]:
    for name in path:
        tree = tree[name]
    return tree
