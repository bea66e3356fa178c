"""Divisions of ROIs in which no patient stands on both sides and every class has its share on each.

Patients are placed one by one, those with the most ROIs first, each where the parts then are nearest to their
share of every class and of the patients. Ties are broken by a hash of seed and patient id, so that neither the
order of rows nor a patient added elsewhere in the file decides.
"""

from __future__ import annotations

import hashlib

import numpy as np

from keras_cwp.errors import SplitError
from keras_cwp.wording import plural, verb

PARTS = ("train", "validation", "test")


def three_way(patients: np.ndarray, labels: np.ndarray, validation: float, test: float, seed: int) -> np.ndarray:
    """Train, validation and test part of each ROI.

    Args:
        patients: str [rois].
        labels: [rois], of any type that can be sorted.
        validation, test: shares, each above 0, together below 1.

    Returns:
        str [rois] of PARTS.

    Raises:
        SplitError: shares out of range, one class only, or a class with fewer than three patients.
    """
    if validation <= 0 or test <= 0 or validation + test >= 1:
        raise SplitError(f"split: validation {validation} and test {test} must be above 0 and together below 1")
    shares = np.array([1 - validation - test, validation, test])
    parts = np.array(PARTS)[_place(patients, labels, shares, seed, "the parts train, validation and test")]
    assert_disjoint(patients, parts)
    return parts


def validation_part(patients: np.ndarray, labels: np.ndarray, share: float, seed: int) -> np.ndarray:
    """Which ROIs of a training part choose thresholds (and the epoch, with early stopping) instead, bool [rois].

    Raises:
        SplitError: the share is not between 0 and 1, one class only, or a class with fewer than two patients.
    """
    if not 0 < share < 1:
        raise SplitError(f"split: validation {share} must be above 0 and below 1")
    chosen = _place(patients, labels, np.array([1 - share, share]), seed, "the parts train and validation") == 1
    assert_disjoint(patients, chosen)
    return chosen


def folds(patients: np.ndarray, labels: np.ndarray, folds: int, seed: int) -> np.ndarray:
    """Fold in which each ROI is held out, int64 [rois] from 0 to `folds` - 1.

    Raises:
        SplitError: fewer than two folds, one class only, or a class with fewer patients than folds.
    """
    if folds < 2:
        raise SplitError(f"split: {plural(folds, 'fold')}; cross-validation needs at least 2")
    parts = _place(patients, labels, np.full(folds, 1 / folds), seed, f"{folds} folds")
    assert_disjoint(patients, parts)
    return parts


def assert_disjoint(patients: np.ndarray, parts: np.ndarray) -> None:
    """Check that each patient stands in one part only.

    Args:
        patients: str [rois].
        parts: [rois].

    Raises:
        SplitError: a patient does not. The message gives how many, not who.
    """
    pairs = set(zip(patients.tolist(), parts.tolist(), strict=True))
    crossing = len(pairs) - len({patient for patient, _ in pairs})
    if crossing:
        raise SplitError(
            f"split: {plural(crossing, 'patient')} {verb(crossing, 'stands', 'stand')} in more than one part; "
            "ROIs of a patient belong together"
        )


def _place(patients: np.ndarray, labels: np.ndarray, shares: np.ndarray, seed: int, what: str) -> np.ndarray:
    """int64 [rois]: the part of each ROI."""
    if len(patients) != len(labels):
        raise SplitError(
            f"split: {plural(len(patients), 'patient')} and {plural(len(labels), 'label')}; give one of each a ROI"
        )
    names, patient = np.unique(patients, return_inverse=True)
    classes, label = np.unique(labels, return_inverse=True)
    counts = np.zeros((len(names), len(classes)), dtype=np.int64)
    np.add.at(counts, (patient, label), 1)
    _check_enough(counts, classes, len(shares), what)
    order = sorted(range(len(names)), key=lambda i: (-int(counts[i].sum()), _hash(seed, str(names[i]))))
    part = _greedy(counts[order], shares)[np.argsort(order)]
    _check_all_present(part, counts, classes, what)
    return part[patient]


def _check_enough(counts: np.ndarray, classes: np.ndarray, parts: int, what: str) -> None:
    if len(classes) < 2:
        found = plural(len(classes), "class", "classes")
        raise SplitError(f"split: {found} in the data, {classes.tolist()}; at least 2 are needed")
    for name, patients in zip(classes.tolist(), (counts > 0).sum(axis=0).tolist(), strict=True):
        if patients < parts:
            raise SplitError(
                f"split: class {name!r} has {plural(patients, 'patient')}, fewer than {what} need ({parts}); "
                f"{_remedy(parts, what)}"
            )


def _check_all_present(part: np.ndarray, counts: np.ndarray, classes: np.ndarray, what: str) -> None:
    for chosen in np.unique(part):
        absent = classes[counts[part == chosen].sum(axis=0) == 0]
        if len(absent):
            raise SplitError(
                f"split: class {absent[0]!r} cannot have a patient in each of {what}, because its patients are needed "
                f"for other classes; {_remedy(len(np.unique(part)), what)}"
            )


def _remedy(parts: int, what: str) -> str:
    """What a user can do; two folds are the least, and the parts of a fit are three."""
    fewer = parts > 2 and what.endswith("folds")
    return "add patients, join classes or ask for fewer folds" if fewer else "add patients or join classes"


def _greedy(counts: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Part of each patient, int64 [patients], for ROI counts [patients, classes] in the order of placing.

    Each cost is a sum over a few classes in their order, without BLAS: the processor does not decide a part
    (tests/data/test_same_everywhere.py).
    """
    load = np.column_stack([counts / counts.sum(axis=0), np.full(len(counts), 1 / len(counts))])
    part = np.full(len(counts), -1)
    filled = np.zeros((len(shares), load.shape[1]))
    for patient, chosen in _seats(counts, shares):
        part[patient] = chosen
        filled[chosen] += load[patient]
    for patient in np.flatnonzero(part < 0).tolist():
        gap = filled - shares[:, None]
        cost = (((gap + load[patient]) ** 2 - gap**2).sum(axis=1)) / shares
        part[patient] = int(np.argmin(cost))
        filled[part[patient]] += load[patient]
    return part


def _seats(counts: np.ndarray, shares: np.ndarray) -> list[tuple[int, int]]:
    """(patient, part) pairs that give every part a patient of every class, where there are enough for that.

    Rare classes first, and of their patients those with the fewest ROIs, so that little is decided here.
    """
    part = np.full(len(counts), -1)
    for label in np.argsort((counts > 0).sum(axis=0), kind="stable"):
        for chosen in np.argsort(-shares, kind="stable"):
            free = np.flatnonzero((part < 0) & (counts[:, label] > 0))
            if len(free) and not (counts[part == chosen, label] > 0).any():
                part[free[np.argmin(counts[free].sum(axis=1))]] = chosen
    return [(patient, chosen) for patient, chosen in enumerate(part.tolist()) if chosen >= 0]


def _hash(seed: int, patient: str) -> bytes:
    return hashlib.sha256(f"{seed}\0{patient}".encode()).digest()
