"""Marks of several readers: which are one finding, its box, its labels, and what is asked about."""

from __future__ import annotations

import pytest

from keras_cwp.data.annotations.read import read_rois
from keras_cwp.errors import DataError

HEADER = "image,patient_id,label,x,y,width,height,reader"


def rows(*marks):
    """Lines of one radiograph from (label, box, reader)."""
    return [f"a.png,P,{label},{box},{reader}" for label, box, reader in marks]


def read(table, images, *marks, header=HEADER):
    return read_rois(table(*rows(*marks), header=header), images)


def test_marks_that_overlap_by_half_are_one_finding_with_every_label(table, images):
    (found,) = read(table, images, ("n", "10,10,20,20", "A"), ("s", "12,10,20,20", "B"), ("s", "10,14,20,20", "C"))
    assert found.readings == (("A", "n"), ("B", "s"), ("C", "s"))
    assert found.label == "s"
    assert found.box == (10, 10, 20, 20)  # the median of left, top, right and bottom
    assert (found.reader, found.roi_id) == ("", "1:a.png")


@pytest.mark.parametrize(("shift", "findings"), [(6.6, 1), (6.7, 2)])
def test_half_is_measured_by_intersection_over_union(table, images, shift, findings):
    """Boxes of 20 pixels shifted by 20/3 share exactly half of their union."""
    found = read(table, images, ("n", "10,10,20,20", "A"), ("n", f"{10 + shift},10,20,20", "B"))
    assert len(found) == findings


def test_a_reader_has_one_mark_in_a_finding_and_the_largest_overlap_wins(table, images):
    found = read(table, images, ("n", "10,10,20,20", "A"), ("s", "12,10,20,20", "A"), ("x", "13,10,20,20", "B"))
    assert [roi.readings for roi in found] == [(("A", "n"),), (("A", "s"), ("B", "x"))]


def test_one_id_joins_marks_that_overlap_little_and_not_those_apart(table, images):
    header = HEADER + ",roi_id"
    near = [f"{line},r1" for line in rows(("n", "10,10,20,20", "A"), ("s", "25,10,20,20", "B"))]
    (found,) = read_rois(table(*near, header=header), images)
    assert (found.roi_id, found.label) == ("r1", "")
    apart = [f"{line},r1" for line in rows(("n", "0,0,10,10", "A"), ("s", "30,10,20,20", "B"))]
    first, second = read_rois(table(*apart, header=header), images)
    assert (first.roi_id, second.roi_id) == ("r1", "B:r1")


def test_several_tables_are_of_the_readers_whom_their_names_give(tmp_path, images):
    header = "image,patient_id,label,x,y,width,height"
    for name, label in (("rois_R1", "n"), ("R2", "s")):
        (tmp_path / f"{name}.csv").write_text(f"{header}\na.png,P,{label},10,10,20,20\nb.png,P,n,,,,\n")
    notes: list[str] = []
    found = read_rois([tmp_path / "rois_R1.csv", tmp_path / "R2.csv"], images, note=notes.append)
    assert [roi.readings for roi in found] == [(("R1", "n"), ("R2", "s")), (("R1", "n"), ("R2", "n"))]
    assert "2 readers (R1, R2); 2 findings were labelled: 2 by 2 readers" in notes[-1]
    assert not any("counts twice" in note for note in notes)


def test_numbers_of_rows_join_nothing(tmp_path, images):
    """Without ids a row is called by its number, which is the same in every table."""
    header = "image,patient_id,label,x,y,width,height,reader"
    for name, box in (("A", "10,10,20,20"), ("B", "25,10,20,20")):
        (tmp_path / f"{name}.csv").write_text(f"{header}\na.png,P,n,{box},{name}\n")
    assert len(read_rois([tmp_path / "A.csv", tmp_path / "B.csv"], images)) == 2


def test_columns_are_kept_where_readers_do_not_contradict_each_other(table, images):
    lines = [
        f"{line},{extra}"
        for line, extra in zip(
            rows(("n", "1,1,20,20", "A"), ("n", "1,1,20,20", "B")), ("male,2020,", "male,2021,upper"), strict=True
        )
    ]
    (found,) = read_rois(table(*lines, header=HEADER + ",sex,read_in,zone"), images)
    assert found.extra == {"sex": "male", "zone": "upper"}


def test_one_reader_is_as_none(table, images):
    found = read(table, images, ("n", "1,1,20,20", "A"), ("s", "30,1,20,20", "A"))
    assert [roi.readings for roi in found] == [(), ()]
    assert [roi.label for roi in found] == ["n", "s"]


def test_two_marks_of_one_reader_on_one_finding_are_still_said(table, images):
    notes: list[str] = []
    lines = rows(("n", "1,1,20,20", "A"), ("s", "2,1,20,20", "A"), ("s", "30,1,20,20", "B"))
    read_rois(table(*lines, header=HEADER), images, note=notes.append)
    assert sum("1 pair of regions on one radiograph overlap" in note for note in notes) == 1


def test_what_is_refused(table, images, tmp_path):
    with pytest.raises(DataError, match="line 3: reader is empty; where other rows name a reader"):
        read(table, images, ("n", "1,1,20,20", "A"), ("s", "1,1,20,20", ""), ("s", "1,1,20,20", "B"))
    lines = [f"{line},{mm}" for line, mm in zip(rows(("n", ",,,", "A"), ("n", ",,,", "B")), (0.1, 0.2), strict=True)]
    with pytest.raises(DataError, match="spacing_mm differs between the readers"):
        read_rois(table(*lines, header=HEADER + ",spacing_mm"), images)
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "R.csv").write_text("image,patient_id,label\na.png,P,n\n")
    with pytest.raises(DataError, match="2 of the tables are called 'R'"):
        read_rois([tmp_path / "one" / "R.csv", tmp_path / "two" / "R.csv"], images)
    (tmp_path / "A.csv").write_text("image,patient_id,label\na.png,P,Normal\n")
    (tmp_path / "B.csv").write_text("image,patient_id,label\na.png,P,normal\n")
    with pytest.raises(DataError, match=r"labels 'Normal' .* and 'normal' .* differ only in spelling"):
        read_rois([tmp_path / "A.csv", tmp_path / "B.csv"], images)
