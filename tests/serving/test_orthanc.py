"""A real archive: a radiograph is stored in Orthanc, fetched, predicted, and its report sent back and found again."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from click.testing import CliRunner
from dicom_study import IDENTIFIER, NAME, write_radiograph

from keras_cwp.cli.main import cli
from keras_cwp.scores import Scores

pytest.importorskip("highdicom", reason="the extra `dicom` is not installed")
BINARY = shutil.which("Orthanc") or shutil.which("Orthanc", path="/usr/sbin")
pytestmark = pytest.mark.skipif(BINARY is None, reason="Orthanc (Debian's package orthanc) is not installed")
START_S = 30


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Archive:
    """Orthanc's REST API."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"

    def ask(self, path: str, content: bytes | None = None) -> bytes:
        with urllib.request.urlopen(self.url + path, content, timeout=20) as answer:
            return answer.read()

    def store(self, file: Path) -> str:
        """Orthanc's name of the instance."""
        return json.loads(self.ask("/instances", file.read_bytes()))["ID"]

    def find(self, level: str, **query: str) -> list[str]:
        return json.loads(self.ask("/tools/find", json.dumps({"Level": level, "Query": query}).encode()))


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    """Orthanc on a free port of this machine alone, with a storage of its own; no DICOM port."""
    port = free_port()
    settings = {
        "Name": "test",
        "StorageDirectory": str(tmp_path / "storage"),
        "IndexDirectory": str(tmp_path / "storage"),
        "HttpPort": port,
        "RemoteAccessAllowed": False,
        "DicomServerEnabled": False,
        "Plugins": [],
    }
    (tmp_path / "storage").mkdir()
    (tmp_path / "orthanc.json").write_text(json.dumps(settings))
    with open(tmp_path / "orthanc.log", "wb") as log:
        process = subprocess.Popen([str(BINARY), str(tmp_path / "orthanc.json")], stdout=log, stderr=log, cwd=tmp_path)
    try:
        started = Archive(port)
        wait(started, process, tmp_path / "orthanc.log")
        yield started
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait(archive: Archive, process: Any, log: Path) -> None:
    end = time.monotonic() + START_S
    while time.monotonic() < end and process.poll() is None:
        try:
            archive.ask("/system")
            return
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.1)
    pytest.fail(f"Orthanc did not start: {log.read_text()[-2000:]}")


def predict(*arguments: object) -> Any:
    return CliRunner().invoke(cli, ["predict", *map(str, arguments)])


def test_there_and_back(archive: Archive, fit_run: Path, tmp_path: Path) -> None:
    instance = archive.store(write_radiograph(tmp_path / "sent.dcm", "study"))
    (tmp_path / "fetched").mkdir()
    (tmp_path / "fetched" / "a.dcm").write_bytes(archive.ask(f"/instances/{instance}/file"))

    result = predict(fit_run, tmp_path / "fetched", "--out", tmp_path / "s.csv", "--dicom-sr", tmp_path / "sr")
    assert result.exit_code == 0, result.output
    (report,) = (tmp_path / "sr").iterdir()
    stored = archive.store(report)

    (study,) = archive.find("Study", PatientID=IDENTIFIER)  # image and report lie in one study of one patient
    assert len(archive.find("Patient", PatientID=IDENTIFIER)) == 1
    details = json.loads(archive.ask(f"/studies/{study}"))
    assert len(details["Series"]) == 2
    (series,) = archive.find("Series", Modality="SR", PatientID=IDENTIFIER)
    assert series in details["Series"]
    assert json.loads(archive.ask(f"/series/{series}"))["Instances"] == [stored]
    (tmp_path / "back.dcm").write_bytes(archive.ask(f"/instances/{stored}/file"))
    back, sent = pydicom.dcmread(tmp_path / "back.dcm"), pydicom.dcmread(report)
    assert back == sent
    assert str(back.PatientName) == NAME

    answered = [item for item in back.iterall() if item.keyword == "NumericValue"]
    expected = Scores.from_csv(tmp_path / "s.csv").probabilities[0]
    np.testing.assert_allclose([float(item.value) for item in answered], expected, atol=1e-6)
