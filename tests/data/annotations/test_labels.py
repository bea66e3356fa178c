"""Class names: the map, and names that look alike."""

from __future__ import annotations

import re

import pytest

from keras_cwp.data.annotations.read import read_rois
from keras_cwp.errors import DataError


def test_labels_are_mapped_or_left_out(good_table, images, tmp_path):
    (tmp_path / "map.yaml").write_text("normal: null\nsick: opacity\n")
    rois = read_rois(good_table, images, labels=tmp_path / "map.yaml")
    assert [(roi.image, roi.label) for roi in rois] == [(name, "opacity") for name in ("b.png", "d.png", "d.png")]


BAD_MAPS = {
    "a label missing": ("sick: s\n", "no entry for 'normal', which .*line 2 uses"),
    "a list": ("- sick\n", "expected lines such as .* got list"),
    "a list as a class": ("sick: [1]\n", r"'sick' is mapped to \['1'\]; expected a class name or null"),
    "no yaml": ("a: b: c\n", "cannot be read as YAML"),
    "all left out": ("sick: null\nnormal: null\n", "no regions of interest"),
}


@pytest.mark.parametrize(("text", "message"), BAD_MAPS.values(), ids=BAD_MAPS)
def test_bad_label_map(text, message, good_table, images, tmp_path):
    (tmp_path / "map.yaml").write_text(text)
    with pytest.raises(DataError, match=message):
        read_rois(good_table, images, labels=tmp_path / "map.yaml")


def test_words_that_yaml_reads_as_truth_stay_names(table, images, tmp_path):
    (tmp_path / "map.yaml").write_text("no: normal\nyes: opacity\n01: off\non: null\nnull: none\n")
    path = table(
        "a.png,P,no", "b.png,P,yes", "c.png,Q,01", "d.png,Q,on", "e.png,R,NULL", header="image,patient_id,label"
    )
    rois = read_rois(path, images, labels=tmp_path / "map.yaml")
    assert [roi.label for roi in rois] == ["normal", "opacity", "off", "none"]


def test_an_entry_that_no_region_has_is_said(good_table, images, tmp_path):
    (tmp_path / "map.yaml").write_text("normal: n\nsick: s\nsik: s\n")
    notes: list[str] = []
    read_rois(good_table, images, labels=tmp_path / "map.yaml", note=notes.append)
    assert any("no region has the label 'sik'" in note for note in notes)


def test_an_entry_that_is_spelt_otherwise_is_named(good_table, images, tmp_path):
    (tmp_path / "map.yaml").write_text("Normal: n\nsick: s\n")
    with pytest.raises(DataError, match=r"no entry for 'normal', .*\('Normal' is spelt otherwise\)"):
        read_rois(good_table, images, labels=tmp_path / "map.yaml")


ALIKE = [("Opacity", "opacity"), ("1", "1.0"), ("01", "1"), ("grade 1", "grade1"), ("\uff30", "P"), ("\u0410", "A")]


@pytest.mark.parametrize(("one", "other"), ALIKE)
def test_labels_that_look_alike_are_asked_about(one, other, table, images):
    path = table(f"a.png,P,{one}", f"b.png,Q,{other}", "c.png,R,well", header="image,patient_id,label")
    with pytest.raises(DataError, match=f"the labels '{one}' .* and '{other}' .* differ only in spelling") as caught:
        read_rois(path, images)
    assert "--labels" in str(caught.value)
    assert "--names-as-written" in str(caught.value)
    assert len({roi.label for roi in read_rois(path, images, names_as_written=True)}) == 3


@pytest.mark.parametrize("label", ["nan", "NULL", "N/A", "#N/A", "None", "-", "?"])
def test_a_label_that_looks_like_an_empty_cell_is_asked_about(label, table, images, tmp_path):
    path = table("a.png,P,sick", f"b.png,Q,{label}", header="image,patient_id,label")
    with pytest.raises(DataError, match=rf"line 3: the label '{re.escape(label)}' looks like an empty cell; map it"):
        read_rois(path, images)
    assert len(read_rois(path, images, names_as_written=True)) == 2
    (tmp_path / "map.yaml").write_text(f'"{label}": null\nsick: sick\n')
    assert [roi.label for roi in read_rois(path, images, labels=tmp_path / "map.yaml")] == ["sick"]


@pytest.mark.parametrize("pair", [("1/0", "0/1"), ("p", "q"), ("Ⅰ期", "Ⅱ期"), ("grade 1", "grade 11"), ("1/1", "11")])
def test_labels_that_differ_are_no_question(pair, table, images):
    path = table(f"a.png,P,{pair[0]}", f"b.png,Q,{pair[1]}", header="image,patient_id,label")
    assert [roi.label for roi in read_rois(path, images)] == list(pair)
