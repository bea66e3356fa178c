"""Whom a report belongs to: every character set as dcmtk reads it, damaged bytes, several images of one study."""

from __future__ import annotations

import re
import shutil
import subprocess
import warnings
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ComputedRadiographyImageStorage, ExplicitVRLittleEndian
from support.dicom_study import write_radiograph
from support.small_run import CLASSES

from keras_cwp.data.annotations.roi import Roi
from keras_cwp.errors import DataError
from keras_cwp.prediction.dicom_sr import write_reports
from keras_cwp.prediction.dicom_text import decoded
from keras_cwp.prediction.sr_settings import SrConfig
from keras_cwp.scores import Scores

pytest.importorskip("highdicom", reason="no highdicom: pip install '.[dicom]'")
dcmtk = pytest.mark.skipif(shutil.which("dcmdump") is None, reason="no dcmdump: apt-get install dcmtk")
dicom3tools = pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="no dciodvfy: apt-get install dicom3tools")

NAME, DESCRIPTION = 0x00100010, 0x00081030
# Name: SpecificCharacterSet, bytes of a name and what they mean (PS3.5 annexes H to K; the others by Python's codecs).
READABLE: dict[str, tuple[str | None, bytes, str]] = {
    "ascii": (None, b"Doe^John", "Doe^John"),
    "latin 1": ("ISO_IR 100", "Müller^Jörg".encode("latin_1"), "Müller^Jörg"),
    "latin 2": ("ISO_IR 101", "Wałęsa^Łucja".encode("iso8859_2"), "Wałęsa^Łucja"),
    "latin 3": ("ISO_IR 109", "Ĉapek^Ĝi".encode("iso8859_3"), "Ĉapek^Ĝi"),
    "latin 4": ("ISO_IR 110", "Bērziņš^Jānis".encode("iso8859_4"), "Bērziņš^Jānis"),
    "cyrillic": ("ISO_IR 144", "Люксембург".encode("iso8859_5"), "Люксембург"),
    "arabic": ("ISO_IR 127", "قباني^لنزار".encode("iso8859_6"), "قباني^لنزار"),
    "greek": ("ISO_IR 126", "Διονυσιος".encode("iso8859_7"), "Διονυσιος"),
    "hebrew": ("ISO_IR 138", "שרון^דבורה".encode("iso8859_8"), "שרון^דבורה"),
    "turkish": ("ISO_IR 148", "Çavuşoğlu^Işıl".encode("iso8859_9"), "Çavuşoğlu^Işıl"),
    "thai": ("ISO_IR 166", "นามสกุล^ชื่อ".encode("iso8859_11"), "นามสกุล^ชื่อ"),
    "katakana": ("ISO_IR 13", "ﾔﾏﾀﾞ^ﾀﾛｳ".encode("shift_jis"), "ﾔﾏﾀﾞ^ﾀﾛｳ"),
    "utf-8": ("ISO_IR 192", "Wang^XiaoDong=王^小东".encode(), "Wang^XiaoDong=王^小东"),
    "gb18030": ("GB18030", "Wang^XiaoDong=王^小东".encode("gb18030"), "Wang^XiaoDong=王^小东"),
    "gbk with a backslash byte": ("GBK", "Xu^Cheng=許^誠".encode("gbk"), "Xu^Cheng=許^誠"),
    "iso 2022 latin 1": ("\\ISO 2022 IR 100", b"Buc^J\x1b-A\xe9r\xf4me", "Buc^Jérôme"),
    "iso 2022 greek": ("ISO 2022 IR 100\\ISO 2022 IR 126", b"\xc4e^\x1b-F\xc4\xe9\xef", "Äe^Διο"),
    "iso 2022 cyrillic": ("ISO 2022 IR 6\\ISO 2022 IR 144", b"L^\x1b-L\xbb\xee\xda", "L^Люк"),
    "iso 2022 japanese": (
        "\\ISO 2022 IR 87",
        b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B=\x1b$B$d$^$@\x1b(B^\x1b$B$?$m$&\x1b(B",
        "Yamada^Tarou=山田^太郎=やまだ^たろう",
    ),
    "iso 2022 japanese with katakana": (
        "ISO 2022 IR 13\\ISO 2022 IR 87",
        b"\xd4\xcf\xc0\xde^\xc0\xdb\xb3=\x1b$B;3ED\x1b(J^\x1b$BB@O:\x1b(J=\x1b$B$d$^$@\x1b(J^\x1b$B$?$m$&\x1b(J",
        "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう",
    ),
    "iso 2022 korean": (
        "\\ISO 2022 IR 149",
        b"Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7=\x1b$)C\xc8\xab^\x1b$)C\xb1\xe6\xb5\xbf",
        "Hong^Gildong=洪^吉洞=홍^길동",
    ),
    "iso 2022 chinese": (
        "\\ISO 2022 IR 58",
        b"Zhang^XiaoDong=\x1b$)A\xd5\xc5^\x1b$)A\xd0\xa1\xb6\xab",
        "Zhang^XiaoDong=张^小东",
    ),
}
# Bytes that the stated set does not have.
DAMAGED: dict[str, tuple[str | None, bytes]] = {
    "gbk without a set": (None, "王^小东".encode("gbk")),
    "utf-8 without a set": (None, "王^小东".encode()),
    "gbk called utf-8": ("ISO_IR 192", "王^小东".encode("gbk")),
    "utf-8 cut short": ("ISO_IR 192", "王^小东".encode()[:-1]),
    "gb18030 cut short": ("GB18030", b"Wang^\xd0"),
    "high bytes in the default set": ("ISO_IR 6", b"J\xe9r\xf4me"),
    "high bytes in the extended default set": ("\\ISO 2022 IR 100", b"J\xe9r\xf4me^\x1b-A\xe9"),
    "the default set again after a part": ("\\ISO 2022 IR 100", b"\x1b-A\xe9^\xe9"),
    "an escape that was not declared": ("ISO 2022 IR 6\\ISO 2022 IR 100", b"L^\x1b-L\xbb\xee"),
    "controls in latin 1": ("ISO_IR 100", b"M\x81ller"),
    "an unknown set": ("ISO_IR 999", b"M\xfcller"),
    "an escape without a set": (None, b"\x1b$B;3ED\x1b(B"),
}


def radiograph(path: Path, charset: str | None, elements: dict[int, bytes], seed: int = 0) -> Path:
    """A radiograph of the study `s` with elements written byte by byte."""
    write_radiograph(path, "s", seed, SpecificCharacterSet=None, PatientName="X", PatientID="P1")
    dataset = pydicom.dcmread(path)
    for tag, raw in elements.items():
        vr = pydicom.datadict.dictionary_VR(tag)
        padded = raw + b" " * (len(raw) % 2)
        dataset[tag] = pydicom.dataelem.RawDataElement(
            pydicom.tag.Tag(tag), vr, len(padded), padded, 0, False, True, True
        )
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = ComputedRadiographyImageStorage
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.save_as(path, enforce_file_format=True)
    if charset is not None:
        _insert_charset(path, charset.encode())
    return path


def _insert_charset(path: Path, charset: bytes) -> None:
    """Write SpecificCharacterSet into the file itself, so that pydicom has no part in the bytes of the others."""
    content = path.read_bytes()
    padded = charset + b" " * (len(charset) % 2)
    element = b"\x08\x00\x05\x00CS" + len(padded).to_bytes(2, "little") + padded
    start = (
        content.index(b"\x08\x00\x12\x00DA")
        if b"\x08\x00\x12\x00DA" in content
        else content.index(b"\x08\x00\x16\x00UI")
    )
    path.write_bytes(content[:start] + element + content[start:])


def report_of(paths: list[Path], folder: Path, **settings: Any) -> tuple[Path, list[str]]:
    """The one report of the images of one study, and the notes."""
    names = [path.as_posix() for path in paths]
    regions = [Roi(name, path, None, "", None, name, name) for name, path in zip(names, paths, strict=True)]
    texts = np.array(names, dtype=str)
    none, zeros = np.full(len(paths), "", dtype=str), np.zeros(len(paths), dtype=np.int64)
    scores = Scores(CLASSES, texts, none, texts, zeros, zeros - 1, np.array([[0.1, 0.2, 0.7]] * len(paths)))
    notes: list[str] = []
    write_reports(folder, regions, scores, ("training data ffff",), SrConfig(**settings), notes.append)
    (report,) = folder.iterdir()
    return report, notes


def dumped(path: Path, tag: str, *options: str) -> bytes | None:
    """The value that dcmdump prints; None for a set that its library lacks, as iconv lacks ISO 2022 IR 87."""
    command = ["dcmdump", "+L", *options, "+P", tag, str(path)]
    done = subprocess.run(command, capture_output=True, check=False, timeout=60)
    if b"is not supported by the utilized character set conversion library" in done.stderr:
        return None
    assert done.returncode == 0, done.stderr
    found = re.search(rb"\[(.*)\]", done.stdout)
    return found[1] if found else b""


@pytest.mark.parametrize("kind", READABLE)
def test_a_name_is_written_as_its_character_set_has_it(kind: str, tmp_path: Path) -> None:
    charset, raw, text = READABLE[kind]
    image = radiograph(tmp_path / "a.dcm", charset, {NAME: raw, DESCRIPTION: raw.split(b"=")[0].split(b"^")[0]})
    report, notes = report_of([image], tmp_path / "sr")
    written = pydicom.dcmread(report)
    assert str(written.PatientName) == text
    assert written.SpecificCharacterSet == "ISO_IR 192"
    assert notes == []


@dcmtk
@pytest.mark.parametrize("kind", READABLE)
def test_dcmtk_reads_the_same_name_in_radiograph_and_report(kind: str, tmp_path: Path) -> None:
    charset, raw, text = READABLE[kind]
    image = radiograph(tmp_path / "a.dcm", charset, {NAME: raw})
    report, _ = report_of([image], tmp_path / "sr")
    assert dumped(report, "0010,0010") == text.encode()
    if kind != "gbk with a backslash byte":  # dcmdump takes the second byte for the end of a value
        assert dumped(image, "0010,0010", "+U8") in (None, text.encode())


@pytest.mark.parametrize("kind", DAMAGED)
def test_bytes_that_the_set_does_not_have_are_copied_with_it(kind: str, tmp_path: Path) -> None:
    charset, raw = DAMAGED[kind]
    assert decoded(raw, () if charset is None else charset.split("\\"), is_name=True) is None
    image = radiograph(tmp_path / "a.dcm", charset, {NAME: raw, 0x00100020: b"P1"})
    report, notes = report_of([image], tmp_path / "sr")
    content, padded = report.read_bytes(), raw + b" " * (len(raw) % 2)
    assert b"\x10\x00\x10\x00PN" + len(padded).to_bytes(2, "little") + padded in content
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom's, of the unknown set
        original, written = pydicom.dcmread(image), pydicom.dcmread(report)
        assert written.get("SpecificCharacterSet") == original.get("SpecificCharacterSet")
        assert written.PatientID == "P1"
    (note,) = notes
    assert "SpecificCharacterSet does not have the bytes of PatientName; in the report it is copied" in note
    assert str(image) in note


@dcmtk
@pytest.mark.parametrize("kind", DAMAGED)
def test_dcmtk_reads_the_same_bytes_of_a_damaged_name(kind: str, tmp_path: Path) -> None:
    charset, raw = DAMAGED[kind]
    image = radiograph(tmp_path / "a.dcm", charset, {NAME: raw})
    report, _ = report_of([image], tmp_path / "sr")
    assert dumped(report, "0010,0010") == dumped(image, "0010,0010")
    assert dumped(report, "0008,0005") == dumped(image, "0008,0005")


def test_a_damaged_name_is_left_empty_where_the_report_needs_utf_8(tmp_path: Path) -> None:
    image = radiograph(tmp_path / "a.dcm", None, {NAME: "王^小东".encode("gbk")})
    report, notes = report_of([image], tmp_path / "sr", statement="仅供研究")
    written = pydicom.dcmread(report)
    assert (str(written.PatientName), written.SpecificCharacterSet) == ("", "ISO_IR 192")
    assert "in the report it is left empty" in notes[0]
    assert b"\xef\xbf\xbd" not in report.read_bytes()  # U+FFFD


def test_damaged_bytes_of_two_sets_cannot_stand_in_one_report(tmp_path: Path) -> None:
    one = radiograph(tmp_path / "a.dcm", None, {NAME: b"\xcd\xf5"})
    other = radiograph(tmp_path / "b.dcm", "ISO_IR 100", {NAME: b"", DESCRIPTION: b"R\xf6ntgen"}, seed=1)
    report, notes = report_of([one, other], tmp_path / "sr")
    written = pydicom.dcmread(report)
    assert (str(written.PatientName), written.StudyDescription) == ("", "Röntgen")
    assert "left empty" in notes[0]


@pytest.mark.parametrize(("tag", "raw"), [(DESCRIPTION, b"CHEST\\PA"), (0x00100020, b"P1\\X")])
def test_several_values_stay_several(tag: int, raw: bytes, tmp_path: Path) -> None:
    image = radiograph(tmp_path / "a.dcm", None, {tag: raw})
    report, _ = report_of([image], tmp_path / "sr")
    assert list(pydicom.dcmread(report)[tag].value) == raw.decode().split("\\")


def test_a_value_of_several_in_gbk_is_divided_after_it_is_decoded(tmp_path: Path) -> None:
    image = radiograph(tmp_path / "a.dcm", "GB18030", {DESCRIPTION: "胸部\\誠".encode("gb18030")})
    report, _ = report_of([image], tmp_path / "sr")
    assert list(pydicom.dcmread(report).StudyDescription) == ["胸部", "誠"]


def test_the_first_value_that_is_not_empty_counts(tmp_path: Path) -> None:
    empty = radiograph(tmp_path / "a.dcm", None, {0x00100020: b"", 0x00080050: b""})
    stated = radiograph(tmp_path / "b.dcm", None, {0x00100020: b"P7", 0x00080050: b"A7"}, seed=1)
    report, notes = report_of([empty, stated], tmp_path / "sr")
    written = pydicom.dcmread(report)
    assert (written.PatientID, written.AccessionNumber) == ("P7", "A7")
    assert notes == [f"image {empty}: no PatientID in it; the report has the one of {stated}"]


@pytest.mark.parametrize("keyword", ["PatientID", "IssuerOfPatientID", "PatientName", "PatientBirthDate", "PatientSex"])
def test_two_patients_of_one_study_are_refused_and_both_files_named(keyword: str, tmp_path: Path) -> None:
    values = {"PatientBirthDate": ("19500101", "19500102"), "PatientSex": ("M", "F")}.get(keyword, ("ONE", "TWO"))
    paths = [write_radiograph(tmp_path / f"{n}.dcm", "s", n, **{keyword: value}) for n, value in enumerate(values)]
    with pytest.raises(DataError, match=f"its images name more than one {keyword}") as raised:
        report_of(paths, tmp_path / "sr")
    assert all(str(path) in str(raised.value) for path in paths)
    assert not [value for value in values if f" {value}" in str(raised.value)]
    assert not (tmp_path / "sr").exists()


def test_case_and_empty_parts_of_a_name_make_no_second_patient(tmp_path: Path) -> None:
    names = ("DOE^JOHN", "Doe^John^^", "Doe^John=")
    paths = [write_radiograph(tmp_path / f"{n}.dcm", "s", n, PatientName=name) for n, name in enumerate(names)]
    report, notes = report_of(paths, tmp_path / "sr")
    assert (str(pydicom.dcmread(report).PatientName), notes) == ("DOE^JOHN", [])


def test_a_contradiction_about_the_study_is_said_and_the_first_counts(tmp_path: Path) -> None:
    paths = [write_radiograph(tmp_path / f"{n}.dcm", "s", n, AccessionNumber=f"ACC{n}") for n in range(2)]
    report, notes = report_of(paths, tmp_path / "sr")
    assert pydicom.dcmread(report).AccessionNumber == "ACC0"
    (note,) = notes
    assert "more than one AccessionNumber" in note
    assert all(str(path) in note for path in paths)
    assert "ACC" not in note


def test_the_issuer_of_the_patient_id_is_kept(tmp_path: Path) -> None:
    qualifier = pydicom.Dataset()
    qualifier.UniversalEntityID, qualifier.UniversalEntityIDType = "1.2.3", "ISO"
    image = write_radiograph(
        tmp_path / "a.dcm", "s", IssuerOfPatientID="Klinik Süd", IssuerOfPatientIDQualifiersSequence=[qualifier]
    )
    report, _ = report_of([image], tmp_path / "sr")
    written = pydicom.dcmread(report)
    assert written.IssuerOfPatientID == "Klinik Süd"
    assert written.IssuerOfPatientIDQualifiersSequence[0].UniversalEntityID == "1.2.3"


@pytest.mark.parametrize("zone", ["+0800", "-0330"])
def test_dates_of_the_report_are_in_the_zone_that_the_radiograph_states(zone: str, tmp_path: Path) -> None:
    image = write_radiograph(tmp_path / "a.dcm", "s", TimezoneOffsetFromUTC=zone)
    written = pydicom.dcmread(report_of([image], tmp_path / "sr")[0])
    assert written.TimezoneOffsetFromUTC == zone
    stamp = datetime.strptime(f"{written.SeriesDate}{written.SeriesTime}{zone}", "%Y%m%d%H%M%S.%f%z")
    assert abs((datetime.now(timezone.utc) - stamp).total_seconds()) < 120
    for event in ("Content", "InstanceCreation"):
        assert (written[f"{event}Date"].value, written[f"{event}Time"].value) == (
            written.SeriesDate,
            written.SeriesTime,
        )


def test_no_zone_is_made_up(tmp_path: Path) -> None:
    image = write_radiograph(tmp_path / "a.dcm", "s", TimezoneOffsetFromUTC="Berlin")
    report, notes = report_of([image], tmp_path / "sr")
    written = pydicom.dcmread(report)
    assert "TimezoneOffsetFromUTC" not in written
    assert written.SeriesDate
    assert written.SeriesTime
    assert "its TimezoneOffsetFromUTC is not of the form" in notes[0]


@dicom3tools
@pytest.mark.parametrize("kind", READABLE)
def test_dciodvfy_finds_no_error_whatever_the_character_set(kind: str, tmp_path: Path) -> None:
    charset, raw, _ = READABLE[kind]
    image = radiograph(tmp_path / "a.dcm", charset, {NAME: raw})
    report, _ = report_of([image], tmp_path / "sr")
    done = subprocess.run(["dciodvfy", str(report)], capture_output=True, text=True, check=False, timeout=60)
    lines = (done.stdout + done.stderr).splitlines()
    assert "ComprehensiveSR" in lines
    assert [line for line in lines if line.startswith("Error")] == []
