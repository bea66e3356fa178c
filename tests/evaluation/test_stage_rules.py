"""Stages of GBZ 70 and the worst zone, by hand and against a second implementation over all lungs that there can be."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from keras_cwp.evaluation.profusion import UNREAD
from keras_cwp.evaluation.stage_rules import RULES, Lungs, gbz70, lungs_of, worst_zone


def lungs(zones: list[int], large: bool = False, coalescence: bool = False) -> Lungs:
    return Lungs(np.array([zones]), np.array([large]), np.array([coalescence]))


@pytest.mark.parametrize(
    ("zones", "stage"),
    [
        ([0, 0, 0, 0, 0, 0], "0"),
        ([1, 0, 0, 0, 0, 0], "0"),  # one zone is too few
        ([3, 0, 0, 0, 0, 0], "0"),
        ([1, 1, 0, 0, 0, 0], "I"),
        ([1, 1, 1, 1, 1, 1], "I"),
        ([2, 2, 2, 2, 0, 0], "I"),  # more than 4 zones are asked for
        ([2, 1, 1, 1, 1, 0], "II"),  # the distribution counts zones of profusion 1 too
        ([3, 1, 0, 0, 0, 0], "I"),
        ([3, 3, 3, 0, 0, 0], "I"),
        ([3, 1, 1, 1, 0, 0], "II"),
        ([3, 3, 3, 3, 3, 3], "II"),  # neither coalescence nor a large opacity
        ([UNREAD, UNREAD, 1, 1, UNREAD, UNREAD], "I"),
    ],
)
def test_stages_of_gbz_70_by_hand(zones, stage):
    assert RULES["gbz70"].stages[gbz70(lungs(zones))[0]] == stage


def test_what_makes_stage_three():
    assert gbz70(lungs([3, 3, 3, 3, 3, 0], coalescence=True)) == [3]
    assert gbz70(lungs([3, 3, 3, 3, 0, 0], coalescence=True)) == [2]  # 4 zones are not more than 4
    assert gbz70(lungs([2, 2, 2, 2, 2, 2], coalescence=True)) == [2]
    assert gbz70(lungs([0, 0, 0, 0, 0, UNREAD], large=True)) == [3]


def staged_slowly(zones: tuple[int, ...], large: bool, coalescence: bool) -> int:
    """The standard's sentences, from the highest stage down."""
    affected = sum(1 for zone in zones if zone >= 1)
    if large or (max(zones) == 3 and affected in (5, 6) and coalescence):
        return 3
    if (max(zones) in (2, 3) and affected in (5, 6)) or (max(zones) == 3 and affected == 4):
        return 2
    return 1 if max(zones) >= 1 and affected >= 2 else 0


def test_every_lung_that_there_can_be():
    drawn = [(*zones, *marks) for zones in product(range(4), repeat=6) for marks in product((0, 1), repeat=2)]
    table = np.array(drawn)
    found = gbz70(Lungs(table[:, :6], table[:, 6] == 1, table[:, 7] == 1))
    assert found.tolist() == [staged_slowly(row[:6], bool(row[6]), bool(row[7])) for row in drawn]
    assert set(found.tolist()) == {0, 1, 2, 3}


def test_the_worst_zone():
    assert worst_zone(lungs([0, 1, 2, 0, 0, 1])) == [2]
    assert worst_zone(lungs([0, 1, 2, 0, 0, 1], large=True)) == [4]
    assert worst_zone(lungs([UNREAD] * 6)) == [0]


def test_of_several_rois_of_a_zone_the_highest_counts():
    found = lungs_of(
        np.array([0, 0, 0, 1]), np.array([2, 2, 5, 0]), np.array([1, 3, UNREAD, 2]),
        np.array([[False, False], [False, True], [True, False], [False, False]]),
    )  # fmt: skip
    assert found.profusion.tolist() == [[-1, -1, 3, -1, -1, -1], [2, -1, -1, -1, -1, -1]]
    assert found.large.tolist() == [True, False]
    assert found.coalescence.tolist() == [True, False]
    assert found.overall.tolist() == [3, 2]
    assert found.distribution.tolist() == [1, 1]
