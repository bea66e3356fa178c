"""Findings that are marked twice."""

from __future__ import annotations

import pytest

from keras_cwp.data.annotations.read import read_rois

PAIRS = {
    "the same": ("1,1,20,20", "1,1,20,20", "1 pair of regions"),
    "by two readers": ("1,1,20,20", "3,2,20,20", "1 pair of regions"),
    "beside": ("1,1,20,20", "21,1,20,20", None),
    "half": ("0,0,20,20", "10,0,20,20", None),
    "whole pictures": (",,,", ",,,", "1 pair of regions"),
    "a whole picture and a part": (",,,", "1,1,20,20", None),
}


@pytest.mark.parametrize(("one", "other", "said"), PAIRS.values(), ids=PAIRS)
def test_pairs(one, other, said, table, images):
    notes: list[str] = []
    read_rois(table(f"a.png,P,n,{one}", f"a.png,P,n,{other}", f"b.png,P,n,{one}"), images, note=notes.append)
    found = [note for note in notes if "overlap" in note]
    assert bool(found) == (said is not None)
    if said:
        assert f"{said} on one radiograph overlap by more than half, 1 of one label" in found[0]
        assert "line 2" in found[0]
