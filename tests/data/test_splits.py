"""Splits: no patient on both sides, every class where it belongs, the same whatever the order of rows."""

from __future__ import annotations

import numpy as np
import pytest

from keras_cwp.data.splits import PARTS, assert_disjoint, folds, three_way, validation_part
from keras_cwp.errors import SplitError


def table(patients: int = 90, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Patients with 1 to 5 ROIs of mixed labels; the last class is rare."""
    random = np.random.default_rng(seed)
    names, labels = [], []
    for number in range(patients):
        for _ in range(random.integers(1, 6)):
            names.append(f"P{number}")
            labels.append(int(random.choice(3, p=[0.6, 0.32, 0.08])))
    return np.array(names), np.array(labels)


def parts_of_patients(patients: np.ndarray, parts: np.ndarray) -> dict[str, set]:
    return {name: set(parts[patients == name].tolist()) for name in np.unique(patients)}


@pytest.mark.parametrize("seed", range(5))
def test_folds_never_cut_a_patient_and_hold_every_class(seed):
    patients, labels = table(seed=seed)
    fold = folds(patients, labels, 5, seed)
    assert all(len(places) == 1 for places in parts_of_patients(patients, fold).values())
    counts = np.array([np.bincount(labels[fold == k], minlength=3) for k in range(5)])
    even = np.bincount(labels) / 5
    assert (counts > 0).all()
    assert (np.abs(counts - even) <= 5).all()  # never further off than one patient's ROIs


def test_folds_are_as_even_as_those_of_scikit_learn():
    from sklearn.model_selection import StratifiedGroupKFold

    patients, labels = table(200)
    ours = folds(patients, labels, 5, 0)
    theirs = np.zeros(len(labels), dtype=int)
    for k, (_, held) in enumerate(StratifiedGroupKFold(5).split(labels, labels, patients)):
        theirs[held] = k

    def unevenness(fold: np.ndarray) -> float:
        shares = np.array([np.bincount(labels[fold == k], minlength=3) / np.bincount(labels) for k in range(5)])
        return float(((shares - 0.2) ** 2).sum())

    assert unevenness(ours) <= unevenness(theirs) + 1e-4


@pytest.mark.parametrize("seed", range(5))
def test_three_way_shares(seed):
    patients, labels = table(200, seed)
    parts = three_way(patients, labels, 0.1, 0.2, seed)
    for name, share in zip(PARTS, (0.7, 0.1, 0.2), strict=True):
        assert abs((parts == name).mean() - share) < 0.02
        assert set(labels[parts == name]) == {0, 1, 2}


def test_three_patients_of_a_class_are_given_one_to_each_part():
    patients = np.array([f"P{i}" for i in range(43)])
    labels = np.array([0] * 40 + [1] * 3)
    parts = three_way(patients, labels, 0.1, 0.15, 0)
    assert sorted(parts[labels == 1]) == sorted(PARTS)


def test_order_of_rows_does_not_matter():
    patients, labels = table()
    order = np.random.default_rng(1).permutation(len(labels))
    np.testing.assert_array_equal(folds(patients, labels, 4, 7)[order], folds(patients[order], labels[order], 4, 7))
    np.testing.assert_array_equal(
        three_way(patients, labels, 0.1, 0.1, 7)[order], three_way(patients[order], labels[order], 0.1, 0.1, 7)
    )


def test_seed_decides():
    patients, labels = table()
    assert (folds(patients, labels, 4, 1) == folds(patients, labels, 4, 1)).all()
    assert (folds(patients, labels, 4, 1) != folds(patients, labels, 4, 2)).any()


def test_class_with_fewer_patients_than_folds():
    patients = np.array([f"P{i}" for i in range(20)])
    labels = np.array(["normal"] * 17 + ["large"] * 3)
    with pytest.raises(
        SplitError, match=r"class 'large' has 3 patients, fewer than 5 folds need \(5\); .* ask for fewer folds$"
    ):
        folds(patients, labels, 5, 0)


def test_many_rois_of_one_patient_are_one_patient():
    patients = np.array(["A"] * 10 + [f"P{i}" for i in range(10)])
    labels = np.array([1] * 10 + [0] * 10)
    with pytest.raises(
        SplitError, match=r"class 1 has 1 patient, fewer than the parts .*; add patients or join classes$"
    ):
        three_way(patients, labels, 0.1, 0.1, 0)


def test_one_class_only():
    with pytest.raises(SplitError, match=r"1 class in the data, \['x'\]"):
        folds(np.array(["a", "b", "c"]), np.array(["x"] * 3), 2, 0)


def test_one_fold():
    with pytest.raises(SplitError, match="1 fold; cross-validation needs at least 2"):
        folds(np.array(["a", "b"]), np.array([0, 1]), 1, 0)


@pytest.mark.parametrize(("validation", "test"), [(0, 0.1), (0.1, 0), (0.5, 0.5)])
def test_shares_out_of_range(validation, test):
    with pytest.raises(SplitError, match="must be above 0 and together below 1"):
        three_way(np.array(["a"]), np.array([0]), validation, test, 0)


def test_lengths_that_differ():
    with pytest.raises(SplitError, match="2 patients and 1 label;"):
        folds(np.array(["a", "b"]), np.array([0]), 2, 0)


def test_crossing_patients_are_counted_not_named():
    with pytest.raises(SplitError, match="1 patient stands in more than one part") as caught:
        assert_disjoint(np.array(["secret", "secret", "b"]), np.array(["train", "test", "test"]))
    assert "secret" not in str(caught.value)


def test_classes_that_share_all_their_patients():
    """Two patients hold the only ROIs of both classes that are short: two folds work, and each has both."""
    patients = np.array(["A", "A", "B", "B", "C", "D"])
    labels = np.array([0, 1, 0, 1, 2, 2])
    fold = folds(patients, labels, 2, 0)
    assert {tuple(sorted(labels[fold == k])) for k in range(2)} == {(0, 1, 2)}


def test_validation_part_takes_its_share_of_every_class_by_patients() -> None:
    patients = np.repeat([f"p{n}" for n in range(40)], 3)
    labels = np.repeat(["a", "b"], 60)
    chosen = validation_part(patients, labels, 0.1, 7)
    assert {name: int(chosen[labels == name].sum()) for name in ("a", "b")} == {"a": 6, "b": 6}
    assert not set(patients[chosen]) & set(patients[~chosen])


def test_validation_part_needs_two_patients_of_a_class() -> None:
    with pytest.raises(SplitError, match=r"class 'b' has 1 patient, "):
        validation_part(np.array(["p1", "p2", "p3"]), np.array(["a", "a", "b"]), 0.1, 0)
    with pytest.raises(SplitError, match="validation 1 must be above 0 and below 1"):
        validation_part(np.array(["p1", "p2"]), np.array(["a", "b"]), 1, 0)
