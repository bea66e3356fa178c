"""ROI tables in CSV: what they say, and the message for each way in which one can be wrong."""

from __future__ import annotations

import numpy as np
import pytest

from keras_cwp.data.annotations.read import read_rois
from keras_cwp.errors import DataError


def test_csv(good_table, images):
    rois = read_rois(good_table, images)
    assert [roi.image for roi in rois] == ["a.png", "b.png", "c.png", "d.png", "d.png", "e.png"]
    assert [roi.patient_id for roi in rois] == ["P1", "P1", "P2", "P3", "P3", "P4"]
    assert rois[3].box == (40.5, 20.25, 10, 10)
    assert len({roi.roi_id for roi in rois}) == 6
    assert rois[4].where.endswith("rois.csv, line 6")


def test_semicolons_byte_order_mark_and_blank_lines(tmp_path, images):
    path = tmp_path / "excel.csv"
    path.write_bytes("\ufeffimage;patient_id;label\r\na.png;1;normal\r\n\r\nb.png;2;s\u00edlice\r\n".encode())
    rois = read_rois(path, images)
    assert [(roi.label, roi.box) for roi in rois] == [("normal", None), ("sílice", None)]


def test_known_extra_columns_are_kept(table, images):
    path = table("a.png,P1,normal,A,0.15", header="image,patient_id,label,site,spacing_mm")
    assert read_rois(path, images)[0].extra == {"site": "A", "spacing_mm": "0.15"}


def test_patient_per_image(table, images):
    path = table("a.png,normal", "b.png,sick", header="image,label")
    assert [roi.patient_id for roi in read_rois(path, images, patient_per_image=True)] == ["a.png", "b.png"]


def test_patients_file(table, images, tmp_path):
    path = table("a.png,normal", "b.png,sick", header="image,label")
    patients = tmp_path / "patients.csv"
    patients.write_text("patient_id,image\nX,b.png\nY,a.png\n")
    assert [roi.patient_id for roi in read_rois(path, images, patients=patients)] == ["Y", "X"]


BAD_TABLES = {
    "missing patient_id": ("image,label", ["a.png,normal"], "no patient_id column .*--patient-per-image"),
    "unknown column": ("image,patient_id,lable", ["a.png,P,n"], "unknown column 'lable'; did you mean 'label'.*known"),
    "no label column": ("image,patient_id", ["a.png,P"], "no label column"),
    "part of a box": ("image,patient_id,label,x,y", ["a.png,P,n,1,1"], "of a box only x, y"),
    "column twice": ("image,image,label", ["a.png,a.png,n"], "column 'image' stands more than once"),
    "no rows": ("image,patient_id,label", [], "only a header"),
    "short row": ("image,patient_id,label", ["a.png,P"], "line 2: 2 fields, the header has 3"),
    "open quote": ("image,patient_id,label", ['"a.png,P,n'], "cannot be read as a CSV table"),
    "no such image": ("image,patient_id,label", ["a.pgn,P,n"], "line 2: no image 'a.pgn' in .*nearest.*'a.png'"),
    "empty image": ("image,patient_id,label", [",P,n"], "line 2: the image name '' is empty"),
    "empty label": ("image,patient_id,label", ["a.png,P,"], "line 2: label is empty"),
    "empty patient": ("image,patient_id,label", ["a.png,,n"], "line 2: patient_id is empty"),
    "absolute": ("image,patient_id,label", ["/etc/passwd,P,n"], "'/etc/passwd' leads out of the images folder"),
    "drive": ("image,patient_id,label", ["C:\\a.png,P,n"], "leads out of the images folder"),
    "up": ("image,patient_id,label", ["x/../../a.png,P,n"], "leads out of the images folder"),
    "backslash up": ("image,patient_id,label", ["..\\a.png,P,n"], "leads out of the images folder"),
    "folder": ("image,patient_id,label", [".,P,n"], "no image '.'|empty or not a file name"),
    "long name": ("image,patient_id,label", ["a" * 5000 + ",P,n"], "no image 'aaa"),
    "box in words": (None, ["a.png,P,n,1,1,ten,1"], "line 2: the box .*'ten'.* is not four numbers"),
    "box in part": (None, ["a.png,P,n,1,1,,"], "is not four numbers"),
    "box without area": (None, ["a.png,P,n,1,1,0,5"], r"line 2: the box \(1.0, 1.0, 0.0, 5.0\).*has no area"),
    "negative side": (None, ["a.png,P,n,1,1,5,-5"], "has no area"),
    "infinite": (None, ["a.png,P,n,inf,1,5,5"], "no finite number"),
    "not a number": (None, ["a.png,P,n,1,nan,5,5"], "no finite number"),
    "two patients": (
        "image,patient_id,label",
        ["a.png,P,n", "a.png,Q,n"],
        "line 3: image 'a.png' is of another patient here than at .*line 2",
    ),
    "repeated id": (
        "image,patient_id,label,roi_id",
        ["a.png,P,n,7", "b.png,Q,n,7"],
        "line 3: roi_id '7' stands already at .*line 2",
    ),
}


@pytest.mark.parametrize(("header", "lines", "message"), BAD_TABLES.values(), ids=BAD_TABLES)
def test_bad_table(header, lines, message, table, images):
    path = table(*lines, header=header) if header else table(*lines)
    with pytest.raises(DataError, match=message) as caught:
        read_rois(path, images)
    assert "rois.csv" in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00a", b"image,label,patient_id\na\0.png,n,P"])
