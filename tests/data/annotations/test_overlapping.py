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
        assert f"{said} on one radiograph overlaps by more than half, 1 of one label" in found[0]
        assert "line 2" in found[0]
    repeated = any("1 region repeats another with the same box and label" in note for note in notes)
    assert repeated == (said is not None and one == other)


def test_one_box_with_two_labels_is_named(table, images):
    notes: list[str] = []
    read_rois(table("a.png,P,n,1,1,20,20", "a.png,P,large,1,1,20,20", "b.png,P,n,1,1,20,20"), images, note=notes.append)
    said = next(note for note in notes if "two labels" in note)
    assert "1 box has two labels" in said
    assert "line 2 says 'n'" in said
    assert "line 3 says 'large'" in said
