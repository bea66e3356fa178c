"""The model's report of a film, to a folder and to a real archive: what is fetched again is what was written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.uid import generate_uid
from support import orthanc
from support.dicom_study import IDENTIFIER, write_radiograph

from keras_cwp.errors import ServingError
from keras_cwp.prediction.archive import Archive, parse_archive
from keras_cwp.reader.answers import Answers
from keras_cwp.reader.films import Films, films_of_folder
from keras_cwp.reader.marks import Mark
from keras_cwp.reader.sending import Sent, send_film

pytest.importorskip("highdicom", reason="highdicom is not installed; pip install '.[dicom]'")
pytest.importorskip("pynetdicom", reason="pynetdicom is not installed; pip install '.[dicom]'")
pytest.importorskip("dicomweb_client", reason="dicomweb-client is not installed; pip install '.[dicom]'")
needs_orthanc = pytest.mark.skipif(orthanc.BINARY is None, reason="Orthanc is not installed; apt-get install orthanc")
BOX = (10.0, 12.0, 30.0, 24.0)


@pytest.fixture(scope="module")
def pacs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[orthanc.Orthanc]:
    with orthanc.running(tmp_path_factory.mktemp("orthanc")) as started:
        yield started


@pytest.fixture
def trusted(answers: Answers, monkeypatch: pytest.MonkeyPatch) -> Answers:
    """The run is untrained: whether its maps do better than random ones is chance; here they do."""
    assert answers._sight is not None
    real = answers._sight.try_maps
    monkeypatch.setattr(
        answers._sight, "try_maps", lambda *given: replace(real(*given), fall=np.ones(1), fall_random=np.zeros(1))
    )
    return answers


def sent(answers: Answers, folder: Path, archive: Archive | None, study: str = "1.2.3") -> Sent:
    write_radiograph(folder / "films" / "a.dcm", study, PatientID=f"{IDENTIFIER}-{study}")
    _, films = films_of_folder(folder / "films", lambda *_: None, lambda _: None)
    return send_film(answers, Films(films, answers.rules), 0, [Mark("m1", BOX)], folder / "reports", archive)


def kinds(folder: Path) -> dict[str, Path]:
    return {pydicom.dcmread(file).Modality: file for file in folder.iterdir()}


def test_report_state_and_heat_maps_are_written(trusted: Answers, tmp_path: Path) -> None:
    found = sent(trusted, tmp_path, None)
    assert (found.objects, found.archive, found.failed) == (3, "", "")
    assert set(kinds(found.folder)) == {"SR", "PR", "OT"}
    capture = pydicom.dcmread(kinds(found.folder)["OT"]).pixel_array
    assert (capture.std(axis=2) > 0).any()  # a map has colour


@needs_orthanc
@pytest.mark.parametrize("by", ["C-STORE", "STOW-RS"])
def test_an_archive_gives_back_what_was_sent(trusted: Answers, pacs: orthanc.Orthanc, by: str, tmp_path: Path) -> None:
    if by == "STOW-RS" and (reason := orthanc.DicomWeb.missing()):
        pytest.skip(reason)
    c_store = f"dicom://{orthanc.CALLED}@127.0.0.1:{pacs.dicom_port}?aet={orthanc.CALLING}"
    archive = parse_archive(c_store if by == "C-STORE" else f"{pacs.url}/dicom-web")
    found = sent(trusted, tmp_path, archive, by)
    assert (found.objects, found.archive, found.failed) == (3, archive.address, "")
    (tmp_path / "way").mkdir()
    way = orthanc.OwnRest(pacs, tmp_path / "way")
    study = generate_uid(entropy_srcs=[by])
    for modality, file in kinds(found.folder).items():
        (series,) = way.find("SERIES", "SeriesInstanceUID", StudyInstanceUID=study, Modality=modality)
        way.fetch(study, series, tmp_path / modality)
        (back,) = (tmp_path / modality).iterdir()
        assert orthanc.body(back) == orthanc.body(file), modality


@needs_orthanc
def test_an_archive_that_refuses_leaves_the_files(trusted: Answers, pacs: orthanc.Orthanc, tmp_path: Path) -> None:
    stranger = parse_archive(f"dicom://{orthanc.CALLED}@127.0.0.1:{pacs.dicom_port}?aet=STRANGER")
    found = sent(trusted, tmp_path, stranger, "refused")
    assert "STRANGER" in found.failed
    assert len(list(found.folder.iterdir())) == found.objects == 3
    if not orthanc.DicomWeb.missing():
        wrong = sent(trusted, tmp_path, parse_archive(f"{pacs.url}/nothing"), "refused")
        assert wrong.failed == f"{pacs.url}/nothing refuses the objects (HTTP 404)"


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["dicom://PACS@", "http://"])
def test_an_archive_that_does_not_answer_is_named(trusted: Answers, scheme: str, tmp_path: Path) -> None:
    port, _ = orthanc.free_ports()
    found = sent(trusted, tmp_path, parse_archive(f"{scheme}127.0.0.1:{port}"))
    assert f"{scheme}127.0.0.1:{port} does not answer" in found.failed
    assert len(list(found.folder.iterdir())) == 3


def test_addresses() -> None:
    own = parse_archive("dicom://PACS@pacs.example")
    assert (own.host, own.port, own.called, own.calling) == ("pacs.example", 104, "PACS", "KERAS_CWP")
    other = parse_archive("dicom://PACS@10.0.0.1:11112?aet=WARD%201")
    assert (other.port, other.calling) == (11112, "WARD 1")
    assert parse_archive("https://pacs.example/dicom-web", "t").token == "t"


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("pacs.example:104", "expected dicom://"),
        ("dicom://pacs.example:104", "'' is no AE title"),
        ("dicom://THIS_TITLE_IS_TOO_LONG@pacs.example", "is no AE title"),
        ("dicom://PACS@pacs.example:99999", "Port out of range"),
        ("https://user:secret@pacs.example/", "password"),
    ],
)
def test_what_is_no_address(address: str, message: str) -> None:
    with pytest.raises(ServingError, match=message) as refused:
        parse_archive(address)
    assert "secret" not in str(refused.value)


def test_a_token_is_not_for_c_store() -> None:
    with pytest.raises(ServingError, match="a token is for DICOMweb"):
        parse_archive("dicom://PACS@pacs.example", "t")


@pytest.mark.slow
def test_an_archive_is_told_the_token(monkeypatch: pytest.MonkeyPatch, trusted: Answers, tmp_path: Path) -> None:
    import requests

    seen: dict[str, Any] = {}

    def request(session: requests.Session, _: str, url: str, **__: Any) -> Any:
        seen.update(url=url, authorization=session.headers["Authorization"])
        raise requests.ConnectionError

    monkeypatch.setattr(requests.Session, "request", request)
    found = sent(trusted, tmp_path, parse_archive("http://pacs.example/dicom-web", "t0k"))
    assert seen == {"url": "http://pacs.example/dicom-web/studies", "authorization": "Bearer t0k"}
    assert found.failed == "http://pacs.example/dicom-web does not answer (ConnectionError)"