def test_table_of_other_bytes(content, tmp_path, images):
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(DataError, match=r"t\.csv"):
        read_rois(tmp_path / "t.csv", images)


def notes_of(path, images, **options):
    notes: list[str] = []
    return read_rois(path, images, note=notes.append, **options), notes


def test_unknown_columns_are_kept_for_subgroups_and_said(table, images):
    path = table("a.png,P1,normal,M,61,63.5", header="image,patient_id,label,sex,age,weight")
    (roi,), notes = notes_of(path, images)
    assert roi.extra == {"sex": "M", "age": "61", "weight": "63.5"}
    assert any("sex, age, weight" in note for note in notes)


def test_columns_that_name_a_person_are_left_out_and_said(table, images):
    path = table("a.png,P1,normal,Jane Doe,1950-01-01", header="image,patient_id,label,Patient Name,DOB")
    (roi,), notes = notes_of(path, images)
    assert roi.extra == {}
    assert any("Patient Name, DOB" in note for note in notes)


def test_columns_without_regard_to_case_and_blanks(table, images):
    path = table("a.png,P1,normal,1,2,3,4", header="Image,Patient ID,LABEL,X,Y,Width,Height")
    (roi,) = read_rois(path, images)
    assert (roi.patient_id, roi.box) == ("P1", (1, 2, 3, 4))


@pytest.mark.parametrize("name", ["look", "x_scale", "scale_x", "bits", "roi_key"])
def test_a_column_never_takes_the_name_of_the_manifests_own(name, table, images, tmp_path):
    from keras_cwp.config import DataConfig
    from keras_cwp.data.prepare import prepare

    path = table("a.png,P1,n,extra", "b.png,P2,s,extra", header=f"image,patient_id,label,{name}")
    data = prepare(path, images, tmp_path / "data", DataConfig(image_size=32))
    kept = name if name == "x_scale" else f"table_{name}"
    assert data.manifest.texts(kept).tolist() == ["extra", "extra"]


ASKED = {
    "image": ("filename,patient_id,label", "a.png,P,n", "no image column .*did you mean 'filename'"),
    "label": ("image,patient_id,Diagnosis", "a.png,P,n", "no label column .*did you mean 'Diagnosis'"),
    "patient": ("image,subject,label", "a.png,P,n", "no patient_id column; did you mean 'subject'"),
    "patient nearly": ("image,patient_ids,label", "a.png,P,n", "'patient_ids'; did you mean 'patient_id'"),
    "height": ("image,patient_id,label,x,y,width,heigth", "a.png,P,n,1,1,2,2", "did you mean 'height'"),
    "corners": (
        "image,patient_id,label,xmin,ymin,xmax,ymax",
        "a.png,P,n,1,1,2,2",
        "xmin, .*, ymax look like",
    ),
    "w and h": ("image,patient_id,label,x,y,w,h", "a.png,P,n,1,1,2,2", "of a box only x, y, w, h"),
    "spacing": ("image,patient_id,label,spacing", "a.png,P,n,1", "did you mean 'spacing_mm'"),
    "twice": ("image,Image,label,patient_id", "a.png,a.png,n,P", "column 'image' stands more than once"),
    "chinese": ("图像,patient_id,label", "a.png,P,n", "did you mean '图像'"),
}


@pytest.mark.parametrize(("header", "line", "message"), ASKED.values(), ids=ASKED)
def test_a_misnamed_column_is_asked_about(header, line, message, table, images):
    with pytest.raises(DataError, match=message):
        read_rois(table(line, header=header), images)


def test_every_bad_line_is_named_at_once_and_can_be_left_out(table, images):
    path = table("a.png,P,n,1,1,5,5", "x.png,P,n,1,1,5,5", "b.png,P,,1,1,5,5", "c.png,P,n,1", "d.png,Q,m,1,1,5,5")
    with pytest.raises(
        DataError, match=r"3 entries cannot be used: .*line 3: .*; .*line 4: .*; .*line 5: .*--skip-bad"
    ):
        read_rois(path, images)
    rois, notes = notes_of(path, images, skip_bad=True)
    assert [roi.image for roi in rois] == ["a.png", "d.png"]
    assert any("3 entries left out: " in note for note in notes)


def test_a_hundred_bad_lines_make_one_short_message(table, images):
    path = table(*(f"a.png,P{number},n,1,1,wide,5" for number in range(100)))
    with pytest.raises(DataError, match=r"100 entries cannot be used: .* and 80 more") as caught:
        read_rois(path, images)
    assert len(str(caught.value)) < 8000


def test_stated_size_scales_the_box(table, images):
    path = table("a.png,P,n,1,2,3,4,32,24", header="image,patient_id,label,x,y,width,height,image_width,image_height")
    assert read_rois(path, images)[0].box == (2, 4, 6, 8)


def test_dicom_headers_stand_in_for_a_patient_column(tmp_path):
    from support.dicom_file import dicom

    (tmp_path / "images").mkdir()
    dicom(tmp_path / "images" / "a.dcm", np.full((8, 8), 5, np.uint16), PatientID="REAL")
    (tmp_path / "rois.csv").write_text("image,label\na.dcm,n\n")
    assert read_rois(tmp_path / "rois.csv", tmp_path / "images")[0].patient_id is None
