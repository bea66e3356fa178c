"""Resamples of patients: ROIs of a patient are alike, so they are drawn, or left out, together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from keras_cwp.evaluation.estimates import settled
from keras_cwp.evaluation.statistic import Key, Statistic, on_table

MOST_LEFT_OUT = 500  # groups; more patients are left out several at once
_BLOCK_ELEMENTS = 2**17  # of a weight matrix: about what stays in a core's cache


@dataclass(frozen=True, eq=False)
class Resampled:
    """A statistic on the table, on bootstrap resamples and with each patient left out.

    Args:
        table: metric -> value on the table.
        bootstrap: metric -> float [resamples].
        jackknife: metric -> float [patients]; empty where only percentiles are wanted.
        patients: how many there are.
    """

    table: dict[Key, float]
    bootstrap: dict[Key, np.ndarray]
    jackknife: dict[Key, np.ndarray]
    patients: int


def resample(
    statistic: Statistic,
    patients: np.ndarray,
    layers: np.ndarray | None = None,
    *,
    resamples: int,
    seed: int,
    jackknife: bool = False,
) -> Resampled:
    """Compute a statistic on resamples of patients.

    Args:
        patients: str or int [rows]; rows of one patient are drawn together.
        layers: int [rows]; patients are drawn within strata of their commonest layer. None: from all. Strata hold the
            share of each class fixed, so they are for metrics that do not depend on it, and for folds.
        seed: the same seed gives the same resamples for any statistic of the same rows: paired by construction.
        jackknife: also leave out each patient once (BCa needs it).
    """
    names, patient = np.unique(patients, return_inverse=True)
    rng = np.random.default_rng([seed, len(names)])
    stratum = np.zeros(len(names), dtype=int) if layers is None else strata(patient, layers)
    rows, width = len(patient), _width(len(patient))
    sizes = [min(width, resamples - start) for start in range(0, resamples, width)]
    drawn = [statistic(draw_patients(stratum, size, rng)[patient]) for size in sizes] if len(names) > 1 else []
    left_out = _leave_out(statistic, patient, len(names)) if jackknife and len(names) > 1 else {}
    return Resampled(on_table(statistic, rows), _side_by_side(drawn), left_out, len(names))


@dataclass(frozen=True, eq=False)
class LeftOut:
    """A statistic on the table and with each group of patients left out; a group is one patient, as a rule.

    Args:
        table: metric -> value on the table.
        values: metric -> float [groups].
        layer: int [groups]; groups of one layer (fold) are compared with each other.
        patients: how many there are.
    """

    table: dict[Key, float]
    values: dict[Key, np.ndarray]
    layer: np.ndarray
    patients: int

    def variance(self, key: Key) -> float:
        """The jackknife's variance of a metric; NaN where leaving a group out leaves it undefined."""
        total = 0.0
        for layer in np.unique(self.layer):
            own = self.values[key][self.layer == layer]
            total += (len(own) - 1) / len(own) * float(((own - own.mean()) ** 2).sum())
        return total

    def freedom(self, key: Key) -> float:
        """Degrees of freedom of `variance`, by how much single groups matter (`estimates.settled`)."""
        squares = self._squares(key)
        return settled(squares, len(squares))

    def informing(self, key: Key) -> float:
        """How many patients `variance` rests on, as `Estimate.informing`; 0 where no patient changes the metric."""
        squares = self._squares(key)
        fourth = float((squares**2).sum())
        size = len(squares)
        return float(squares.sum()) ** 2 / fourth * ((size - 1) / size) ** 2 if fourth > 0 else 0.0

    def _squares(self, key: Key) -> np.ndarray:
        """float [groups]: what each group adds to the jackknife's sum."""
        own = [self.values[key][self.layer == layer] for layer in np.unique(self.layer)]
        return np.concatenate([(values - values.mean()) ** 2 for values in own])


def leave_out(statistic: Statistic, patients: np.ndarray, layers: np.ndarray | None = None) -> LeftOut:
    """Compute a statistic without each patient; without each of up to 500 groups of patients where there are more.

    Args:
        patients: str or int [rows].
        layers: int [rows], folds; each patient is of one. None: one layer.

    Reference: Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapter 11.
    """
    names, first, patient = np.unique(patients, return_index=True, return_inverse=True)
    layer = np.zeros(len(names), dtype=int) if layers is None else layers[first]
    group = np.arange(len(names))
    if len(names) > MOST_LEFT_OUT:
        _, number = np.unique(layer, return_inverse=True)
        each = MOST_LEFT_OUT // (int(number.max()) + 1)
        shuffled = np.random.default_rng(len(names)).permutation(len(names))
        _, group = np.unique(number * each + shuffled % each, return_inverse=True)
    _, of_group = np.unique(group, return_index=True)
    table = on_table(statistic, len(patient))
    values = _leave_out(statistic, group[patient], len(of_group)) if len(names) > 1 else {}
    return LeftOut(table, values, layer[of_group], len(names))


def _leave_out(statistic: Statistic, group: np.ndarray, groups: int) -> dict[Key, np.ndarray]:
    width, found = _width(len(group)), []
    for start in range(0, groups, width):
        columns = np.arange(start, min(start + width, groups))
        found.append(statistic((group[:, None] != columns).astype(float)))
    return _side_by_side(found)


def _width(rows: int) -> int:
    """Columns of weights computed at once."""
    return max(8, _BLOCK_ELEMENTS // max(rows, 1))


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


def _side_by_side(parts: list[dict[Key, np.ndarray]]) -> dict[Key, np.ndarray]:
    if not parts:
        return {}
    return {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}
