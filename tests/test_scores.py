"""The Scores table keeps its numbers through a file and refuses what is not a distribution."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from keras_cwp.errors import ScoresError
from keras_cwp.scores import UNKNOWN_LABEL, Scores, concatenate


def table(rois=4, **changes):
    random = np.random.default_rng(1)
    columns = {
        "classes": ("normal", "small, round"),
        "roi_id": np.array([f"r{n}" for n in range(rois)]),
        "patient_id": np.array([f"p{n // 2}" for n in range(rois)]),
        "image": np.array([f'i "{n}"' for n in range(rois)]),
        "fold": np.zeros(rois, dtype=np.int64),
        "label": np.array([0, 1, UNKNOWN_LABEL, 1][:rois], dtype=np.int64),
        "probabilities": random.dirichlet([1, 1], rois),
    }
    return Scores(**columns | changes)


def test_a_file_gives_back_what_was_written(tmp_path):
    scores = table()
    scores.to_csv(tmp_path / "s.csv")
    again = Scores.from_csv(tmp_path / "s.csv")
    assert again.classes == scores.classes
    for name in ("roi_id", "patient_id", "image", "fold", "label"):
        np.testing.assert_array_equal(getattr(again, name), getattr(scores, name))
    np.testing.assert_array_equal(again.probabilities, scores.probabilities)


def test_writing_makes_no_ties_of_probabilities_that_differ(tmp_path):
    """An overconfident model's differences stand in the last digits, and far below a thousand millionth."""
    small = np.array([1e-300, 2e-300, 3e-17, np.nextafter(0.25, 1)])
    scores = table(probabilities=np.stack([1 - small, small], axis=1))
    scores.to_csv(tmp_path / "s.csv")
    assert len(set(Scores.from_csv(tmp_path / "s.csv").probabilities[:, 1].tolist())) == 4


def test_take_and_concatenate_are_inverse():
    scores = table()
    again = concatenate([scores.take(np.arange(2)), scores.take(np.array([False, False, True, True]))])
    np.testing.assert_array_equal(again.probabilities, scores.probabilities)
    np.testing.assert_array_equal(again.roi_id, scores.roi_id)


def test_classes_in_another_order_are_the_same_table():
    scores = table()
    scores = replace(scores, label=np.array([0, 1, UNKNOWN_LABEL, 0]))
    turned = scores.in_order(scores.classes[::-1])
    assert turned.classes == scores.classes[::-1]
    assert turned.label.tolist() == [1, 0, UNKNOWN_LABEL, 1]
    np.testing.assert_array_equal(turned.probabilities, scores.probabilities[:, ::-1])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"label": np.array([0, 1, 2, 0])}, r"label 2 is outside the 2 classes"),
        ({"fold": np.zeros(3, dtype=int)}, r"fold has 3 rows, roi_id has 4"),
        ({"probabilities": np.full((4, 3), 1 / 3)}, r"shape \(4, 3\), expected \(4, 2\)"),
        ({"probabilities": np.array([[0.5, 0.5]] * 3 + [[0.9, 0.9]])}, r"ROI r3 has probabilities \[0.9, 0.9\]"),
        ({"probabilities": np.array([[0.5, 0.5]] * 3 + [[np.nan, 1]])}, r"not a distribution"),
        ({"roi_id": np.array(["a", "a", "b", "c"])}, r"twice in the same fold"),
    ],
)
def test_a_bad_table_is_refused(changes, message):
    with pytest.raises(ScoresError, match=message):
        table(**changes)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"header starts \[\]"),
        ("roi_id,patient_id,image,fold,label\n", r"and prob_…"),
        ("roi_id,patient_id,image,fold,label,prob_a,prob_b\nr,p,i,x,a,1,0\n", r"line 2: cannot read"),
        ("roi_id,patient_id,image,fold,label,prob_a,prob_b\nr,p,i,0,c,1,0\n", r"line 2: cannot read.*'c'"),
        ("roi_id,patient_id,image,fold,label,prob_a,prob_b\nr,p,i,0,a,1\n", r"line 2: .*6 fields"),
    ],
)
def test_a_bad_file_is_refused(tmp_path, text, message):
    (tmp_path / "s.csv").write_text(text)
    with pytest.raises(ScoresError, match=message):
        Scores.from_csv(tmp_path / "s.csv")


def test_tables_of_other_classes_do_not_join():
    with pytest.raises(ScoresError, match="cannot join"):
        concatenate([table(), table(classes=("a", "b"))])
