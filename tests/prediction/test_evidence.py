"""What stands beside a structured report: presentation states and heat maps, their references, and whose they are."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pydicom
import pytest
from click.testing import CliRunner
from support.dicom_study import IDENTIFIER, NAME, write_radiograph
from support.small_run import CLASSES

from keras_cwp.cli.main import cli
from keras_cwp.config import DataConfig
from keras_cwp.data.annotations.roi import Roi
from keras_cwp.prediction import region_maps
from keras_cwp.prediction.dicom_sr import Written, write_reports
from keras_cwp.prediction.heat_capture import LONGEST_PX, drawn_maps
from keras_cwp.prediction.region_maps import RegionMaps
from keras_cwp.prediction.sr_identity import BLANK, OF_THE_PATIENT, OF_THE_STUDY
from keras_cwp.prediction.sr_settings import SrConfig
from keras_cwp.scores import Scores

pytest.importorskip("highdicom", reason="highdicom is not installed; pip install '.[dicom]'")

BOX = (10.5, 20.0, 40.0, 30.0)
KINDS = {"SR": "ComprehensiveSR", "PR": "GrayscaleSoftcopyPresentationState", "OT": "SCImage"}


def region(path: Path, roi_id: str, box: Any = BOX) -> Roi:
    return Roi(path.as_posix(), path, None, "", box, roi_id, path.as_posix())


def scores(regions: list[Roi]) -> Scores:
    names = np.array([roi.roi_id for roi in regions])
    zeros = np.zeros(len(regions), int)
    return Scores(CLASSES, names, names, names, zeros, zeros - 1, np.tile([0.1, 0.2, 0.7], (len(regions), 1)))


def picture(path: Path, statement: str) -> np.ndarray:  # noqa: ARG001
    return drawn_maps(np.full((120, 150), 0.4), [(BOX, np.eye(8))], [statement])


def write(folder: Path, regions: list[Roi], pictures: Any = picture, **settings: Any) -> dict[str, list[Any]]:
    """What was written, by modality."""
    notes: list[str] = []
    write_reports(
        folder, regions, scores(regions), ("training data ffff",), SrConfig(**settings), notes.append,
        evidence=True, pictures=pictures,
    )  # fmt: skip
    found: dict[str, list[Any]] = {"notes": notes}
    for file in sorted(folder.iterdir()):
        found.setdefault(pydicom.dcmread(file).Modality, []).append(pydicom.dcmread(file))
    return found


@pytest.fixture
def image(tmp_path: Path) -> Path:
    return write_radiograph(tmp_path / "in" / "a.dcm", "first", WindowCenter="2000", WindowWidth="3000")


def graphics(state: Any) -> list[Any]:
    return list(state.GraphicAnnotationSequence[0].GraphicObjectSequence)


def test_boxes_and_labels_are_those_of_the_report(image: Path, tmp_path: Path) -> None:
    written = write(tmp_path / "out", [region(image, "left"), region(image, "right", (90, 20, 50, 60))])
    (report,), (state,) = written["SR"], written["PR"]
    assert [list(each.GraphicData) for each in graphics(state)] == [
        [10.5, 20, 50.5, 20, 50.5, 50, 10.5, 50, 10.5, 20],
        [90, 20, 140, 20, 140, 80, 90, 80, 90, 20],
    ]
    texts = [each.UnformattedTextValue for each in state.GraphicAnnotationSequence[0].TextObjectSequence]
    assert texts == [f"{CLASSES[2]} 70 %"] * 2
    in_report = uids(report)
    assert {each.TrackingUID for each in graphics(state)} <= in_report
    assert [each.TrackingID for each in graphics(state)] == ["left", "right"]


def uids(report: Any) -> set[str]:
    return {str(element.value) for element in report.iterall() if element.VR == "UI"}


def test_the_objects_refer_to_each_other(image: Path, tmp_path: Path) -> None:
    written = write(tmp_path / "out", [region(image, "left")])
    (report,), (state,), (capture,) = written["SR"], written["PR"], written["OT"]
    radiograph = pydicom.dcmread(image)
    evidence = {
        instance.ReferencedSOPInstanceUID
        for study in report.CurrentRequestedProcedureEvidenceSequence
        for series in study.ReferencedSeriesSequence
        for instance in series.ReferencedSOPSequence
    }
    assert evidence == {radiograph.SOPInstanceUID, state.SOPInstanceUID, capture.SOPInstanceUID}
    shown_with = [
        item.ReferencedSOPSequence[0].ReferencedSOPInstanceUID
        for element in report.iterall()
        if element.keyword == "ReferencedSOPSequence"
        for item in element.value
        if "ReferencedSOPSequence" in item and "ReferencedSOPClassUID" in item
    ]
    assert shown_with == [state.SOPInstanceUID]
    assert (
        state.ReferencedSeriesSequence[0].ReferencedImageSequence[0].ReferencedSOPInstanceUID
        == radiograph.SOPInstanceUID
    )
    assert capture.SourceImageSequence[0].ReferencedSOPInstanceUID == radiograph.SOPInstanceUID
    assert len({each.SeriesInstanceUID for each in (radiograph, report, state, capture)}) == 4
    assert len({each.StudyInstanceUID for each in (radiograph, report, state, capture)}) == 1


@pytest.mark.parametrize(
    ("charset", "name"),
    [("ISO_IR 192", NAME.encode()), (None, "王^小明".encode("gbk")), ("ISO_IR 100", b"M\xfcller^J\xf6rg")],
    ids=["UTF-8", "undeclared GBK", "Latin 1"],
)
def test_all_are_of_the_same_patient_and_study_byte_by_byte(tmp_path: Path, charset: str | None, name: bytes) -> None:
    image = write_radiograph(
        tmp_path / "in" / "a.dcm", "first", SpecificCharacterSet=charset, PatientName="PLACE^HOLDER"
    )
    padded = name + b" " * (len(name) % 2)
    content = image.read_bytes()
    old = b"PN" + (12).to_bytes(2, "little") + b"PLACE^HOLDER"
    assert content.count(old) == 1
    image.write_bytes(content.replace(old, b"PN" + len(padded).to_bytes(2, "little") + padded))
    written = write(tmp_path / "out", [region(image, "left")])
    (report,) = written["SR"]
    for other in (*written["PR"], *written["OT"]):
        for keyword in {*OF_THE_PATIENT, *OF_THE_STUDY, *BLANK, "SpecificCharacterSet"}:
            one, two = (each.get_item(keyword) if keyword in each else None for each in (report, other))
            assert getattr(one, "value", None) == getattr(two, "value", None), keyword
    assert len(written["notes"]) == len(set(written["notes"]))


@pytest.mark.skipif(not shutil.which("dciodvfy"), reason="apt-get install dicom3tools")
@pytest.mark.parametrize(
    "elements",
    [
        {},
        {"PhotometricInterpretation": "MONOCHROME1"},
        {"RescaleSlope": "1", "RescaleIntercept": "-1024", "RescaleType": "US"},
        {"WindowCenter": ["2000", "1000"], "WindowWidth": ["3000", "500"]},
        {"WindowCenter": "nan", "WindowWidth": "0"},
        {"PatientName": "", "PatientID": "", "PatientBirthDate": "", "PatientSex": ""},
        {"PatientOrientation": ["L", "F"]},
    ],
)
def test_dciodvfy_finds_no_errors(tmp_path: Path, elements: dict[str, Any]) -> None:
    with pydicom.config.disable_value_validation():
        image = write_radiograph(tmp_path / "in" / "a.dcm", "first", **elements)
    write(tmp_path / "out", [region(image, "left"), region(image, "all", None)])
    seen = []
    for file in sorted((tmp_path / "out").iterdir()):
        done = subprocess.run(["dciodvfy", str(file)], capture_output=True, text=True, check=False, timeout=60)
        lines = (done.stdout + done.stderr).splitlines()
        seen += [kind for kind in KINDS if KINDS[kind] in lines]
        assert [line for line in lines if line.startswith("Error")] == []
    assert sorted(seen) == sorted(KINDS)


@pytest.mark.skipif(not shutil.which("dcmp2pgm"), reason="apt-get install dcmtk")
def test_a_viewer_shows_inverse_films_as_they_are_meant(tmp_path: Path) -> None:
    """The same radiograph stored either way looks the same under its presentation state."""
    pixels = (np.arange(120 * 150, dtype=np.uint16).reshape(120, 150) % 4096).astype(np.uint16)
    shown = []
    for name, stored in (("MONOCHROME2", pixels), ("MONOCHROME1", 4095 - pixels)):
        film = write_radiograph(
            tmp_path / name / "a.dcm", name, PhotometricInterpretation=name, PixelData=stored.tobytes(),
            WindowCenter="2048", WindowWidth="4096", PatientName="A^B",
        )  # fmt: skip
        (state,) = [
            path for path in write_states(tmp_path / f"out {name}", film) if pydicom.dcmread(path).Modality == "PR"
        ]
        target = tmp_path / f"{name}.pgm"
        subprocess.run(["dcmp2pgm", "-p", str(state), str(film), str(target)], check=True, timeout=60)
        shown.append(cv2.imread(str(target), cv2.IMREAD_GRAYSCALE).astype(int))
    assert np.ptp(shown[0]) > 200
    np.testing.assert_allclose(shown[0], shown[1], atol=2)
    assert shown[0][0, 0] < shown[0][20, 100]  # bright is where there is more


def write_states(folder: Path, film: Path) -> list[Path]:
    write(folder, [region(film, "left")])
    return list(folder.iterdir())


@pytest.mark.skipif(not shutil.which("dcmpschk"), reason="apt-get install dcmtk")
def test_dcmtk_takes_the_presentation_state(tmp_path: Path) -> None:
    film = write_radiograph(tmp_path / "in" / "a.dcm", "first", PatientName="A^B", WindowCenter="9", WindowWidth="5")
    (state,) = [path for path in write_states(tmp_path / "out", film) if pydicom.dcmread(path).Modality == "PR"]
    done = subprocess.run(["dcmpschk", str(state)], capture_output=True, text=True, check=False, timeout=60)
    assert "Test passed" in done.stdout + done.stderr


def test_grey_values_that_dicom_does_not_allow_are_left_out(tmp_path: Path) -> None:
    grey = {"WindowCenter": "nan", "WindowWidth": "0", "RescaleSlope": "0", "RescaleIntercept": "1"}
    with pydicom.config.disable_value_validation():
        image = write_radiograph(tmp_path / "in" / "a.dcm", "first", **grey)
    (state,) = write(tmp_path / "out", [region(image, "left")])["PR"]
    assert "SoftcopyVOILUTSequence" not in state
    assert "RescaleSlope" not in state


def test_each_radiograph_has_its_own_state_and_each_map_its_own_image(tmp_path: Path) -> None:
    films = [write_radiograph(tmp_path / "in" / f"{n}.dcm", "first", seed=n) for n in range(3)]
    regions = [region(film, str(n)) for n, film in enumerate(films)]

    def only_the_second(path: Path, statement: str) -> np.ndarray | None:
        return picture(path, statement) if path == films[1] else None

    written = write(tmp_path / "out", regions, only_the_second)
    assert (len(written["SR"]), len(written["PR"]), len(written["OT"])) == (1, 3, 1)
    assert {int(state.InstanceNumber) for state in written["PR"]} == {1, 2, 3}
    assert len({state.SeriesInstanceUID for state in written["PR"]}) == 1
    (capture,) = written["OT"]
    assert capture.SourceImageSequence[0].ReferencedSOPInstanceUID == pydicom.dcmread(films[1]).SOPInstanceUID


def test_a_map_lies_in_its_box_and_the_rest_stays_grey() -> None:
    heat = np.zeros((8, 8))
    heat[:, 4:] = 1
    drawn = drawn_maps(np.full((1000, 2000), 0.4), [((200, 100, 800, 400), heat)], ["Research only"]).astype(int)
    factor = LONGEST_PX / 2000
    assert drawn.shape[1] == LONGEST_PX
    warmth = drawn[..., 0] - drawn[..., 2]
    rows, columns = (slice(round(factor * a), round(factor * b)) for a, b in ((150, 450), (700, 900)))
    assert (warmth[rows, columns] > 40).all()
    assert (np.abs(warmth[rows, round(factor * 260) : round(factor * 450)]) < 8).all()
    film = warmth[: round(factor * 1000)]
    assert (film[:, round(factor * 1010) :] == 0).all()
    below = drawn[round(factor * 1000) :]
    assert below.max() == 255  # the lines and the colour bar
    assert (below[..., 0] - below[..., 2]).max() > 40


@pytest.mark.parametrize("box", [(-50, -20, 100, 80), (90, 60, 100, 100), (300, 300, 10, 10)])
def test_a_window_may_leave_the_film(box: tuple[float, ...]) -> None:
    drawn = drawn_maps(np.full((100, 120), 0.4), [(box, np.ones((8, 8)))], [])
    assert drawn.shape[0] > 100


def test_films_whose_maps_are_all_withheld_have_no_image(image: Path) -> None:
    rules = DataConfig()
    assert RegionMaps(rules, {image: [(BOX, None)]}).picture(image, "s") is None
    assert RegionMaps(rules, {}).picture(image, "s") is None
    assert RegionMaps(rules, {image: [(BOX, None), (BOX, np.ones((4, 4)))]}).picture(image, "s") is not None


def predict(run: Path, image: Path, tmp_path: Path, *more: object) -> tuple[str, list[str]]:
    arguments = ("predict", run, image, "--out", tmp_path / "s.csv", "--dicom-sr", tmp_path / "sr", *more)
    result = CliRunner().invoke(cli, list(map(str, arguments)))
    assert result.exit_code == 0, result.output
    return result.output, sorted(pydicom.dcmread(file).Modality for file in (tmp_path / "sr").iterdir())


def test_predict_writes_all_of_them(
    fit_run: Path, image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(region_maps, "randomised", lambda _: [])  # the run is untrained: its maps would be withheld
    said, kinds = predict(fit_run, image, tmp_path)
    assert kinds == ["OT", "PR", "SR"]
    assert "1 structured report, 1 presentation state, 1 image of heat maps" in said
    assert NAME not in said
    assert IDENTIFIER not in said


def test_settings_can_leave_them_out(fit_run: Path, image: Path, tmp_path: Path) -> None:
    (tmp_path / "sr.yaml").write_text("evidence: false\n")
    said, kinds = predict(fit_run, image, tmp_path, "--sr-settings", tmp_path / "sr.yaml")
    assert kinds == ["SR"]
    assert "1 structured report\n" in said


def test_without_being_asked_there_is_the_report_alone(image: Path, tmp_path: Path) -> None:
    regions = [region(image, "left")]
    assert write_reports(tmp_path / "sr", regions, scores(regions), ("x",), SrConfig()) == Written(1, 0)
    assert len(list((tmp_path / "sr").iterdir())) == 1


@pytest.mark.skipif(not shutil.which("dsr2html"), reason="apt-get install dcmtk")
def test_dcmtk_shows_each_probability_with_its_name(tmp_path: Path) -> None:
    image = write_radiograph(tmp_path / "in" / "a.dcm", "first")
    (report,) = write(tmp_path / "out", [region(image, "left")])["SR"]
    page = tmp_path / "report.html"
    subprocess.run(["dsr2html", str(report.filename), str(page)], check=True, timeout=60)
    shown = re.sub(r"<[^>]+>", " ", page.read_text(encoding="utf-8"))
    for name in CLASSES:
        assert re.search(rf"Probability of {name}:\s+0\.\d+", shown), name


@pytest.mark.skipif(not shutil.which("dcmp2pgm"), reason="apt-get install dcmtk")
def test_dcmtk_reads_boxes_and_labels_and_draws_them_white(tmp_path: Path) -> None:
    """dcmpschk checks a state; dcmp2pgm applies it to the radiograph and writes the state as it was understood."""
    # a name in ASCII: dcmpschk refuses UTF-8 beyond it, whatever the character set says
    image = write_radiograph(tmp_path / "in" / "a.dcm", "first", PatientName="Mueller^Joerg")
    (state,) = write(tmp_path / "out", [region(image, "left")])["PR"]
    checked = subprocess.run(
        ["dcmpschk", "-v", str(state.filename)], capture_output=True, text=True, check=True, timeout=60
    )
    assert "Test passed" in checked.stdout + checked.stderr
    saved = tmp_path / "saved.dcm"
    drawn = ["dcmp2pgm", "--pstate", str(state.filename), "+S", str(saved), str(image), str(tmp_path / "drawn.pgm")]
    subprocess.run(drawn, check=True, capture_output=True, timeout=60)
    understood = pydicom.dcmread(saved)
    for keyword in ("UnformattedTextValue", "GraphicData"):
        own, kept = ([e.value for e in each.iterall() if e.keyword == keyword] for each in (state, understood))
        assert own == kept != [], keyword
    assert understood.GraphicLayerSequence[0].GraphicLayerRecommendedDisplayGrayscaleValue == 0xFFFF
