from __future__ import annotations

import numpy as np
import pytest
from statsmodels.stats import inter_rater

from keras_cwp.config import EvaluateConfig
from keras_cwp.errors import ScoresError
from keras_cwp.evaluation.readers import reader_agreement

CONFIG = EvaluateConfig()


def read(rois: int, readers: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    truth = rng.integers(3, size=rois)[:, None]
    return np.where(rng.random((rois, readers)) < 0.7, truth, rng.integers(3, size=(rois, readers)))


def test_fleiss_is_that_of_statsmodels() -> None:
    labels = read(80, 4, 0)
    found = reader_agreement(labels, np.arange(80).astype(str), ("a", "b", "c"), CONFIG)
    expected = inter_rater.fleiss_kappa(inter_rater.aggregate_raters(labels)[0])
    assert found["fleiss"]["value"] == pytest.approx(expected, abs=1e-12)
    assert found["fleiss"]["ci95"][0] < expected < found["fleiss"]["ci95"][1]


def test_alpha_is_krippendorffs_published_example() -> None:
    """Krippendorff, Computing Krippendorff's Alpha-Reliability (2011), example C: nominal .743, ordinal
    .815, interval .849."""
    table = [
        "1 2 3 3 2 1 4 1 2 - - -",
        "1 2 3 3 2 2 4 1 2 5 - 3",
        "- 3 3 3 2 3 4 2 2 5 1 -",
        "1 2 3 3 2 4 4 1 2 5 1 -",
    ]
    labels = np.array([[-1 if cell == "-" else int(cell) - 1 for cell in row.split()] for row in table]).T
    found = reader_agreement(labels, np.arange(12).astype(str), tuple("12345"), CONFIG, order=tuple("12345"))
    assert found["alpha"]["value"] == pytest.approx(0.743, abs=0.0005)
    assert found["alpha_ordinal"]["value"] == pytest.approx(0.815, abs=0.0005)
    assert found["alpha_interval"]["value"] == pytest.approx(0.849, abs=0.0005)


def test_alpha_covers_the_truth_over_patients() -> None:
    """Readers of 40 patients with three alike ROIs; the truth from many patients."""

    def draw(patients: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
        rng = np.random.default_rng(seed)
        patient = np.repeat(np.arange(patients), 3)
        hard = rng.random(patients)[patient] * 0.8
        truth = rng.integers(3, size=len(patient))[:, None]
        wrong = rng.random((len(patient), 3)) < hard[:, None]
        return np.where(wrong, rng.integers(3, size=wrong.shape), truth), patient.astype(str)

    truth = reader_agreement(*draw(300, 1), ("a", "b", "c"), CONFIG)["alpha"]["value"]
    truth = np.mean(
        [truth, *(reader_agreement(*draw(300, s), ("a", "b", "c"), CONFIG)["alpha"]["value"] for s in range(9))]
    )
    inside = []
    for seed in range(100, 220):
        limits = reader_agreement(*draw(40, seed), ("a", "b", "c"), CONFIG)["alpha"]["ci95"]
        inside.append(limits[0] <= truth <= limits[1])
    assert 0.88 <= np.mean(inside) <= 0.99


def test_one_reader_and_strange_labels_are_refused() -> None:
    with pytest.raises(ScoresError, match="at least 2 readers"):
        reader_agreement(np.zeros((4, 1), dtype=int), np.arange(4).astype(str), ("a", "b"), CONFIG)
    with pytest.raises(ScoresError, match="label 2 is outside the 2 classes"):
        reader_agreement(np.full((4, 2), 2), np.arange(4).astype(str), ("a", "b"), CONFIG)
    alone = reader_agreement(np.zeros((4, 2), dtype=int), np.arange(4).astype(str), ("a", "b"), CONFIG)
    assert alone["alpha"] == {
        "value": None,
        "ci95": None,
        "reason": "all labels are of one class, or no ROI was read twice",
    }


def test_fleiss_is_that_of_the_published_worked_example() -> None:
    """Ten subjects, 14 raters, five classes: the example of Wikipedia's article "Fleiss' kappa", .210."""
    counts = ["0 0 0 0 14", "0 2 6 4 2", "0 0 3 5 6", "0 3 9 2 0", "2 2 8 1 1",
              "7 7 0 0 0", "3 2 6 3 0", "2 5 3 2 2", "6 5 2 1 0", "0 2 2 3 7"]  # fmt: skip
    labels = np.array([np.repeat(np.arange(5), [int(n) for n in row.split()]) for row in counts])
    found = reader_agreement(labels, np.arange(10).astype(str), tuple("abcde"), CONFIG)
    assert found["fleiss"]["value"] == pytest.approx(0.210, abs=0.0005)


@pytest.mark.parametrize(("name", "wt"), [("unweighted", None), ("linear", "linear"), ("quadratic", "quadratic")])
def test_kappa_of_each_pair_is_that_of_statsmodels(name: str, wt: str | None) -> None:
    """The classes' order is not that of their numbers."""
    labels = read(80, 3, 1)
    labels[:5, 2] = -1
    order = ("b", "a", "c")
    found = reader_agreement(labels, np.arange(80).astype(str), ("a", "b", "c"), CONFIG, readers="XYZ", order=order)
    assert [(pair["first"], pair["second"], pair["rois"]) for pair in found["pairs"]] == [
        ("X", "Y", 80), ("X", "Z", 75), ("Y", "Z", 75)
    ]  # fmt: skip
    rank = np.array([1, 0, 2])
    table = np.zeros((3, 3))
    np.add.at(table, (rank[labels[5:, 1]], rank[labels[5:, 2]]), 1)
    expected = inter_rater.cohens_kappa(table, wt=wt).kappa
    assert found["pairs"][2][name]["value"] == pytest.approx(expected, abs=1e-12)
    assert found["pairs"][2]["agreement"]["value"] == pytest.approx(np.trace(table) / 75)


def test_without_an_order_nothing_is_weighted() -> None:
    found = reader_agreement(read(30, 2, 2), np.arange(30).astype(str), ("a", "b", "c"), CONFIG)
    assert not {"alpha_ordinal", "alpha_interval"} & found.keys()
    assert not {"linear", "quadratic"} & found["pairs"][0].keys()


def test_readers_who_share_no_roi() -> None:
    labels = np.array([[0, -1, 0], [1, -1, 1], [-1, 1, 0], [-1, 0, 1]])
    found = reader_agreement(labels, np.arange(4).astype(str), ("a", "b"), CONFIG)
    assert found["pairs"][0]["unweighted"]["reason"] == "no ROI was read by both"
    assert found["pairs"][1]["unweighted"]["value"] == 1


def test_intervals_by_resampling_where_that_is_asked_for() -> None:
    labels, patients = read(60, 3, 3), np.repeat(np.arange(20), 3).astype(str)
    found = reader_agreement(labels, patients, ("a", "b", "c"), EvaluateConfig(interval="percentile", bootstraps=400))
    for own in (found["fleiss"], found["alpha"], found["pairs"][0]["unweighted"], found["pairs"][0]["agreement"]):
        assert own["ci95"][0] < own["value"] < own["ci95"][1]


@pytest.mark.parametrize("interval", ["score", "percentile"])
def test_agreement_without_exception_has_an_interval_that_one_exception_hardly_moves(interval: str) -> None:
    """Twenty patients with two ROIs; three readers who agree, and then one who differs in one ROI by one rank."""
    patients = np.repeat(np.arange(20), 2).astype(str)
    labels = np.repeat(np.random.default_rng(5).integers(3, size=40)[:, None], 3, axis=1)
    config = EvaluateConfig(interval=interval, bootstraps=200)
    perfect, nearly = (reader_agreement(own, patients, tuple("abc"), config, order=tuple("abc"))
                       for own in (labels, np.where(np.arange(120).reshape(40, 3) == 0, 1, labels)))  # fmt: skip
    for key in ("fleiss", "alpha", "alpha_ordinal", "alpha_interval"):
        assert perfect[key]["value"] == pytest.approx(1)
        assert 0.6 < perfect[key]["ci95"][0] < 0.95
        assert perfect[key]["ci95"][1] == 1
    for own in perfect["pairs"]:
        for kind in ("unweighted", "linear", "quadratic"):
            assert 0.6 < own[kind]["ci95"][0] < 0.95
    if interval == "score":
        assert labels[0, 0] != 1
        for key in ("fleiss", "alpha", "alpha_ordinal", "alpha_interval"):
            assert abs(nearly[key]["ci95"][0] - perfect[key]["ci95"][0]) < 0.12, key
