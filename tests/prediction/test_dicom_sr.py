"""Structured reports: what they say, whom they belong to, what dciodvfy and a reader of the standard make of them."""

from __future__ import annotations

import hashlib
import logging
import shutil
import subprocess
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from click.testing import CliRunner, Result
from pydicom.uid import ComprehensiveSRStorage, generate_uid
from support.dicom_study import IDENTIFIER, NAME, write_radiograph
from support.small_run import CLASSES

from keras_cwp.cli.main import cli
from keras_cwp.data.annotations.roi import Roi
from keras_cwp.errors import ConfigError, DataError, ServingError
from keras_cwp.prediction import dicom_sr
from keras_cwp.prediction.dicom_sr import Written, check_reports, write_reports
from keras_cwp.prediction.sr_content import class_code
from keras_cwp.prediction.sr_identity import BLANK
from keras_cwp.prediction.sr_settings import SrCode, SrConfig, load_sr_config
from keras_cwp.scores import Scores
from keras_cwp.version import VERSION

pytest.importorskip("highdicom", reason="highdicom is not installed; pip install '.[dicom]'")


def region(path: Path, roi_id: str | None = None, box: Any = None) -> Roi:
    """A region as predict makes it: its file's name where nobody named it."""
    name = path.as_posix()
    return Roi(name, path, None, "", box, roi_id or name, name)


def scores(regions: list[Roi], probabilities: list[list[float]]) -> Scores:
    names = [np.array([getattr(roi, key) for roi in regions], dtype=str) for key in ("roi_id", "image")]
    none = np.full(len(regions), "", dtype=str)
    zeros = np.zeros(len(regions), dtype=np.int64)
    return Scores(CLASSES, names[0], none, names[1], zeros, zeros - 1, np.array(probabilities))


def write(folder: Path, regions: list[Roi], probabilities: list[list[float]], **settings: Any) -> list[Any]:
    write_reports(folder, regions, scores(regions, probabilities), ("training data ffff",), SrConfig(**settings))
    return [pydicom.dcmread(file) for file in sorted(folder.iterdir())]


def groups(report: Any) -> list[Any]:
    """Measurement groups."""
    measurements = next(item for item in report.ContentSequence if name_of(item) == "126010")
    return list(measurements.ContentSequence)


def name_of(item: Any) -> str:
    return str(item.ConceptNameCodeSequence[0].CodeValue)


def items(group: Any, code: str) -> list[Any]:
    return [item for item in group.ContentSequence if name_of(item) == code]


def errors_of(file: Path) -> list[str]:
    done = subprocess.run(["dciodvfy", str(file)], capture_output=True, text=True, check=False, timeout=60)
    lines = (done.stdout + done.stderr).splitlines()
    assert "ComprehensiveSR" in lines
    return [line for line in lines if line.startswith("Error")]


@pytest.fixture
def image(tmp_path: Path) -> Path:
    return write_radiograph(tmp_path / "in" / "a.dcm", "first")


def test_a_group_has_region_finding_probabilities_and_algorithm(image: Path, tmp_path: Path) -> None:
    regions = [region(image, "left", (10.5, 20, 40, 30)), region(image)]
    (report,) = write(tmp_path / "sr", regions, [[0.1, 0.2, 0.7], [0.25, 0.5, 0.25]])
    assert report.ContentTemplateSequence[0].TemplateIdentifier == "1500"
    marked, whole = groups(report)
    assert items(marked, "112039")[0].TextValue == "left"
    assert items(whole, "112039")[0].TextValue == "image 2"  # not a path
    outline = items(marked, "111030")[0]
    assert outline.GraphicType == "POLYLINE"
    assert outline.GraphicData == [10.5, 20, 50.5, 20, 50.5, 50, 10.5, 50, 10.5, 20]
    assert items(whole, "111030")[0].GraphicData[4:6] == [150, 120]  # columns, rows
    source = outline.ContentSequence[0].ReferencedSOPSequence[0]
    assert name_of(outline.ContentSequence[0]) == "121112"
    assert source.ReferencedSOPInstanceUID == pydicom.dcmread(image).SOPInstanceUID
    findings = [items(group, "121071")[0].ConceptCodeSequence[0] for group in (marked, whole)]
    assert [code.CodeMeaning for code in findings] == ["small_opacities", "Normal"]
    assert (findings[1].CodeValue, findings[1].CodingSchemeDesignator) == ("17621005", "SCT")
    numbers = [item for item in marked.ContentSequence if item.ValueType == "NUM"]
    assert [item.ConceptNameCodeSequence[0].CodeMeaning for item in numbers] == [f"Probability of {c}" for c in CLASSES]
    assert [float(item.MeasuredValueSequence[0].NumericValue) for item in numbers] == [0.1, 0.2, 0.7]
    told = [items(marked, code)[0].TextValue for code in ("111001", "111003", "111002")]
    assert told == ["keras_cwp", VERSION, "training data ffff"]


