"""95 % intervals: bootstrap over patients (percentile and BCa), and Wilson's for proportions.

The patient is the unit: ROIs of a patient are alike, and intervals that resample ROIs come out too narrow.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import stats

from keras_cwp.evaluation.statistic import Key, Statistic, on_table

LEVEL = 0.95
MOST_UNDEFINED = 0.05  # share of resamples in which a figure may be undefined before its interval is withheld
_BLOCK_ELEMENTS = 2**17  # of a weight matrix: about what stays in a core's cache


@dataclass(frozen=True, eq=False)
class Resampled:
    """A statistic on the table, on bootstrap resamples and with each patient left out.

    Args:
        table: figure -> value on the table.
        bootstrap: figure -> float [resamples].
        jackknife: figure -> float [patients]; empty where only percentiles are wanted.
        patients: how many there are.
    """

    table: dict[Key, float]
    bootstrap: dict[Key, np.ndarray]
    jackknife: dict[Key, np.ndarray]
    patients: int


def resample(
    statistic: Statistic,
    patients: np.ndarray,
    labels: np.ndarray,
    *,
    resamples: int,
    seed: int,
    jackknife: bool = False,
) -> Resampled:
    """Compute a statistic on resamples of patients, drawn within strata of the patients' commonest label.

    Args:
        patients: str or int [rows]; rows of one patient are drawn together.
        labels: int [rows].
        seed: the same seed gives the same resamples for any statistic of the same rows: paired by construction.
        jackknife: also leave out each patient once (BCa needs it).
    """
    names, patient = np.unique(patients, return_inverse=True)
    rng = np.random.default_rng([seed, len(names)])
    layers = strata(patient, labels)
    width = max(8, _BLOCK_ELEMENTS // max(len(labels), 1))
    sizes = [min(width, resamples - start) for start in range(0, resamples, width)]
    drawn = [statistic(draw_patients(layers, size, rng)[patient]) for size in sizes] if len(names) > 1 else []
    left_out = []
    if jackknife and len(names) > 1:
        for start in range(0, len(names), width):
            columns = np.arange(start, min(start + width, len(names)))
            left_out.append(statistic((patient[:, None] != columns).astype(float)))
    return Resampled(on_table(statistic, len(labels)), _side_by_side(drawn), _side_by_side(left_out), len(names))


def strata(patient: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """int [patients]: the commonest label of each patient, the rarer class where two are equally common.

    A stratum of one patient would never vary; it joins the next rarer or, failing that, the next commoner one.

    Args:
        patient: int [rows], 0 to patients - 1.
        labels: int [rows].
    """
    classes = int(labels.max()) + 1 if len(labels) else 1
    counts = np.zeros((int(patient.max()) + 1, classes))
    np.add.at(counts, (patient, labels), 1)
    rarest_first = np.argsort(counts.sum(axis=0), kind="stable")
    stratum = np.argmax(counts[:, rarest_first], axis=1)
    for layer in np.unique(stratum):
        others = np.unique(stratum[stratum != layer])
        if np.count_nonzero(stratum == layer) == 1 and len(others):
            stratum[stratum == layer] = others[max(np.searchsorted(others, layer) - 1, 0)]
    return stratum


def draw_patients(stratum: np.ndarray, resamples: int, rng: np.random.Generator) -> np.ndarray:
    """float [patients, resamples]: how often each patient is drawn, with replacement within its stratum."""
    counts = np.zeros((len(stratum), resamples))
    for layer in np.unique(stratum):
        members = np.flatnonzero(stratum == layer)
        draw = rng.integers(len(members), size=(len(members), resamples))
        flat = np.bincount((draw * resamples + np.arange(resamples)).ravel(), minlength=draw.size)
        counts[members] = flat.reshape(draw.shape)
    return counts


def percentile(bootstrap: np.ndarray) -> tuple[float, float]:
    """The central 95 % of defined resamples."""
    tail = (1 - LEVEL) / 2
    lower, upper = np.quantile(bootstrap[~np.isnan(bootstrap)], [tail, 1 - tail])
    return float(lower), float(upper)


def bca(value: float, bootstrap: np.ndarray, jackknife: np.ndarray) -> tuple[float, float]:
    """Bias-corrected and accelerated interval; the percentile one where the correction is not finite.

    Args:
        value: on the table.
        bootstrap: float [resamples]; NaN where undefined.
        jackknife: float [patients], each patient left out; NaN where undefined.

    Reference: Efron, Journal of the American Statistical Association 82 (1987) 171-185.
    """
    drawn = bootstrap[~np.isnan(bootstrap)]
    below = (np.count_nonzero(drawn < value) + np.count_nonzero(drawn == value) / 2) / len(drawn)
    pull = np.nanmean(jackknife) - jackknife[~np.isnan(jackknife)] if np.isfinite(jackknife).any() else np.zeros(1)
    spread = (pull**2).sum()
    if not 0 < below < 1 or spread == 0:
        return percentile(bootstrap)
    bias, acceleration = stats.norm.ppf(below), (pull**3).sum() / (6 * spread**1.5)
    shifted = bias + stats.norm.ppf([(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    lower, upper = np.quantile(drawn, stats.norm.cdf(bias + shifted / (1 - acceleration * shifted)))
    return float(lower), float(upper)


def wilson(successes: float, trials: float) -> tuple[float, float]:
    """Wilson's score interval of a proportion; trials may be an effective, fractional number.

    Reference: Wilson, Journal of the American Statistical Association 22 (1927) 209-212.
    """
    z2 = stats.norm.ppf((1 + LEVEL) / 2) ** 2
    share = successes / trials
    middle = (share + z2 / (2 * trials)) / (1 + z2 / trials)
    half = np.sqrt(z2 * (share * (1 - share) / trials + z2 / (4 * trials**2))) / (1 + z2 / trials)
    return float(max(middle - half, 0.0)), float(min(middle + half, 1.0))


def clustered_wilson(success: np.ndarray, patients: np.ndarray) -> tuple[float, float] | None:
    """Wilson's interval with as many trials as the rows are worth, given how alike a patient's rows are.

    The design effect is the ratio estimator's variance over patients, divided by the binomial variance (at least 1).
    Where all rows agree it cannot be estimated, and each patient counts as one trial.

    Args:
        success: bool [rows], the rows that the proportion is of.
        patients: str or int [rows].

    Returns:
        None for no rows.

    Reference: Rao and Scott, Biometrics 48 (1992) 577-585.
    """
    if not len(success):
        return None
    names, patient = np.unique(patients, return_inverse=True)
    share, rows, clusters = float(success.mean()), len(success), len(names)
    trials = float(clusters)
    if 0 < share < 1 and clusters > 1:
        residual = np.bincount(patient, weights=success - share)
        variance = clusters / (clusters - 1) * (residual**2).sum() / rows**2
        trials = rows / max(variance / (share * (1 - share) / rows), 1.0)
    return wilson(share * trials, trials)


def figure(resampled: Resampled, key: Key, method: Literal["percentile", "bca"], why_undefined: str) -> dict:
    """A figure as metrics.json keeps it: `value`, `ci95` and, where one of them is null, the `reason`."""
    value = resampled.table[key]
    if np.isnan(value):
        return {"value": None, "ci95": None, "reason": why_undefined}
    if resampled.patients < 2:
        return {"value": value, "ci95": None, "reason": "one patient only: nothing to resample"}
    drawn = resampled.bootstrap[key]
    lost = int(np.isnan(drawn).sum())
    if lost > MOST_UNDEFINED * len(drawn):
        reason = f"undefined in {lost} of {len(drawn)} resamples: too few patients of a class"
        return {"value": value, "ci95": None, "reason": reason}
    if np.nanmax(drawn) - np.nanmin(drawn) < 1e-12:
        return {"value": value, "ci95": None, "reason": "every resample gives the same value"}
    limits = percentile(drawn) if method == "percentile" else bca(value, drawn, resampled.jackknife[key])
    return {"value": value, "ci95": list(limits)}


def _side_by_side(parts: list[dict[Key, np.ndarray]]) -> dict[Key, np.ndarray]:
    if not parts:
        return {}
    return {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}
