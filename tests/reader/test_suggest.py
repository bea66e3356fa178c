"""Suggestions: the unsure and the unlike first, patients whole."""

from __future__ import annotations

import numpy as np
import pytest

from keras_cwp.reader.suggest import Look, suggest, uncertainty_of, zones

NORTH, EAST, SOUTH, WEST = (np.array(each, float) for each in ((0, 1), (1, 0), (0, -1), (-1, 0)))


def looks(*each: tuple[float, np.ndarray]) -> dict[int, Look]:
    return {number: Look(*look) for number, look in enumerate(each)}


def test_the_most_uncertain_film_comes_first_where_nothing_was_read() -> None:
    found = looks((0.2, NORTH), (0.9, EAST), (0.5, SOUTH), (0.1, WEST))
    assert suggest(found, ["A", "B", "C", "D"], set())[0] == 1


def test_a_film_like_one_that_was_read_comes_later() -> None:
    found = looks((0.5, NORTH), (0.8, NORTH + 0.01), (0.7, SOUTH), (0.1, EAST), (0.1, WEST))
    assert suggest(found, list("ABCDE"), set())[0] == 1
    assert suggest(found, list("ABCDE"), {0})[0] == 2


def test_diversity_orders_what_is_equally_uncertain() -> None:
    found = looks((0.6, NORTH), (0.59, NORTH), (0.58, SOUTH), (0.1, EAST))
    assert suggest(found, list("ABCD"), set())[:2] == [0, 2]


def test_films_of_a_patient_stand_together() -> None:
    rng = np.random.default_rng(0)
    found = {number: Look(float(rng.uniform()), rng.normal(size=4)) for number in range(30)}
    patients = [f"P{number % 7}" for number in range(30)]
    order = suggest(found, patients, {3, 10})
    assert sorted(order) == [number for number in range(30) if number not in (3, 10)]
    runs = [
        patients[number]
        for place, number in enumerate(order)
        if not place or patients[order[place - 1]] != patients[number]
    ]
    assert len(runs) == len(set(runs)) == 7


def test_films_of_no_known_patient_are_patients_of_their_own() -> None:
    found = looks((0.2, NORTH), (0.9, NORTH), (0.5, SOUTH))
    assert sorted(suggest(found, ["", "", ""], set())) == [0, 1, 2]


def test_what_was_read_or_not_looked_at_is_not_suggested() -> None:
    found = {0: Look(0.5, NORTH), 2: Look(0.5, EAST)}
    assert suggest(found, ["A", "B", "C"], {0}) == [2]
    assert suggest(found, ["A", "B", "C"], {0, 2}) == []
    assert suggest({}, ["A"], set()) == []


def test_uncertainty_is_that_of_the_least_sure_region() -> None:
    assert uncertainty_of(np.array([[1.0, 0.0, 0.0], [1 / 3, 1 / 3, 1 / 3]])) == pytest.approx(1)
    assert uncertainty_of(np.array([[1.0, 0.0]])) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("share", [None, 0.01, 0.9, 1.0])
def test_zones_lie_on_the_film(share: float | None) -> None:
    found = zones(300, 200, share)
    assert len(found) == 6
    for x, y, width, height in found:
        assert 0 <= x <= 300 - width
        assert 0 <= y <= 200 - height
        assert width == height > 0
    if share == 0.01:
        assert found[0][2] ** 2 == pytest.approx(600)
        assert len(set(found)) == 6
