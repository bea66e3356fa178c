"""Subgroups of the manifest's columns; sizes of opacities fall into the ILO's classes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from support.fold_stub import manifest_of, small_data

from keras_cwp.report.subgroup_columns import in_thirds, size_class, subgroup_columns
from keras_cwp.scores import Scores


@pytest.mark.parametrize(
    ("size_mm", "name"),
    [
        ("0.4", "p/s"), ("1.5", "p/s"), ("1.6", "q/t"), ("3", "q/t"),
        ("10", "r/u"), ("10.1", "A"), ("50", "A"), ("80", "B/C"),
    ],
)  # fmt: skip
def test_limits_belong_to_the_smaller_class(size_mm, name):
    assert size_class(size_mm).split(",")[0] == name


@pytest.mark.parametrize("size_mm", ["", "large", "0", "-2", "nan"])
def test_what_is_no_size(size_mm):
    assert size_class(size_mm) == ""


def test_columns_of_one_value_are_left_out(tmp_path):
    data = small_data(tmp_path, ("north", "south"), patients=4)
    rows = [
        replace(row, extra={**row.extra, "view": "PA", "sex": "FM"[n % 2], "size_mm": "2" if n < 2 else ""})
        for n, row in enumerate(data.manifest)
    ]
    names = np.array([row.roi_key for row in rows[::-1]])  # in another order than the manifest
    scores = Scores(data.classes, names, names, names, np.zeros(8, int), np.zeros(8, int), np.full((8, 2), 0.5))
    columns = subgroup_columns(scores, replace(data, manifest=manifest_of(rows)))
    assert set(columns) == {"site", "sex", "size of opacity"}
    assert columns["site"].tolist() == [row.extra["site"] for row in rows[::-1]]
    assert columns["size of opacity"].tolist() == [""] * 6 + ["q/t, 1.5 to 3 mm"] * 2


def test_many_numbers_are_put_into_thirds():
    ages = np.array([str(age) for age in range(40, 70)] + [""])
    found = in_thirds(ages)
    assert np.unique(found, return_counts=True)[1].tolist() == [1, 10, 10, 10]
    assert found[0] == "up to 49.7"
    assert found[-2] == "above 59.3"


def test_many_texts_are_left_out_and_few_stand():
    assert set(in_thirds(np.array([f"comment {n}" for n in range(20)]))) == {""}
    assert in_thirds(np.array(["F", "M", ""])).tolist() == ["F", "M", ""]
