"""A real archive: radiographs are stored in Orthanc, fetched, predicted, and the report sent back and found again."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from click.testing import CliRunner
from pydicom.uid import generate_uid
from support import orthanc
from support.dicom_study import IDENTIFIER, NAME, write_radiograph

from keras_cwp.cli.main import cli
from keras_cwp.prediction import region_maps
from keras_cwp.scores import Scores

pytest.importorskip("highdicom", reason="highdicom is not installed; pip install '.[dicom]'")
pytestmark = pytest.mark.skipif(orthanc.BINARY is None, reason="Orthanc is not installed; apt-get install orthanc")

WAYS = (orthanc.Dimse, orthanc.Pynetdicom, orthanc.DicomWeb, orthanc.DicomWebClient, orthanc.OwnRest)
STUDY = "StudyInstanceUID"
SERIES = "SeriesInstanceUID"


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[orthanc.Orthanc]:
    with orthanc.running(tmp_path_factory.mktemp("orthanc")) as started:
        yield started


@pytest.fixture(params=WAYS, ids=lambda way: way.__name__)
def way(request: pytest.FixtureRequest, archive: orthanc.Orthanc, tmp_path: Path) -> Any:
    if reason := request.param.missing():
        pytest.skip(reason)
    (tmp_path / "way").mkdir()
    return request.param(archive, tmp_path / "way")


def read(path: Path) -> pydicom.Dataset:
    return pydicom.dcmread(path)


def test_there_and_back(way: Any, fit_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(region_maps, "randomised", lambda _: [])  # the run is untrained: its maps would be withheld
    name = type(way).__name__  # each way its own patient, in one archive
    patient, study = f"{IDENTIFIER}-{name}", generate_uid(entropy_srcs=[name])
    for text, identifier in ((name, patient), (f"{name} of another", f"ANOTHER-{name}")):
        way.store(write_radiograph(tmp_path / "sent" / f"{text}.dcm", text, PatientID=identifier))

    assert way.find("STUDY", STUDY, PatientID=patient) == [study]
    (series,) = way.find("SERIES", SERIES, StudyInstanceUID=study, Modality="CR")
    way.fetch(study, series, tmp_path / "fetched")
    (fetched,) = (tmp_path / "fetched").iterdir()
    image = read(fetched)
    assert image == read(tmp_path / "sent" / f"{name}.dcm")

    assert way.find("SERIES", SERIES, StudyInstanceUID=study, Modality="SR") == []
    arguments = ("predict", fit_run, fetched.parent, "--out", tmp_path / "s.csv", "--dicom-sr", tmp_path / "sr")
    result = CliRunner().invoke(cli, list(map(str, arguments)))
    assert result.exit_code == 0, result.output
    written = {read(file).Modality: file for file in (tmp_path / "sr").iterdir()}
    assert set(written) == {"SR", "PR", "OT"}
    for file in written.values():
        way.store(file)

    assert way.find("STUDY", STUDY, PatientID=patient) == [study]  # image and report lie in one study
    every = [series]
    for modality, file in written.items():
        (found,) = way.find("SERIES", SERIES, StudyInstanceUID=study, Modality=modality)
        assert found == read(file).SeriesInstanceUID
        every.append(found)
        way.fetch(study, found, tmp_path / modality)
        (back,) = (tmp_path / modality).iterdir()
        assert orthanc.body(back) == orthanc.body(file)
    assert way.find("SERIES", SERIES, StudyInstanceUID=study) == sorted(every)
    others = [read(written[modality]).SOPInstanceUID for modality in ("PR", "OT")]
    check_report(tmp_path / "SR", image, others, tmp_path / "s.csv")


def check_report(fetched: Path, image: pydicom.Dataset, others: list[str], scores: Path) -> None:
    (file,) = fetched.iterdir()
    report = read(file)
    assert (str(report.PatientName), report.PatientID) == (NAME, image.PatientID)
    assert report.StudyInstanceUID == image.StudyInstanceUID
    named = {item.value for item in report.iterall() if item.keyword == "ReferencedSOPInstanceUID"}
    assert named == {image.SOPInstanceUID, *others}
    answered = [float(item.value) for item in report.iterall() if item.keyword == "NumericValue"]
    np.testing.assert_allclose(answered, Scores.from_csv(scores).probabilities[0], atol=1e-6)
    if shutil.which("dciodvfy"):  # Debian's dicom3tools
        done = subprocess.run(["dciodvfy", str(file)], capture_output=True, text=True, check=False, timeout=60)
        lines = (done.stdout + done.stderr).splitlines()
        assert "ComprehensiveSR" in lines
        assert [line for line in lines if line.startswith("Error")] == []


def test_the_archive_refuses_a_stranger(archive: orthanc.Orthanc, tmp_path: Path) -> None:
    """So that the round trip above is seen to have used the AE titles."""
    if reason := orthanc.Dimse.missing():
        pytest.skip(reason)
    image = write_radiograph(tmp_path / "a.dcm", "stranger", PatientID="STRANGER")
    peer = ["127.0.0.1", str(archive.dicom_port), str(image)]
    stranger = ["storescu", "-aet", "STRANGER", "-aec", orthanc.CALLED, *peer]
    done = subprocess.run(stranger, capture_output=True, text=True, timeout=orthanc.ASK_S, check=False)
    assert done.returncode != 0
    assert orthanc.OwnRest(archive, tmp_path).find("STUDY", STUDY, PatientID="STRANGER") == []
