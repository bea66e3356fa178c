"""The CSV of images and patients."""

from __future__ import annotations

import pytest

from keras_cwp.data.annotations.read import read_rois
from keras_cwp.errors import DataError

BAD_PATIENTS = {
    "other columns": ("image,patient\na.png,1\n", "expected the columns image, patient_id, got image, patient"),
    "image missing": ("image,patient_id\nb.png,1\n", r"no patient for image 'a\.png', which .*line 2 uses"),
    "two patients": ("image,patient_id\na.png,1\na.png,2\n", r"line 3: image 'a\.png' has another patient here"),
    "empty id": ("image,patient_id\na.png,\n", "line 2: patient_id is empty"),
}


@pytest.mark.parametrize(("text", "message"), BAD_PATIENTS.values(), ids=BAD_PATIENTS)
def test_bad_patients_file(text, message, table, images, tmp_path):
    patients = tmp_path / "patients.csv"
    patients.write_text(text)
    with pytest.raises(DataError, match=message):
        read_rois(table("a.png,n", header="image,label"), images, patients=patients)


def patients_file(tmp_path, *lines: str, header: str = "image,patient_id"):
    (tmp_path / "patients.csv").write_text("\n".join((header, *lines)) + "\n", encoding="utf-8")
    return tmp_path / "patients.csv"


@pytest.mark.parametrize("spelling", ["./{}.png", "{}.PNG", " {}.png ", "{}", ".\\{}.png"])
def test_names_that_are_spelt_otherwise_meet(spelling, table, images, tmp_path):
    path = table("./a.png,n", "b.png,s", header="image,label")
    patients = patients_file(tmp_path, f"{spelling.format('a')},P0", f"{spelling.format('b')},P1")
    assert [roi.patient_id for roi in read_rois(path, images, patients=patients)] == ["P0", "P1"]


def test_images_that_are_not_used_or_not_there_do_not_matter(table, images, tmp_path):
    patients = patients_file(tmp_path, "a.png,P0", "f.png,P5", "gone.png,P9")
    rois = read_rois(table("a.png,n", header="image,label"), images, patients=patients)
    assert [roi.patient_id for roi in rois] == ["P0"]


def test_further_columns_are_kept(table, images, tmp_path):
    patients = patients_file(tmp_path, "a.png,P0,M", header="image,patient_id,sex")
    (roi,) = read_rois(table("a.png,n", header="image,label"), images, patients=patients)
    assert roi.extra == {"sex": "M"}


def test_a_contradiction_with_the_tables_own_column(table, images, tmp_path):
    path = table("a.png,Q0,n", "b.png,Q0,s", "c.png,Q1,s", header="image,patient_id,label")
    patients = patients_file(tmp_path, "a.png,P0", "b.png,P1", "c.png,P2")
    with pytest.raises(DataError, match=r"one patient by .*rois\.csv \('Q0'\) and of two by .*patients\.csv .*--trust"):
        read_rois(path, images, patients=patients)
    trusted = {
        trust: [roi.patient_id for roi in read_rois(path, images, patients=patients, trust=trust)]
        for trust in ("table", "patients")
    }
    assert trusted == {"table": ["Q0", "Q0", "Q1"], "patients": ["P0", "P1", "P2"]}


def test_other_names_for_the_same_people_are_no_contradiction(table, images, tmp_path):
    path = table("a.png,Q0,n", "b.png,Q0,s", "c.png,Q1,s", header="image,patient_id,label")
    patients = patients_file(tmp_path, "a.png,P0", "b.png,P0", "c.png,P1")
    assert [roi.patient_id for roi in read_rois(path, images, patients=patients)] == ["P0", "P0", "P1"]


def test_swapped_names_are_a_contradiction(table, images, tmp_path):
    path = table("a.png,P0,n", "b.png,P1,s", header="image,patient_id,label")
    with pytest.raises(DataError, match=r"image 'a\.png' is of 'P0' by .* and of 'P1' by "):
        read_rois(path, images, patients=patients_file(tmp_path, "a.png,P1", "b.png,P0"))


def test_trust_of_another_kind(good_table, images):
    with pytest.raises(DataError, match="trust is 'me'; expected one of table, patients, files"):
        read_rois(good_table, images, trust="me")
