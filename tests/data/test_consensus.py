"""Several readers through prepare: one ROI a finding, its consensus, every reader's label, and ties."""

from __future__ import annotations

import json

import pytest

from keras_cwp.audit.checks import leaks
from keras_cwp.config import DataConfig
from keras_cwp.data.prepare import prepare, prepare_cached
from keras_cwp.data.prepared import PreparedData
from keras_cwp.errors import DataError

HEADER = "image,patient_id,label,x,y,width,height,reader"
MARKS = (
    *("a.png,P1,normal,2,3,20,20,A", "a.png,P1,normal,2,3,20,20,B", "a.png,P1,sick,3,3,20,20,C"),
    *("b.png,P2,sick,2,3,20,20,A", "b.png,P2,sick,2,3,20,20,B"),
    *("c.png,P3,normal,2,3,20,20,A", "c.png,P3,sick,2,3,20,20,C"),
)
ONE = {"rois": 1, "images": 1, "patients": 1}


def config(**settings):
    return DataConfig(image_size=32, **settings)


def test_every_label_is_kept_beside_the_consensus(table, images, tmp_path):
    data = prepare(table(*MARKS, header=HEADER), images, tmp_path / "data", config(ties="A"))
    assert data.label_names.tolist() == ["normal", "sick", "normal"]
    assert data.readers == ("A", "B", "C")
    assert data.readings.tolist() == [[0, 0, 1], [1, 1, -1], [0, -1, 1]]
    assert data.shares.tolist() == [pytest.approx([2 / 3, 1 / 3]), [0, 1], [0.5, 0.5]]
    assert PreparedData.open(data.path).content_hash == data.content_hash
    assert not leaks(data)


def test_a_data_set_without_readers_has_whole_shares(good_table, images, tmp_path):
    data = prepare(good_table, images, tmp_path / "data", config())
    assert (data.readers, data.readings.shape) == ((), (6, 0))
    assert data.shares.argmax(axis=1).tolist() == data.labels.tolist()
    assert data.shares.max(axis=1).tolist() == [1] * 6


def test_a_tie_asks(table, images, tmp_path):
    with pytest.raises(DataError, match=r"1 of 3 ROIs has no label .*line 7: A normal, C sick\); say .*data.ties"):
        prepare(table(*MARKS, header=HEADER), images, tmp_path / "data", config())
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("settings", "labels"),
    [
        ({"ties": "C"}, ["normal", "sick", "sick"]),
        ({"ties": "leave_out"}, ["normal", "sick"]),
        ({"ties": "B"}, ["normal", "sick"]),  # B has not read the tied ROI
        ({"ties": "worse", "ordinal": ("normal", "sick")}, ["normal", "sick", "sick"]),
        ({"ties": "worse", "ordinal": ("sick", "normal")}, ["normal", "sick", "normal"]),
    ],
)
def test_rules_for_ties(table, images, tmp_path, settings, labels):
    data = prepare(table(*MARKS, header=HEADER), images, tmp_path / "data", config(**settings))
    assert data.label_names.tolist() == labels
    left_out = json.loads((data.path / "dataset.json").read_text())["left_out"]
    assert left_out == ({} if len(labels) == 3 else {"no majority of the readers (data.ties)": ONE})


def test_the_reference_is_no_reader_beside_the_model(table, images, tmp_path):
    data = prepare(table(*MARKS, header=HEADER), images, tmp_path / "data", config(reference="C"))
    assert data.meta["reference"] == "C"
    assert data.label_names.tolist() == ["sick", "sick"]
    assert data.readers == ("A", "B")
    left_out = json.loads((data.path / "dataset.json").read_text())["left_out"]
    assert left_out == {"no label of the reference (data.reference)": ONE}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"ties": "D"}, "data.ties is 'D'; expected leave_out, worse or a reader: A, B, C"),
        ({"ties": "worse"}, "data.ordinal does not say in which order"),
        ({"reference": "D"}, "data.reference is 'D', which is no reader; readers: A, B, C"),
        ({"ties": "A", "classes": ("normal", "ill")}, "is not of data.classes"),
    ],
)
def test_rules_that_cannot_be_followed(table, images, tmp_path, settings, message):
    with pytest.raises(DataError, match=message):
        prepare(table(*MARKS, header=HEADER), images, tmp_path / "data", config(**settings))


def test_a_class_that_only_a_minority_gave_is_a_class_and_said(table, images, tmp_path):
    notes: list[str] = []
    marks = [*MARKS[:5], "d.png,P4,normal,1,1,9,9,A", "d.png,P4,normal,1,1,9,9,B", "d.png,P4,odd,1,1,9,9,C"]
    data = prepare(table(*marks, header=HEADER), images, tmp_path / "data", config(), note=notes.append)
    assert data.classes == ("normal", "odd", "sick")
    assert any("no ROI of the class 'odd', which single readers gave" in note for note in notes)
    with pytest.raises(DataError, match=r"a reader's label 'odd' is not of data.classes"):
        prepare(table(*marks, header=HEADER), images, tmp_path / "two", config(classes=("normal", "sick")))


def test_the_cache_knows_the_readings(table, images, monkeypatch, tmp_path):
    """The third reading changes neither box nor consensus."""
    monkeypatch.setenv("KERAS_CWP_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    marks = [*MARKS[:2], *MARKS[3:5]]
    two = prepare_cached(table(*marks, header=HEADER), images, config())
    three = prepare_cached(table(*marks, "a.png,P1,sick,2,3,20,20,C", header=HEADER), images, config())
    assert two.path != three.path
    assert (two.readers, three.readers) == (("A", "B"), ("A", "B", "C"))


def test_a_column_that_is_called_like_a_reading_is_no_reading(table, images, tmp_path):
    lines = ["a.png,P1,normal,x", "b.png,P2,sick,y"]
    data = prepare(
        table(*lines, header="image,patient_id,label,reader:of the film"), images, tmp_path / "data", config()
    )
    assert data.readers == ()