def test_a_report_belongs_to_the_patient_and_study_and_says_that_it_is_unverified(image: Path, tmp_path: Path) -> None:
    (report,) = write(tmp_path / "sr", [region(image)], [[0.1, 0.2, 0.7]])
    original = pydicom.dcmread(image)
    for keyword in (*BLANK, "StudyInstanceUID"):
        assert report[keyword].value == original[keyword].value, keyword
    assert str(report.PatientName) == NAME
    assert report.SOPClassUID == ComprehensiveSRStorage
    assert report.SeriesInstanceUID != original.SeriesInstanceUID
    assert (report.VerificationFlag, report.PreliminaryFlag) == ("UNVERIFIED", "PRELIMINARY")
    evidence = report.CurrentRequestedProcedureEvidenceSequence[0].ReferencedSeriesSequence[0]
    assert evidence.ReferencedSOPSequence[0].ReferencedSOPInstanceUID == original.SOPInstanceUID


def test_names_in_other_character_sets_are_kept(tmp_path: Path) -> None:
    name = "Wang^XiaoDong=王^小东"
    image = write_radiograph(tmp_path / "a.dcm", "s", SpecificCharacterSet="GB18030", PatientName=name)
    (report,) = write(tmp_path / "sr", [region(image)], [[0.1, 0.2, 0.7]])
    assert report.SpecificCharacterSet == "ISO_IR 192"
    assert str(report.PatientName) == name


def test_one_report_a_study_with_all_its_images(tmp_path: Path) -> None:
    studies = ("first", "second", "first")
    paths = [write_radiograph(tmp_path / "in" / f"{n}.dcm", study, seed=n) for n, study in enumerate(studies)]
    reports = write(tmp_path / "sr", [region(path) for path in paths], [[0.1, 0.2, 0.7]] * 3)
    count = {report.StudyInstanceUID: len(groups(report)) for report in reports}
    assert count == {generate_uid(entropy_srcs=["first"]): 2, generate_uid(entropy_srcs=["second"]): 1}
    assert len({report.SeriesInstanceUID for report in reports}) == 2
    assert len({report.SOPInstanceUID for report in reports}) == 2


def test_the_wording_is_the_users(image: Path, tmp_path: Path) -> None:
    (report,) = write(tmp_path / "sr", [region(image)], [[0.1, 0.2, 0.7]], statement="Nur für die Forschung")
    assert report.SeriesDescription == "keras_cwp: Nur für die Forschung"
    assert [item.TextValue for item in report.ContentSequence if name_of(item) == "121106"] == ["Nur für die Forschung"]


def test_the_default_wording_says_what_it_must() -> None:
    assert "not for clinical use" in SrConfig().statement


def test_codes_of_classes() -> None:
    digest = hashlib.sha256(b"small_opacities").hexdigest()[:12].upper()
    private = SrCode(value=f"C{digest}", scheme="99KCWP", meaning="small_opacities")
    assert class_code("small_opacities", {}) == private
    assert class_code("Normal", {}) == SrCode(value="17621005", scheme="SCT", meaning="Normal")
    stated = SrCode(value="112126", scheme="DCM", meaning="Small rounded opacities")
    assert class_code("small_opacities", {"small_opacities": stated}) == stated
    assert len(class_code("x" * 500, {}).value) == 13
    assert len(class_code("x" * 500, {}).meaning) == 64


