"""Who the patients are, by every source that names them."""

from __future__ import annotations

import numpy as np
import pytest
from support.dicom_file import dicom

from keras_cwp.audit.checks import audit
from keras_cwp.config import DataConfig
from keras_cwp.data.overruled import OVERRULED_FILE, read_overruled
from keras_cwp.data.prepare import prepare
from keras_cwp.data.prepared import PreparedData
from keras_cwp.errors import DataError

CONFIG = DataConfig(image_size=32)


def films(tmp_path, *elements: dict) -> None:
    """DICOM radiographs 0.dcm, 1.dcm … with these elements, and rois.csv of two classes in turn."""
    (tmp_path / "images").mkdir()
    lines = ["image,label"]
    for number, each in enumerate(elements):
        pixels = np.random.default_rng(number).integers(0, 4096, (48, 48)).astype(np.uint16)
        dicom(tmp_path / "images" / f"{number}.dcm", pixels, **each)
        lines.append(f"{number}.dcm,{'ab'[number % 2]}")
    (tmp_path / "rois.csv").write_text("\n".join(lines) + "\n")


def with_column(tmp_path, *patients: str):
    lines = (tmp_path / "rois.csv").read_text().splitlines()
    named = [f"{line},{patient}" for line, patient in zip(lines, ("patient_id", *patients), strict=True)]
    (tmp_path / "rois.csv").write_text("\n".join(named) + "\n")


def patients(tmp_path, config: DataConfig = CONFIG, **options) -> list[str]:
    return prepare(tmp_path / "rois.csv", tmp_path / "images", tmp_path / "data", config, **options).patients.tolist()


FOUR = tuple({"PatientID": name} for name in ("A", "A", "B", "B"))


def test_headers_name_the_patients(tmp_path):
    films(tmp_path, *FOUR)
    assert patients(tmp_path) == ["A", "A", "B", "B"]


def test_a_patient_for_each_image_against_the_headers(tmp_path):
    films(tmp_path, *FOUR)
    with pytest.raises(DataError, match=r"4 by --patient-per-image and 2 by the DICOM headers; .*leave --patient-per-"):
        patients(tmp_path, patient_per_image=True)
    assert patients(tmp_path, patient_per_image=True, trust="files") == ["A", "A", "B", "B"]
    assert patients(tmp_path, patient_per_image=True, trust="table") == [f"{n}.dcm" for n in range(4)]


def test_a_patient_for_each_image_that_the_headers_confirm(tmp_path):
    films(tmp_path, *({"PatientID": name} for name in "ABCD"))
    assert patients(tmp_path, patient_per_image=True) == ["A", "B", "C", "D"]


@pytest.mark.parametrize("column", [("1", "2", "3", "4"), ("1", "1", "1", "1")], ids=["parts", "joins"])
def test_a_column_against_the_headers(column, tmp_path):
    films(tmp_path, *FOUR)
    with_column(tmp_path, *column)
    with pytest.raises(DataError, match=r"rois\.csv.*the DICOM headers.*--trust table or --trust files"):
        patients(tmp_path)
    assert patients(tmp_path, trust="table") == list(column)
    assert patients(tmp_path, trust="files") == ["A", "A", "B", "B"]


def test_a_file_of_patients_against_the_headers(tmp_path):
    films(tmp_path, *FOUR)
    (tmp_path / "p.csv").write_text("image,patient_id\n0.dcm,1\n1.dcm,2\n2.dcm,3\n3.dcm,3\n")
    with pytest.raises(DataError, match=r"of one patient by the DICOM headers \('A'\) and of two by .*p\.csv"):
        patients(tmp_path, patients=tmp_path / "p.csv")
    assert patients(tmp_path, patients=tmp_path / "p.csv", trust="patients") == ["1", "2", "3", "3"]


def test_pseudonyms_that_agree_with_the_headers(tmp_path):
    films(tmp_path, *FOUR)
    with_column(tmp_path, "X", "X", "Y", "Y")
    assert patients(tmp_path) == ["X", "X", "Y", "Y"]


def test_swapped_ids(tmp_path):
    films(tmp_path, *FOUR)
    with_column(tmp_path, "B", "B", "A", "A")
    with pytest.raises(DataError, match=r"image '0\.dcm' is of 'B' by .* and of 'A' by the DICOM headers"):
        patients(tmp_path)


