"""Orthanc, a real archive, on this machine alone; and three ways to speak to it, as a hospital's programs do."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import re
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pydicom
import pytest

BINARY = shutil.which("Orthanc") or shutil.which("Orthanc", path="/usr/sbin")
DICOMWEB = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
DCMTK = ("storescu", "findscu", "getscu")
CALLED, CALLING = "TESTPACS", "TESTWARD"  # AE titles
START_S = 30
ASK_S = 30
_MOST_CONTEXTS = 120  # of an association, of which DICOM allows 128


class Orthanc:
    """A running archive: the ports of DICOM and of HTTP."""

    def __init__(self, dicom_port: int, http_port: int) -> None:
        self.dicom_port = dicom_port
        self.url = f"http://127.0.0.1:{http_port}"

    def ask(self, path: str, content: bytes | None = None, **headers: str) -> tuple[bytes, str]:
        """An answer's body and its Content-Type."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(self.url + path, content, named)
        with urllib.request.urlopen(request, timeout=ASK_S) as answer:
            return answer.read(), answer.headers.get("Content-Type", "")

    def ask_json(self, path: str, content: bytes | None = None, **headers: str) -> Any:
        return json.loads(self.ask(path, content, **headers)[0])


@contextlib.contextmanager
def running(folder: Path) -> Iterator[Orthanc]:
    """Orthanc with a storage of its own in `folder`; it takes DICOM from this machine and from CALLING only."""
    dicom_port, http_port = free_ports()
    settings = {
        "Name": "test",
        "StorageDirectory": str(folder / "storage"),
        "IndexDirectory": str(folder / "storage"),
        "HttpPort": http_port,
        "RemoteAccessAllowed": False,
        "DicomAet": CALLED,
        "DicomPort": dicom_port,
        "DicomCheckCalledAet": True,
        "DicomCheckModalityHost": True,
        "DicomModalities": {"ward": {"AET": CALLING, "Host": "127.0.0.1", "Port": 1}},  # it is never called back
        "DicomAlwaysAllowEcho": False,
        "DicomAlwaysAllowStore": False,
        "Plugins": [str(DICOMWEB)] if DICOMWEB.exists() else [],
        "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
    }
    (folder / "storage").mkdir(parents=True)
    (folder / "orthanc.json").write_text(json.dumps(settings))
    with open(folder / "orthanc.log", "wb") as log:
        process = subprocess.Popen([str(BINARY), str(folder / "orthanc.json")], stdout=log, stderr=log, cwd=folder)
    try:
        started = Orthanc(dicom_port, http_port)
        _wait(started, process, folder / "orthanc.log")
        yield started
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def free_ports() -> tuple[int, int]:
    with socket.socket() as one, socket.socket() as other:
        one.bind(("127.0.0.1", 0))
        other.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1]), int(other.getsockname()[1])


def _wait(archive: Orthanc, process: Any, log: Path) -> None:
    end = time.monotonic() + START_S
    while time.monotonic() < end and process.poll() is None:
        try:
            archive.ask("/system")
            return
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.1)
    pytest.fail(f"Orthanc did not start: {log.read_text()[-2000:]}")


class Dimse:
    """C-STORE, C-FIND and C-GET by dcmtk's commands."""

    def __init__(self, archive: Orthanc, folder: Path) -> None:
        self.archive, self.folder = archive, folder

    @staticmethod
    def missing() -> str:
        absent = [name for name in DCMTK if shutil.which(name) is None]
        return f"{', '.join(absent)} not installed; apt-get install dcmtk" if absent else ""

    def _run(self, command: str, *arguments: object) -> None:
        peer = ("-aet", CALLING, "-aec", CALLED, "127.0.0.1", self.archive.dicom_port)
        done = subprocess.run(
            [command, *map(str, (*peer, *arguments))], capture_output=True, text=True, timeout=ASK_S, check=False
        )
        assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr

    def store(self, file: Path) -> None:
        self._run("storescu", file)

    def find(self, level: str, wanted: str, **keys: str) -> list[str]:
        """Values of the element `wanted` of every match."""
        folder = self.folder / f"found{len(list(self.folder.iterdir()))}"
        folder.mkdir()
        asked = {"QueryRetrieveLevel": level, **keys, wanted: ""}
        self._run("findscu", "-S", "-X", "-od", folder, *_keys(asked))
        return sorted(str(pydicom.dcmread(file, force=True)[wanted].value) for file in folder.iterdir())

    def fetch(self, study: str, series: str, folder: Path) -> None:
        folder.mkdir()
        asked = {"QueryRetrieveLevel": "SERIES", "StudyInstanceUID": study, "SeriesInstanceUID": series}
        self._run("getscu", "-S", "+B", "-od", folder, *_keys(asked))


