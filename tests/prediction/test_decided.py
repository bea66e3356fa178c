"""The table that predict writes: columns that say something, thresholds of the run, and that Scores reads it."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from keras_cwp.prediction.card import CARD_FILE
from keras_cwp.prediction.decided import thresholds_of, write_decided
from keras_cwp.scores import Scores

CLASSES = ("large", "normal", "small")
PROBABILITIES = [[0.1, 0.55, 0.35], [0.05, 0.05, 0.9], [0.3, 0.36, 0.34]]


def scores(patients: tuple[str, ...] = ("", "", ""), labels: tuple[int, ...] = (-1, -1, -1)) -> Scores:
    names = np.array(["r1", "r2", "r3"])
    zeros = np.zeros(3, dtype=np.int64)
    return Scores(CLASSES, names, np.array(patients), names, zeros, np.array(labels), np.array(PROBABILITIES))


def written(path: Path) -> list[dict[str, str]]:
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_columns_and_decisions(tmp_path: Path) -> None:
    write_decided(tmp_path / "s.csv", scores(), {"large": 0.3, "normal": 0.5, "small": 0.35})
    rows = written(tmp_path / "s.csv")
    assert list(rows[0]) == [
        "roi_id", "image", "predicted", "probability", "above_threshold", "prob_large", "prob_normal", "prob_small",
    ]  # fmt: skip
    assert [row["predicted"] for row in rows] == ["normal", "small", "normal"]
    assert [row["probability"] for row in rows] == ["0.55", "0.9", "0.36"]
    assert [row["above_threshold"] for row in rows] == ["normal;small", "small", "large"]


def test_a_region_that_reaches_no_threshold_says_so(tmp_path: Path) -> None:
    write_decided(tmp_path / "s.csv", scores(), dict.fromkeys(CLASSES, 0.95))
    assert {row["above_threshold"] for row in written(tmp_path / "s.csv")} == {"-"}


@pytest.mark.parametrize(
    "sets",
    [{"large": 0.3, "normal": 0.5, "small": 0.95}, np.array([[False, True, False], [False] * 3, [True, False, False]])],
)
def test_sets_are_thresholds_or_what_a_server_said(tmp_path: Path, sets: Any) -> None:
    write_decided(tmp_path / "s.csv", scores(), {}, sets, np.array([0.5, 1.0, 1.5]))
    rows = written(tmp_path / "s.csv")
    assert [row["set"] for row in rows] == ["normal", "-", "large"]
    assert [row["unlike"] for row in rows] == ["no", "no", "yes"]


def test_no_column_is_empty_and_what_is_known_stays(tmp_path: Path) -> None:
    write_decided(tmp_path / "plain.csv", scores(), {})
    assert {"patient_id", "label", "above_threshold", "fold"}.isdisjoint(written(tmp_path / "plain.csv")[0])
    write_decided(tmp_path / "known.csv", scores(("p", "", "q"), (1, -1, 0)), {})
    rows = written(tmp_path / "known.csv")
    assert [(row["patient_id"], row["label"]) for row in rows] == [("p", "normal"), ("", ""), ("q", "large")]


@pytest.mark.parametrize("thresholds", [{}, {"large": 0.2}])
def test_scores_reads_it(thresholds: dict[str, float], tmp_path: Path) -> None:
    given = scores(("p", "", "q"), (1, -1, 0))
    write_decided(tmp_path / "s.csv", given, thresholds)
    read = Scores.from_csv(tmp_path / "s.csv")
    for name in ("roi_id", "patient_id", "image", "fold", "label", "probabilities"):
        np.testing.assert_array_equal(getattr(read, name), getattr(given, name))
    assert read.classes == CLASSES


def test_a_class_may_be_called_as_a_column_is(tmp_path: Path) -> None:
    names = np.array(["r1"])
    zeros = np.zeros(1, dtype=np.int64)
    given = Scores(("image", "ability"), names, names, names, zeros, zeros, np.array([[0.25, 0.75]]))
    write_decided(tmp_path / "s.csv", given, {"image": 0.1})
    read = Scores.from_csv(tmp_path / "s.csv")
    assert (read.classes, read.probabilities.tolist()) == (("image", "ability"), [[0.25, 0.75]])


def metrics(**thresholds: dict[str, float | None]) -> dict[str, object]:
    per_class = {name: {"thresholds": own, "sensitivity": {}} for name, own in thresholds.items()}
    return {"thresholds": {"chosen_on": "all validation ROIs", "per_class": per_class}}


def test_thresholds_are_those_of_the_run_or_the_card(tmp_path: Path) -> None:
    tree = metrics(large={"all": 0.3}, normal={"all": None}, small={})
    (tmp_path / "metrics.json").write_text(json.dumps(tree))
    assert thresholds_of(tmp_path) == {"large": 0.3}
    (tmp_path / "bundle" / CARD_FILE).parent.mkdir(parents=True)
    (tmp_path / "bundle" / CARD_FILE).write_text(json.dumps(tree))
    assert thresholds_of(tmp_path / "bundle") == {"large": 0.3}


def test_several_models_together_have_the_thresholds_that_hold_elsewhere(tmp_path: Path) -> None:
    tree = metrics(large={"1": 0.3, "2": 0.4}, small={"1": 0.1})
    (tmp_path / "metrics.json").write_text(json.dumps(tree | {"locked": {"roi": {"large": 0.35, "small": None}}}))
    assert thresholds_of(tmp_path) == {"large": 0.35}
    (tmp_path / "bundle" / CARD_FILE).parent.mkdir(parents=True)
    card = tree | {"metrics": {"locked": {"roi": {"large": 0.35}}}}
    (tmp_path / "bundle" / CARD_FILE).write_text(json.dumps(card))
    assert thresholds_of(tmp_path / "bundle") == {"large": 0.35}
    (tmp_path / "metrics.json").write_text(json.dumps(tree))
    assert thresholds_of(tmp_path) == {}


def test_a_run_without_metrics_has_no_thresholds(tmp_path: Path) -> None:
    for content in ("{}", "null", "[1", '{"thresholds": null}'):
        (tmp_path / "metrics.json").write_text(content)
        assert thresholds_of(tmp_path) == {}
    assert thresholds_of(tmp_path / "nowhere") == {}
