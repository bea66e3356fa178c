"""Architectures compared by several trainings each: seeds are replicates, not models of their own.

The figure of an architecture is the mean macro AUC of its runs. A difference has two sources of chance: the patients,
and the seeds. Their variances are added: of the mean over the runs' contributions of patients, and of the scatter of a
side's runs over their number. What a seed does to a single patient counts in both, so that the sum errs to the safe
side.

Reference: Bouthillier et al., MLSys 2021 (variance of seeds); Satterthwaite, Biometrics Bulletin 2 (1946) 110-114
(degrees of freedom).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
from scipy import stats

from keras_cwp.evaluation.estimates import Estimate, freedom, variance
from keras_cwp.evaluation.holm import holm
from keras_cwp.evaluation.paired import detectable_difference
from keras_cwp.evaluation.ranking import macro_estimate
from keras_cwp.evaluation.score_interval import LEVEL
from keras_cwp.scores import Scores

METHOD = "t test of the mean macro AUC over seeds; variance over patients (DeLong, clustered) plus variance over seeds"
_TOO_FEW = "needs two patients with each class and two without"
_ONE_SEED = "no side has two runs, so nothing shows how far seeds scatter"


def compare_sides(sides: Mapping[str, Sequence[Scores]]) -> list[dict[str, Any]]:
    """Every pair of architectures, first minus second, ready for JSON.

    Args:
        sides: name → scores of its runs, all in one order of rows (`alignment.align`).

    Returns:
        For each pair `first`, `second`, `value`, `ci95`, `p` and `p_holm` (None with a `reason`), `runs` of either
        side, `seed_sd`: standard deviation of the macro AUC over the runs of a side, None for one run; `detectable`:
        difference that would be found in 80 % of studies with as many patients and seeds.
    """
    found = [{"first": a, "second": b, **_difference(sides[a], sides[b])} for a, b in combinations(sides, 2)]
    p = holm(np.array([np.nan if own["p"] is None else own["p"] for own in found]))
    return [own | {"p_holm": None if np.isnan(value) else value} for own, value in zip(found, p.tolist(), strict=True)]


def _difference(first: Sequence[Scores], second: Sequence[Scores]) -> dict[str, Any]:
    both = [_areas(runs) for runs in (first, second)]
    sizes = [len(first), len(second)]
    if any(part is None for part in (*both[0], *both[1])):
        return {"value": None, "ci95": None, "p": None, "runs": sizes, "seed_sd": [None, None], "reason": _TOO_FEW}
    values = [np.array([part.value for part in side if part is not None]) for side in both]
    deviations = [float(np.std(own, ddof=1)) if len(own) > 1 else None for own in values]
    value = float(values[0].mean() - values[1].mean())
    head = {"value": value, "runs": sizes, "seed_sd": deviations}
    means = [np.mean([part.arms for part in side if part is not None], axis=0) for side in both]
    one = both[0][0]
    assert one is not None
    if one.freedom < 1:
        return {**head, "ci95": None, "p": None, "reason": _TOO_FEW}
    if max(sizes) < 2:
        return {**head, "ci95": None, "p": None, "reason": _ONE_SEED}
    arms = means[0] - means[1]
    parts = [(variance(arms, one.sizes, one.means), freedom(arms, one.sizes, one.means)), *_of_seeds(values)]
    spread = sum(own for own, _ in parts)
    if not spread > 0:
        return {**head, "ci95": None, "p": None, "reason": "the two sides rank these ROIs alike"}
    left = spread**2 / sum(own**2 / degrees for own, degrees in parts)
    error = float(np.sqrt(spread))
    half = float(stats.t.ppf((1 + LEVEL) / 2, left)) * error
    p = float(2 * stats.t.sf(abs(value) / error, left))
    return {**head, "ci95": [value - half, value + half], "p": p, "detectable": detectable_difference(error, left)}


def _areas(runs: Sequence[Scores]) -> list[Estimate | None]:
    names, patient = np.unique(runs[0].patient_id, return_inverse=True)
    return [macro_estimate(own.label, own.probabilities, patient, len(names)) for own in runs]


def _of_seeds(values: Sequence[np.ndarray]) -> list[tuple[float, float]]:
    """Variance of each side's mean over its runs, with degrees of freedom; a single run scatters as the others do."""
    known = [own for own in values if len(own) > 1]
    squares = sum(float(((own - own.mean()) ** 2).sum()) for own in known)
    pooled = squares / sum(len(own) - 1 for own in known)
    degrees = float(sum(len(own) - 1 for own in known))
    if len(known) < len(values):
        return [(pooled * sum(1 / len(own) for own in values), degrees)]
    return [(float(np.var(own, ddof=1)) / len(own), float(len(own) - 1)) for own in values]
