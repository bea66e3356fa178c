"""Tables of calibration figures: values with intervals, and slopes that have a lower limit only."""

from __future__ import annotations

import numpy as np

from keras_cwp.evaluation.calibration_line import calibration_lines
from keras_cwp.report.statistics_tables import calibration_line_table
from keras_cwp.scores import Scores


def _table(high: float, swapped: int):  # type: ignore[no-untyped-def]
    """Twenty patients, separated but for the first `swapped`."""
    label = np.arange(20) % 2
    named = np.where(np.arange(20) < swapped, 1 - label, label)
    probability = np.where(named == 1, high, 1 - high)
    names = np.arange(20).astype(str)
    found = np.column_stack([1 - probability, probability])
    scores = Scores(("a", "b"), names, names, names, np.zeros(20, dtype=int), label, found)
    lines = calibration_lines(scores)
    return calibration_line_table({"classes": scores.classes, "calibration": {"as_is": {"lines": lines}}}), lines


def test_a_slope_without_an_upper_limit_is_shown_and_explained() -> None:
    table, lines = _table(0.8, 0)
    assert table.rows[0][2] == f"≥ {lines['a']['slope']['at_least']:.2f}"
    assert "lower 95 % limit only" in table.note


def test_a_slope_with_an_interval_is_shown_with_it() -> None:
    table, lines = _table(0.8, 4)
    low, high = lines["b"]["slope"]["ci95"]
    assert table.rows[1][2] == f"{lines['b']['slope']['value']:.2f} [{low:.2f}, {high:.2f}]"
    assert "≥" not in table.note