def test_two_numberings_that_overlap_by_chance(tmp_path):
    films(tmp_path, *({"PatientID": name} for name in ("P1", "P1", "P2", "P3")))
    with_column(tmp_path, "P0", "P0", "P1", "P2")
    notes: list[str] = []
    assert patients(tmp_path, note=notes.append) == ["P0", "P0", "P1", "P2"]
    (note,) = [note for note in notes if "number the patients differently" in note]
    assert "image '0.dcm' is of 'P0' by" in note
    assert "and of 'P1' by the DICOM headers); check that no column was shifted" in note
    assert {row.image: row.overruled_id for row in read_overruled(tmp_path / "data")}["2.dcm"] == "P2"
    notes.clear()
    assert patients(tmp_path, note=notes.append, trust="files") == ["P1", "P1", "P2", "P3"]
    assert not [note for note in notes if "number the patients" in note]


@pytest.mark.parametrize("column", [("P1", "P0", "P2", "P3"), ("P0", "P1", "P2", "P3"), ("P2", "P3", "P2", "P4")])
def test_one_numbering_that_was_mixed_up_is_refused(column, tmp_path):
    films(tmp_path, *({"PatientID": name} for name in ("P0", "P2", "P1", "P3")))
    with_column(tmp_path, *column)
    with pytest.raises(DataError, match="by the DICOM headers"):
        patients(tmp_path)


def test_headers_that_name_nobody_do_not_count(tmp_path):
    films(tmp_path, *({"PatientID": "ANONYMOUS"} for _ in range(4)))
    with pytest.raises(DataError, match="no patient is known of image"):
        patients(tmp_path)
    with_column(tmp_path, "1", "1", "2", "3")
    assert patients(tmp_path) == ["1", "1", "2", "3"]


def test_leading_zeros_in_the_headers_are_the_same_id(tmp_path):
    films(tmp_path, *({"PatientID": name} for name in ("0001", "0001", "0002", "0002")))
    with_column(tmp_path, "1", "1", "2", "2")
    assert patients(tmp_path) == ["1", "1", "2", "2"]


def test_one_id_of_two_issuers_is_two_people(tmp_path):
    films(tmp_path, *({"PatientID": "7", "IssuerOfPatientID": issuer} for issuer in ("N", "N", "S", "S")))
    assert patients(tmp_path) == ["7 (N)", "7 (N)", "7 (S)", "7 (S)"]


@pytest.mark.parametrize("issuers", [("N", "N"), ("North", "NORTH "), ("N", "")])
def test_one_issuer_adds_nothing(issuers, tmp_path):
    given = zip("7788", issuers * 2, strict=True)
    films(tmp_path, *({"PatientID": name, "IssuerOfPatientID": issuer} for name, issuer in given))
    assert patients(tmp_path) == ["7", "7", "8", "8"]


STUDIES = tuple({"PatientID": name, "StudyInstanceUID": f"1.2.{n // 2}"} for n, name in enumerate(("A", "X", "B", "Y")))


def test_one_study_under_two_patients(tmp_path):
    films(tmp_path, *STUDIES)
    with pytest.raises(DataError, match=r"2 DICOM studies stand under several patients \(first: '0\.dcm' of 'A'"):
        patients(tmp_path)
    assert patients(tmp_path, trust="files") == ["A", "X", "B", "Y"]
    linked = DataConfig(image_size=32, link_duplicates=True)
    assert patients(tmp_path, linked) == ["A + X", "A + X", "B + Y", "B + Y"]


def test_a_column_that_parts_a_study(tmp_path):
    films(tmp_path, *({"PatientID": "", "StudyInstanceUID": f"1.2.{n // 2}"} for n in range(4)))
    with_column(tmp_path, "1", "2", "3", "3")
    with pytest.raises(DataError, match="1 DICOM study stands under several patients"):
        patients(tmp_path)


def png_table(*ids: str, table):
    lines = [f"{name}.png,{label},{patient}" for name, label, patient in zip("abcdef", "xyxyxy", ids, strict=False)]
    return table(*lines, header="image,label,patient_id")


