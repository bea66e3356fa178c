"""Zones of the lungs by the names that people give them; what is no zone is one clear line."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from support.fold_stub import manifest_of, small_data

from keras_cwp.data.zones import NO_ZONE, ZONES, seem_lobes, zone_column, zone_of, zones_of
from keras_cwp.errors import DataError

SPELLINGS = {
    "right upper": ["RU", "ru", "R-U", "R.U.", "RUZ", "UR", "RUL", "right upper", "Right_Upper_Zone", "RightUpper",
                    "rightupper", "R-upper", "upper right", "UPPER ZONE OF THE RIGHT LUNG", "右上", "右上肺野",
                    "右肺上区", "rechtes Oberfeld", "droit supérieur", "pulmón derecho superior", "Prawe górne",
                    "правое верхнее поле", "Right upper zone (RUZ)", "右上肺区（RU）", "右上 / right upper", "sağ üst",
                    "우상", "우상폐야"],
    "right middle": ["RM", "MR", "RMZ", "right mid-zone", "R mid", "右中", "rechts Mitte"],
    "right lower": ["RL", "LR", "RLZ", "right L", "rLower", "lower right", "右下肺区"],
    "left upper": ["LU", "UL", "upper L", "L U", "Lt. upper", "左上"],
    "left middle": ["LM", "ML", "LMZ", "poumon gauche champ moyen", "左中"],
    "left lower": ["LL", "LLZ", "L lower", "left base", "inferior esquerdo", "ＬＬ", " 左 下 "],
}  # fmt: skip


@pytest.mark.parametrize(("zone", "name"), [(zone, name) for zone, names in SPELLINGS.items() for name in names])
def test_a_zone_by_any_name(zone, name):
    assert ZONES[zone_of(name)] == zone


@pytest.mark.parametrize(
    "name",
    [
        "hilum",
        "right",
        "upper",
        "both upper",
        "RU LU",
        "right upper left",
        "zone 1",
        "R1",
        "1",
        "RX",
        "中",
        "右",
        "双上",
        "RU left",
    ],
)
def test_what_is_no_zone_is_named_with_what_was_expected(name):
    with pytest.raises(
        DataError, match=rf"zone '{name}' is not a zone of the lungs: expected right or left with upper"
    ):
        zone_of(name)


@pytest.mark.parametrize(
    "name", ["right upper lobe", "右上叶", "lóbulo superior derecho", "rechter Oberlappen", "우상엽"]
)
def test_a_lobe_is_no_zone(name):
    with pytest.raises(DataError, match=r"is a lobe; a radiograph is staged by zones"):
        zone_of(name)


def test_a_column_of_names_gives_numbers_and_one_line_for_all_that_are_none():
    assert zones_of(["RU", "", "左下", "LL", " "]).tolist() == [0, NO_ZONE, 5, 5, NO_ZONE]
    with pytest.raises(DataError, match=r"zone 'apex' is not .*\(2 ROIs\); so are 'hilum'$") as caught:
        zones_of(["RU", "hilum", "apex", "apex"])
    assert "\n" not in str(caught.value)
    assert zones_of([]).tolist() == []


def test_names_that_may_be_lobes():
    assert seem_lobes(["RUL", "RML", "RLL", "LUL", "LLL"])
    assert not seem_lobes(["RUL", "RML", "RLL", "LUL", "LML", "LLL"])
    assert not seem_lobes(["RU", "LL"])


@pytest.mark.parametrize("name", ["zone", "Zone", "ZONE", "lung_zone", "Lung Zone", "肺区"])
def test_the_column_by_its_name(name, tmp_path):
    data = small_data(tmp_path, patients=2)
    rows = [replace(row, extra={"sex": "F", name: "RU"}) for row in data.manifest]
    assert zone_column(manifest_of(rows)) == name
    assert zone_column(data.manifest) is None


def test_zone_comes_before_other_names(tmp_path):
    rows = [replace(row, extra={"lung zone": "x", "zone": "RU"}) for row in small_data(tmp_path, patients=2).manifest]
    assert zone_column(manifest_of(rows)) == "zone"
    assert np.array_equal(zones_of(manifest_of(rows).texts("zone")), np.zeros(4))
