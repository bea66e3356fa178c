from __future__ import annotations

from typing import Any, cast

import numpy as np

from keras_cwp.report.examples import Example, choose_examples, describe, gallery
from keras_cwp.report.run_maps import Mapped
from keras_cwp.scores import Scores


def table(probabilities: list[list[float]], labels: list[int]) -> Scores:
    names = np.array([str(row) for row in range(len(labels))])
    return Scores(
        ("a", "b"), names, names, names, np.zeros(len(labels), int), np.array(labels), np.array(probabilities)
    )


def test_hardest_are_the_surest_mistakes_and_typical_take_turns() -> None:
    scores = table(
        [[0.9, 0.1], [0.99, 0.01], [0.8, 0.2], [0.4, 0.6], [0.1, 0.9], [0.3, 0.7], [0.5, 0.5]],
        [0, 0, 0, 1, 0, 0, -1],
    )
    found = [(choice.row, choice.kind) for choice in choose_examples(scores, 3)]
    # Wrong: rows 4 (truth had 0.1) and 5 (0.3). Right: class 0 rows 1, 0, 2; class 1 row 3; in turn 1, 3, 0.
    assert found == [(4, "Hardest"), (5, "Hardest"), (1, "Most typical"), (3, "Most typical"), (0, "Most typical")]
    assert choose_examples(scores, 0) == []


def test_description_names_truth_decision_and_probability() -> None:
    wrong = Example(np.zeros((8, 8)), None, "normal", "large", 0.7, "x")
    assert describe(wrong) == "wrong: normal was called large, 70 %"
    right = Example(np.zeros((8, 8)), None, "normal", "normal", 0.9, "x")
    assert describe(right) == "correct: normal, 90 %"


def test_a_card_without_a_map_says_why() -> None:
    maps = [(np.ones((2, 2)), ""), (None, "Heat map withheld: chance.")]
    shown = gallery([Example(np.zeros((8, 8)), heat, "a", "a", 0.9, "x", "Kind", why) for heat, why in maps])
    assert [card["lines"][1:] for card in shown["Kind"]] == [[], ["Heat map withheld: chance."]]
    assert [len(card["images"]) for card in shown["Kind"]] == [2, 1]


def test_why_a_map_is_withheld_depends_on_the_runs_test() -> None:
    def said(trust: dict[str, bool] | None) -> str:
        return Mapped(np.zeros(1), np.zeros(1), [], [None], cast("Any", trust)).withheld

    assert said({"shown": True}) == "Heat map withheld: it does no better than maps of random weights."
    assert said({"shown": False}) == said(None) != said({"shown": True})
    assert "all of this run" in said(None)