def _keys(asked: dict[str, str]) -> list[str]:
    return [part for key, value in asked.items() for part in ("-k", f"{key}={value}" if value else key)]


class DicomWeb:
    """STOW-RS, QIDO-RS and WADO-RS, which are HTTP."""

    def __init__(self, archive: Orthanc, folder: Path) -> None:
        self.archive = archive

    @staticmethod
    def missing() -> str:
        return "" if DICOMWEB.exists() else f"no {DICOMWEB}; apt-get install orthanc-dicomweb"

    def store(self, file: Path) -> None:
        body = b"--part\r\nContent-Type: application/dicom\r\n\r\n" + file.read_bytes() + b"\r\n--part--\r\n"
        kind = 'multipart/related; type="application/dicom"; boundary=part'
        answer = self.archive.ask_json("/dicom-web/studies", body, Content_Type=kind, Accept="application/dicom+json")
        assert not answer.get("00081198", {}).get("Value"), answer  # Failed SOP Sequence

    def find(self, level: str, wanted: str, **keys: str) -> list[str]:
        study = keys.pop("StudyInstanceUID", None)
        path = {"STUDY": "/dicom-web/studies", "SERIES": f"/dicom-web/studies/{study}/series"}[level]
        query = urllib.parse.urlencode({**keys, "includefield": wanted})
        found = self.archive.ask_json(f"{path}?{query}", Accept="application/dicom+json")
        return sorted(str(pydicom.Dataset.from_json(match)[wanted].value) for match in found)

    def fetch(self, study: str, series: str, folder: Path) -> None:
        kind = 'multipart/related; type="application/dicom"'
        body, answered = self.archive.ask(f"/dicom-web/studies/{study}/series/{series}", Accept=kind)
        boundary = re.search(r'boundary="?([^";]+)', answered)
        assert boundary, answered
        folder.mkdir()
        parts = body.split(b"--" + boundary[1].encode())[1:-1]
        for number, part in enumerate(parts):
            content = part.partition(b"\r\n\r\n")[2].removesuffix(b"\r\n")
            (folder / f"{number}.dcm").write_bytes(content)


class OwnRest:
    """Orthanc's own REST API."""

    def __init__(self, archive: Orthanc, folder: Path) -> None:
        self.archive = archive

    @staticmethod
    def missing() -> str:
        return ""

    def store(self, file: Path) -> None:
        self.archive.ask("/instances", file.read_bytes())

    def _look_up(self, level: str, **keys: str) -> list[Any]:
        query = {"Level": level.capitalize(), "Expand": True, "Query": keys}
        return self.archive.ask_json("/tools/find", json.dumps(query).encode())

    def find(self, level: str, wanted: str, **keys: str) -> list[str]:
        return sorted(match["MainDicomTags"][wanted] for match in self._look_up(level, **keys))

    def fetch(self, study: str, series: str, folder: Path) -> None:
        folder.mkdir()
        for match in self._look_up("SERIES", StudyInstanceUID=study, SeriesInstanceUID=series):
            for number, instance in enumerate(match["Instances"]):
                (folder / f"{number}.dcm").write_bytes(self.archive.ask(f"/instances/{instance}/file")[0])


