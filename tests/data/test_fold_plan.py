"""Folds by patient and by site: who is held out when, and what cannot be divided."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from support.fold_stub import manifest_of, small_config, small_data

from keras_cwp.data.fold_plan import fold_parts, sites
from keras_cwp.errors import SplitError


@pytest.fixture
def of_three_sites(tmp_path):
    return small_data(tmp_path, ("north", "south", "west"), 24)


def relabelled(data, site, name):
    """The same with all ROIs of a site given one label."""
    rows = [replace(row, label=name if row.extra["site"] == site else row.label) for row in data.manifest]
    return replace(data, manifest=manifest_of(rows))


def test_each_repeat_holds_every_roi_out_once_in_other_folds(tmp_path):
    splits = fold_parts(small_data(tmp_path), small_config(repeats=2))
    assert list(splits) == [1, 2, 3, 4, 5, 6]
    held_out = np.stack([parts == "test" for parts in splits.values()])
    assert (held_out[:3].sum(axis=0) == 1).all()
    assert (held_out[3:].sum(axis=0) == 1).all()
    assert (held_out[:3] != held_out[3:]).any()


def test_inner_folds_take_the_place_of_validation(tmp_path):
    plain, nested = (fold_parts(small_data(tmp_path), small_config(inner=inner)) for inner in (None, 4))
    assert all((parts == "validation").any() for parts in plain.values())
    for fold, parts in nested.items():
        assert set(parts) == {"train", "test"}
        np.testing.assert_array_equal(parts == "test", plain[fold] == "test")


def test_by_site_each_site_is_held_out_whole_and_alone(of_three_sites):
    splits = fold_parts(of_three_sites, small_config(by="site"))
    for (_, parts), site in zip(splits.items(), ("north", "south", "west"), strict=True):
        np.testing.assert_array_equal(parts == "test", sites(of_three_sites) == site)
        assert (parts == "validation").any()


def test_a_roi_without_site(tmp_path):
    with pytest.raises(SplitError, match=r"12 of 24 ROIs of .* have no site; .* `site` column without gaps"):
        fold_parts(small_data(tmp_path, ("north", "")), small_config(by="site"))


def test_one_site(tmp_path):
    with pytest.raises(SplitError, match="one site only"):
        fold_parts(small_data(tmp_path, ("north",)), small_config(by="site"))


def test_repeats_by_site(of_three_sites):
    with pytest.raises(SplitError, match=r"one set of folds, got split.repeats 2"):
        fold_parts(of_three_sites, small_config(by="site", repeats=2))


def test_a_class_of_one_site(tmp_path):
    data = small_data(tmp_path, ("north", "south"))
    data = relabelled(relabelled(data, "north", "normal"), "south", "opacity")
    with pytest.raises(SplitError, match="class 'normal' is at site 'north' only"):
        fold_parts(data, small_config(by="site"))


def test_a_patient_at_two_sites_is_counted_not_named(of_three_sites):
    rows = list(of_three_sites.manifest)
    rows[0] = replace(rows[0], extra={"site": "south"})
    with pytest.raises(SplitError, match="1 patient stands in more than one part") as caught:
        fold_parts(replace(of_three_sites, manifest=manifest_of(rows)), small_config(by="site"))
    assert "P0" not in str(caught.value)