def test_settings_are_read_and_checked(tmp_path: Path) -> None:
    file = tmp_path / "sr.yaml"
    file.write_text("statement: Forschung\ncodes: {a: {value: '1', scheme: SCT, meaning: b}}\n")
    assert load_sr_config(file) == SrConfig(
        statement="Forschung", codes={"a": SrCode(value="1", scheme="SCT", meaning="b")}
    )
    assert load_sr_config() == SrConfig()
    for text, message in {
        "wording: x": "unknown key 'wording'; known here: codes, manufacturer, series_number, statement",
        "codes: {a: {valu: '1'}}": "codes.a.value: Field required",
        "codes: {a: {value: '1', scheme: S, meaning: m, x: 1}}": "unknown key 'codes.a.x'; known here: meaning, scheme",
        "statement: ''": "statement: String should have at least 1 character",
    }.items():
        file.write_text(text)
        with pytest.raises(ConfigError, match=message):
            load_sr_config(file)


@pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="no dciodvfy: apt-get install dicom3tools")
def test_dciodvfy_finds_no_error(image: Path, shared: Path, tmp_path: Path) -> None:
    odd = write_radiograph(
        tmp_path / "in" / "odd.dcm", "odd", 1, PatientName=None, PatientID="", StudyTime=None, AccessionNumber=None
    )
    real = shared / "data" / "dicom" / "rsna_chest.dcm"
    regions = [region(image, "left", (1, 2, 30, 40)), region(image), region(odd), region(real)]
    write(tmp_path / "sr", regions, [[1 / 3, 1 / 3, 1 / 3], [1e-9, 0, 1 - 1e-9], [0, 0, 1], [0, 1, 0]])
    files = list((tmp_path / "sr").iterdir())
    assert len(files) == 3
    assert [error for file in files for error in errors_of(file)] == []