@pytest.mark.parametrize(("one", "other"), [("P1", "p1"), ("1", "1.0"), ("01", "1"), ("P 1", "P1"), ("Ｐ1", "P1")])
def test_ids_that_look_alike_are_asked_about(one, other, table, images, tmp_path):
    path = png_table(one, other, "Q", table=table)
    with pytest.raises(DataError, match=rf"1 patient id is spelt in several ways \(first: '{one}' at .*'{other}' at "):
        prepare(path, images, tmp_path / "data", CONFIG)
    assert len(set(prepare(path, images, tmp_path / "data", CONFIG, names_as_written=True).patients.tolist())) == 3


def test_ids_that_look_the_same_are_one(table, images, tmp_path):
    path = png_table("Mu\u0308ller", "M\u00fcller", "M\u00fcller\u200b", " M\u00fcller", "Q", table=table)
    assert prepare(path, images, tmp_path / "data", CONFIG).patients.tolist() == [*["M\u00fcller"] * 4, "Q"]


@pytest.mark.parametrize("name", ["nan", "NULL", "unknown", "1.23457E+11"])
def test_ids_of_nobody_are_asked_about(name, table, images, tmp_path):
    path = png_table("P1", name, table=table)
    with pytest.raises(DataError, match=r"line 3: the patient id .* (names nobody|Excel shortened)"):
        prepare(path, images, tmp_path / "data", CONFIG)


def test_images_as_patients_are_never_alike(images, table, tmp_path):
    (images / "a.png").rename(images / "01.png")
    (images / "b.png").rename(images / "1.png")
    path = table("01.png,x", "1.png,y", header="image,label")
    data = prepare(path, images, tmp_path / "data", CONFIG, patient_per_image=True)
    assert data.patients.tolist() == ["01.png", "1.png"]


COUNTED = {"table": ["P", "P", "P", "Q"], "files": ["A", "A", "B", "C"]}


@pytest.mark.parametrize("trust", COUNTED)
def test_what_does_not_count_is_kept_and_audit_lists_it(trust, tmp_path):
    films(tmp_path, *({"PatientID": name} for name in ("A", "A", "B", "C")))
    with_column(tmp_path, "P", "P", "P", "Q")
    assert patients(tmp_path, trust=trust) == COUNTED[trust]
    rows = read_overruled(tmp_path / "data")
    assert [row.image for row in rows] == ["0.dcm", "1.dcm", "2.dcm"]  # 3.dcm is of one person by both
    assert [row.patient_id for row in rows] == COUNTED[trust][:3]
    assert [row.overruled_id for row in rows] == COUNTED["files" if trust == "table" else "table"][:3]
    (found,) = [each for each in audit(PreparedData.open(tmp_path / "data"), folds=2) if "overruled" in each.check]
    assert (found.level, found.count, found.rows) == ("warning", 3, ((0,), (1,), (2,)))
    assert found.message.startswith("3 radiographs have a patient that another source contradicts")


def test_a_file_of_patients_that_is_overruled_is_kept_too(tmp_path):
    films(tmp_path, *FOUR)
    with_column(tmp_path, "P", "P", "Q", "Q")
    (tmp_path / "patients.csv").write_text("image,patient_id\n0.dcm,X\n1.dcm,Y\n2.dcm,Z\n3.dcm,Z\n")
    patients(tmp_path, trust="table", patients=tmp_path / "patients.csv")
    rows = [(row.image, row.overruled_id, row.overruled_by) for row in read_overruled(tmp_path / "data")]
    assert rows == [(f"{n}.dcm", "XY"[n], str(tmp_path / "patients.csv")) for n in (0, 1)]


def test_a_study_of_several_patients_that_is_meant_is_listed(tmp_path):
    films(tmp_path, *({"PatientID": name, "StudyInstanceUID": "1.2" if name < "C" else "1.3"} for name in "ABCC"))
    studies = {row.image: row.overruled_by for row in _prepared_and_overruled(tmp_path, trust="files")}
    assert studies == {"0.dcm": "the DICOM study", "1.dcm": "the DICOM study"}


def _prepared_and_overruled(tmp_path, **options):
    patients(tmp_path, **options)
    return read_overruled(tmp_path / "data")


def test_a_data_set_without_dispute_has_no_such_file(tmp_path):
    films(tmp_path, *FOUR)
    assert _prepared_and_overruled(tmp_path, trust="files") == []
    assert not (tmp_path / "data" / OVERRULED_FILE).exists()
