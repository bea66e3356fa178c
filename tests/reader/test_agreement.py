"""Two readers' boxes are paired, and kappa is scikit-learn's."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from keras_cwp.data.annotations.roi import Box
from keras_cwp.reader.agreement import agreement_of, overlap, pairs_of
from keras_cwp.reader.marks import Mark
from keras_cwp.reader.tables import Row

CLASSES = ("large_opacity", "normal", "small_opacities")


def row(image: str, roi_id: str, label: str = "normal", box: Box = (0, 0, 10, 10), patient: str = "P") -> Row:
    return Row(image, patient, Mark(roi_id, box, label), (100, 100))


def ids(pairs: list) -> list[tuple[str, str]]:
    return [(pair.first.mark.roi_id, pair.second.mark.roi_id) for pair in pairs]


def test_one_id_is_one_region_wherever_its_box_was_moved() -> None:
    assert ids(pairs_of([row("a", "1")], [row("a", "1", box=(50, 50, 5, 5))])) == [("1", "1")]
    assert ids(pairs_of([row("a", "1")], [row("b", "1")])) == []


def test_boxes_of_different_ids_are_paired_by_overlap() -> None:
    first = [row("a", "x", box=(0, 0, 10, 10)), row("a", "y", box=(4, 0, 10, 10))]
    second = [row("a", "q", box=(3, 0, 10, 10)), row("a", "r", box=(0, 1, 10, 10)), row("a", "s", box=(80, 80, 9, 9))]
    assert sorted(ids(pairs_of(first, second))) == [("x", "r"), ("y", "q")]
    assert pairs_of([row("a", "x", box=(0, 0, 10, 10))], [row("a", "q", box=(6, 0, 10, 10))]) == []


def test_overlap_is_intersection_over_union() -> None:
    assert overlap((0, 0, 10, 10), (0, 0, 10, 10)) == 1
    assert overlap((0, 0, 10, 10), (5, 0, 10, 10)) == pytest.approx(50 / 150)
    assert overlap((0, 0, 10, 10), (10, 0, 10, 10)) == 0


def test_kappa_and_its_interval() -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 3, 120)
    other = np.where(rng.uniform(size=120) < 0.75, truth, rng.integers(0, 3, 120))
    tables = [
        [row(f"f{n}", str(n), CLASSES[label], patient=f"P{n // 3}") for n, label in enumerate(labels)]
        for labels in (truth, other)
    ]
    tables[0].append(row("f0", "alone", box=(50, 50, 20, 20)))
    found = agreement_of(*tables, CLASSES)
    assert (found["regions"], found["patients"], found["only_first"], found["only_second"]) == (120, 40, 1, 0)
    assert found["kappa"]["value"] == pytest.approx(cohen_kappa_score(truth, other))
    low, high = found["kappa"]["ci95"]
    assert low < found["kappa"]["value"] < high
    assert 0.05 < high - low < 0.5
    assert found["agreement"]["value"] == pytest.approx(np.mean(truth == other))
    assert np.array(found["confusion"]).sum() == 120
    assert len(found["disagreements"]) == int((truth != other).sum())


def test_labels_that_the_model_lacks_are_classes_too() -> None:
    found = agreement_of([row("a", "1", "hilum")], [row("a", "1", "normal")], CLASSES)
    assert found["classes"] == [*CLASSES, "hilum"]
    assert found["confusion"][3][1] == 1
    assert found["kappa"]["ci95"] is None
    assert found["kappa"]["reason"]


def test_no_common_region_is_said() -> None:
    found = agreement_of([row("a", "1")], [row("b", "2")], CLASSES)
    assert (found["regions"], found["kappa"]["value"]) == (0, None)
    assert found["kappa"]["reason"] == "no region was marked by both"