def test_a_header_that_breaks_the_standard_is_left_empty_and_told_to_nobody(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom's, of what this test does
        image = write_radiograph(
            tmp_path / "a.dcm",
            "s",
            PatientBirthDate="3.2.1951",
            PatientSex="male",
            StudyDate="yesterday",
            PatientName="no form",
        )
    caplog.clear()
    caplog.set_level(logging.INFO)  # below that pydicom prints every element that it reads
    (report,) = write(tmp_path / "sr", [region(image)], [[0.1, 0.2, 0.7]])
    assert (report.PatientBirthDate, report.PatientSex, report.StudyDate) == ("", "", "")
    assert str(report.PatientName) == "no form"
    told = caplog.text + "".join(capfd.readouterr())
    assert not [text for text in (IDENTIFIER, "1951", "no form", "male") if text in told]


def test_values_that_are_too_long_are_kept_and_told_to_nobody(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        image = write_radiograph(tmp_path / "a.dcm", "s", PatientID="4711" * 20, PatientName="x" * 100)
    caplog.clear()
    (report,) = write(tmp_path / "sr", [region(image)], [[0.1, 0.2, 0.7]])
    assert not caplog.records
    with pydicom.config.disable_value_validation():
        assert (report.PatientID, report.PatientName) == ("4711" * 20, "x" * 100)


def test_an_image_of_no_known_class_is_refused_without_its_values(tmp_path: Path) -> None:
    image = write_radiograph(tmp_path / "a.dcm", "s", SOPClassUID="1.2.3")
    with pytest.raises(DataError, match=r"a\.dcm: no report can be made of its header \(KeyError\)"):
        write(tmp_path / "sr", [region(image)], [[0.1, 0.2, 0.7]])
    assert not (tmp_path / "sr").exists()


def test_an_image_that_went_away_is_named(image: Path, tmp_path: Path) -> None:
    image.unlink()
    with pytest.raises(DataError, match=r"a\.dcm: cannot be read: No such file"):
        write(tmp_path / "sr", [region(image)], [[0.1, 0.2, 0.7]])


@pytest.mark.parametrize("keyword", ["SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID"])
def test_a_radiograph_that_nothing_can_refer_to_is_refused(tmp_path: Path, keyword: str) -> None:
    good = write_radiograph(tmp_path / "in" / "a.dcm", "s")
    bad = write_radiograph(tmp_path / "in" / "b.dcm", "t", **{keyword: None})
    with pytest.raises(DataError, match=rf"b\.dcm: no {keyword} in its header"):
        write(tmp_path / "sr", [region(good), region(bad)], [[0.1, 0.2, 0.7]] * 2)
    assert not (tmp_path / "sr").exists()


def test_two_files_of_one_instance_are_refused(image: Path, tmp_path: Path) -> None:
    twin = shutil.copy(image, image.parent / "b.dcm")
    with pytest.raises(DataError, match=r"b\.dcm: it has the SOPInstanceUID of .*a\.dcm"):
        write(tmp_path / "sr", [region(image), region(Path(twin))], [[0.1, 0.2, 0.7]] * 2)
    assert not (tmp_path / "sr").exists()


def test_a_study_of_two_patients_is_refused_and_nobody_named(tmp_path: Path) -> None:
    paths = [write_radiograph(tmp_path / f"{n}.dcm", "s", n, PatientID=f"PATIENT{n}") for n in range(2)]
    with pytest.raises(DataError, match="its images name more than one PatientID") as raised:
        write(tmp_path / "sr", [region(path) for path in paths], [[0.1, 0.2, 0.7]] * 2)
    assert "PATIENT" not in str(raised.value)
    assert all(str(path) in str(raised.value) for path in paths)
    assert not (tmp_path / "sr").exists()


def test_other_images_have_no_report(image: Path, tmp_path: Path) -> None:
    (tmp_path / "b.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    regions = [region(image), region(tmp_path / "b.png")]
    written = write_reports(tmp_path / "sr", regions, scores(regions, [[0.1, 0.2, 0.7]] * 2), (), SrConfig())
    assert written == Written(reports=1, without=1)
    with pytest.raises(DataError, match="none of 1 regions is of a DICOM file"):
        write(tmp_path / "none", regions[1:], [[0.1, 0.2, 0.7]])
    assert not (tmp_path / "none").exists()


def test_a_disk_that_fills_leaves_nothing(image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = write_radiograph(tmp_path / "in" / "b.dcm", "other")
    real, calls = dicom_sr.write_bytes, []

    def full(path: Path, content: bytes) -> None:
        calls.append(path)
        if len(calls) == 2:
            raise OSError(28, "No space left on device")
        real(path, content)

    monkeypatch.setattr(dicom_sr, "write_bytes", full)
    with pytest.raises(Exception, match="No space left on device"):
        write(tmp_path / "sr", [region(image), region(other)], [[0.1, 0.2, 0.7]] * 2)
    assert {path.name for path in tmp_path.iterdir()} == {"in"}


def predict(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["predict", *map(str, arguments)])


def test_the_command_writes_scores_and_reports(fit_run: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = tmp_path / "in"
    for number, study in enumerate(("first", "first", "second")):
        write_radiograph(folder / f"{number}.dcm", study, number)
    settings = tmp_path / "sr.yaml"
    settings.write_text("codes: {normal: {value: N1, scheme: 99OURS, meaning: ours}}\n")
    out = ("--out", tmp_path / "s.csv", "--dicom-sr", tmp_path / "sr", "--sr-settings", settings)
    result = predict(fit_run, folder, *out)
    assert result.exit_code == 0, result.output
    assert f"{tmp_path / 'sr'}: 2 structured reports" in result.output
    table = Scores.from_csv(tmp_path / "s.csv")
    reports = {report.StudyInstanceUID: report for report in map(pydicom.dcmread, (tmp_path / "sr").iterdir())}
    first = groups(reports[generate_uid(entropy_srcs=["first"])])
    found = [
        [float(item.MeasuredValueSequence[0].NumericValue) for item in g.ContentSequence if item.ValueType == "NUM"]
        for g in first
    ]
    np.testing.assert_allclose(found, table.probabilities[:2], atol=1e-6)
    assert np.ptp(table.probabilities[:2], axis=0).max() > 1e-3  # so that a mix-up would show
    assert not [text for text in (IDENTIFIER, NAME, "Jörg") if text in result.output + caplog.text]


def test_a_folder_that_exists_or_a_missing_extra_is_told_before_anything_is_scored(
    fit_run: Path, image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = predict(fit_run, image, "--out", tmp_path / "s.csv", "--dicom-sr", image.parent)
    assert isinstance(result.exception, ServingError)
    assert "it exists already" in str(result.exception)
    assert not (tmp_path / "s.csv").exists()
    (tmp_path / "sr.yaml").touch()
    alone = predict(fit_run, image, "--out", tmp_path / "s.csv", "--sr-settings", tmp_path / "sr.yaml")
    assert alone.exit_code == 2
    assert "--sr-settings is for --dicom-sr" in alone.output
    monkeypatch.setattr(dicom_sr.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(ServingError, match=r"pip install .*(highdicom|dicom)"):
        check_reports(tmp_path / "sr")