class Pynetdicom:
    """C-STORE, C-FIND and C-GET by pynetdicom, as a program in Python speaks to an archive."""

    def __init__(self, archive: Orthanc, folder: Path) -> None:
        self.archive = archive

    @staticmethod
    def missing() -> str:
        return "" if importlib.util.find_spec("pynetdicom") else "pynetdicom is not installed; pip install '.[test]'"

    @contextlib.contextmanager
    def _association(self, contexts: list[Any], **options: Any) -> Iterator[Any]:
        from pynetdicom import AE

        entity = AE(ae_title=CALLING)
        entity.requested_contexts = contexts
        found = entity.associate("127.0.0.1", self.archive.dicom_port, ae_title=CALLED, **options)
        assert found.is_established
        try:
            yield found
        finally:
            found.release()

    def store(self, file: Path) -> None:
        from pynetdicom import build_context

        dataset = pydicom.dcmread(file)
        with self._association([build_context(dataset.SOPClassUID, dataset.file_meta.TransferSyntaxUID)]) as peer:
            assert peer.send_c_store(file).Status == 0

    def find(self, level: str, wanted: str, **keys: str) -> list[str]:
        from pynetdicom import build_context
        from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelFind as Model

        with self._association([build_context(Model)]) as peer:
            answers = [answer for _, answer in peer.send_c_find(_asked(level, **keys, **{wanted: ""}), Model)]
        return sorted(str(answer[wanted].value) for answer in answers if answer is not None)

    def fetch(self, study: str, series: str, folder: Path) -> None:
        from pynetdicom import StoragePresentationContexts, build_context, build_role, evt
        from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelGet as Model

        folder.mkdir()
        kept = [context.abstract_syntax for context in StoragePresentationContexts][:_MOST_CONTEXTS]
        explicit = pydicom.uid.ExplicitVRLittleEndian
        contexts = [build_context(Model), *(build_context(uid, explicit) for uid in kept)]

        def keep(event: Any) -> int:
            name = f"{event.request.AffectedSOPInstanceUID}.dcm"
            (folder / name).write_bytes(event.encoded_dataset())
            return 0

        roles = [build_role(uid, scp_role=True) for uid in kept]
        handlers = [(evt.EVT_C_STORE, keep)]
        with self._association(contexts, ext_neg=roles, evt_handlers=handlers) as peer:
            asked = _asked("SERIES", StudyInstanceUID=study, SeriesInstanceUID=series)
            assert [status.Status for status, _ in peer.send_c_get(asked, Model)][-1] == 0


def _asked(level: str, **keys: str) -> pydicom.Dataset:
    asked = pydicom.Dataset()
    asked.QueryRetrieveLevel = level
    for keyword, value in keys.items():
        setattr(asked, keyword, value)
    return asked


class DicomWebClient:
    """STOW-RS, QIDO-RS and WADO-RS by dicomweb-client."""

    def __init__(self, archive: Orthanc, folder: Path) -> None:
        from dicomweb_client.api import DICOMwebClient

        self.client = DICOMwebClient(f"{archive.url}/dicom-web")

    @staticmethod
    def missing() -> str:
        if importlib.util.find_spec("dicomweb_client") is None:
            return "dicomweb-client is not installed; pip install '.[test]'"
        return DicomWeb.missing()

    def store(self, file: Path) -> None:
        answer = self.client.store_instances([pydicom.dcmread(file)])
        assert not answer.get("FailedSOPSequence"), answer

    def find(self, level: str, wanted: str, **keys: str) -> list[str]:
        study = keys.pop("StudyInstanceUID", None)
        options = {"search_filters": keys, "fields": [wanted]}
        client = self.client
        found = client.search_for_studies(**options) if level == "STUDY" else client.search_for_series(study, **options)
        return sorted(str(pydicom.Dataset.from_json(match)[wanted].value) for match in found)

    def fetch(self, study: str, series: str, folder: Path) -> None:
        folder.mkdir()
        for number, dataset in enumerate(self.client.retrieve_series(study, series)):
            dataset.save_as(folder / f"{number}.dcm", enforce_file_format=True)


def body(file: Path) -> bytes:
    """A file's bytes after preamble and group 2, which each archive writes in its own way."""
    content = file.read_bytes()
    return content[144 + int.from_bytes(content[140:144], "little") :]
