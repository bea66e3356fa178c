"""Films are found and numbered, few are kept decoded, and no person's name is taken for an id."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from support.dicom_file import dicom
from support.reading import rough

from keras_cwp.config import DataConfig
from keras_cwp.errors import CwpError, DataError
from keras_cwp.reader.films import THUMBNAIL_PX, Film, Films, films_of_folder, films_of_table, is_table

RULES = DataConfig()


def of_folder(folder: Path) -> tuple[Path, list[Film]]:
    return films_of_folder(folder, lambda *_: None, lambda _: None)


def test_a_folder_is_listed_with_names_below_it(films: Path) -> None:
    (films / "sub").mkdir()
    cv2.imwrite(str(films / "sub" / "d.png"), rough(5))
    (films / "notes.txt").write_text("no picture")
    root, found = of_folder(films)
    assert root == films
    assert [(film.number, film.image) for film in found] == [(0, "a.png"), (1, "b.png"), (2, "c.dcm"), (3, "sub/d.png")]
    root, found = of_folder(films / "b.png")
    assert (root, [film.image for film in found]) == (films, ["b.png"])


def test_reports_that_were_sent_are_no_films(films: Path) -> None:
    sent = films / "reports" / "film_0000"
    sent.mkdir(parents=True)
    shutil.copyfile(films / "c.dcm", sent / "report.dcm")
    assert len(of_folder(films)[1]) == 4
    found = films_of_folder(films, lambda *_: None, lambda _: None, films / "reports")[1]
    assert [film.image for film in found] == ["a.png", "b.png", "c.dcm"]


def test_a_name_that_no_table_can_hold_is_left_out_and_named(films: Path) -> None:
    """As an archive of another encoding leaves them on Linux."""
    os.rename(films / "a.png", os.fsencode(films) + b"/\xb3\xbe.png")
    left_out: list[str] = []
    found = films_of_folder(films, lambda error, _: left_out.append(str(error)), lambda _: None)[1]
    assert [film.image for film in found] == ["b.png", "c.dcm"]
    assert len(left_out) == 1
    assert "is no UTF-8" in left_out[0]
    left_out[0].encode()


def test_nothing_to_read_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no radiographs"):
        of_folder(tmp_path)
    with pytest.raises(DataError, match="no such file or folder"):
        of_folder(tmp_path / "none")


def test_a_table_brings_its_boxes_and_patients(films: Path, tmp_path: Path) -> None:
    table = tmp_path / "rois.csv"
    table.write_text(
        "image,patient_id,label,x,y,width,height,spacing_mm\nb.png,Q1,normal,1,2,30,40,0.15\nb.png,Q1,,5,6,7,8,\n"
    )
    assert is_table(table)
    root, found = films_of_table(table, films, lambda _: None)
    assert (root, len(found), [roi.box for roi in found[0].given]) == (films, 1, [(1, 2, 30, 40), (5, 6, 7, 8)])
    listed = Films(found, RULES)
    assert (listed.patient(0), listed.spacing_mm(0)) == ("Q1", 0.15)


@pytest.mark.parametrize(
    ("patient", "name", "expected"),
    [
        ("P7", "Meier^Anna", "P7"),
        ("", "Meier^Anna", ""),
        ("Meier^Anna", "Meier^Anna", ""),
        ("MEIER ANNA", "Meier^Anna", ""),
        ("Meier^Anna", "", ""),
        ("case-0007", "case-0007", "case-0007"),
        ("ANONYMOUS", "x", ""),
    ],
)
def test_the_patient_is_the_id_and_never_the_name(tmp_path: Path, patient: str, name: str, expected: str) -> None:
    path = dicom(tmp_path / "a.dcm", rough(1, white=4095), PatientID=patient, PatientName=name)
    assert Films([Film(0, "a.dcm", path)], RULES).patient(0) == expected


def test_a_picture_has_no_patient_and_no_spacing(films: Path) -> None:
    listed = Films(of_folder(films)[1], RULES)
    assert (listed.patient(0), listed.spacing_mm(0)) == ("", None)
    assert (listed.patient(2), listed.spacing_mm(2)) == ("P7", 0.2)


def test_few_films_are_kept_decoded(tmp_path: Path) -> None:
    """A hundred films of 7.5 million pixels would take 4.5 GB; the test has smaller ones and a smaller budget."""
    path = dicom(tmp_path / "a.dcm", rough(1, (100, 100), white=4095))
    for number in range(1, 20):
        os.link(path, tmp_path / f"{number:02}.dcm")
    each = 100 * 100 * (2 + 4)
    listed = Films(of_folder(tmp_path)[1], RULES, kept_bytes=3 * each)
    for number in range(20):
        listed.pixels(number)
        assert listed.kept_bytes() <= 3 * each
    kept = listed.pixels(19)
    assert listed.pixels(19) is kept
    assert listed.pixels(18) is not listed.pixels(0)
    for number in range(20):
        listed.thumbnail(number)
        listed.pixels(number, keep=False)
    assert listed.kept_bytes() <= 3 * each


def test_thumbnails_are_small_and_show_the_first_window(films: Path) -> None:
    listed = Films(of_folder(films)[1], RULES)
    for number in range(3):
        small = cv2.imdecode(np.frombuffer(listed.thumbnail(number), np.uint8), cv2.IMREAD_UNCHANGED)
        assert max(small.shape) <= THUMBNAIL_PX
        assert np.ptp(small) > 100


def test_there_is_no_other_film(films: Path) -> None:
    listed = Films(of_folder(films)[1], RULES)
    for number in (-1, 3):
        with pytest.raises(CwpError, match="there are 3 films"):
            listed[number]


def test_a_broken_film_is_named_when_it_is_opened(films: Path) -> None:
    (films / "a.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"a\.png"):
        Films(of_folder(films)[1], RULES).pixels(0)
