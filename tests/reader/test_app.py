"""The page's server: what it answers, whom it refuses, and that no name leaves it by URL or log."""

from __future__ import annotations

import json
import logging
import re
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from support.page_client import Client, serving

from keras_cwp.data.radiographs.radiograph import read_radiograph
from keras_cwp.reader.answers import Answers
from keras_cwp.reader.desk import Desk
from keras_cwp.reader.films import Film, Films, films_of_folder, films_of_table
from keras_cwp.reader.guard import Access, is_loopback
from keras_cwp.reader.tables import read_rows

MARK = {"roi_id": "R1-1", "box": [40, 30, 60, 50], "label": "normal"}


@pytest.fixture
def client(desk: Desk) -> Iterator[Client]:
    with serving(desk) as found:
        yield found


@contextmanager
def opened(answers: Answers, films: list[Film], out: Path) -> Iterator[Client]:
    """A server of these films for the block."""
    desk = Desk(answers, Films(films, answers.rules), out)
    try:
        with serving(desk) as client:
            yield client
    finally:
        desk.release()


def of_folder(folder: Path) -> list[Film]:
    return films_of_folder(folder, lambda *_: None, lambda _: None)[1]


def save(client: Client, number: int = 2, revision: int = 0, **others: Any) -> Any:
    said = {"reader": "R1", "revision": revision, "marks": [MARK], "patient": "P7", "done": True} | others
    return client.post(f"/api/films/{number}/marks", json=said)


def test_the_page_is_handed_out_with_headers_that_bind_the_browser(client: Client) -> None:
    page = client.get("/")
    assert page.status_code == 200
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert page.headers["cache-control"] == "no-store"
    assert page.headers["referrer-policy"] == "no-referrer"
    for name in re.findall(r"/assets/([\w.]+)", page.text):
        found = client.get(f"/assets/{name}")
        assert found.status_code == 200, name
        for imported in re.findall(r'from "\./([\w.]+)"', found.text):
            assert client.get(f"/assets/{imported}").status_code == 200, imported


def test_nothing_on_the_page_leads_to_another_machine() -> None:
    assets = Path(__file__).parents[2] / "keras_cwp" / "reader" / "assets"
    for file in assets.iterdir():
        addresses = re.findall(r"https?://[\w./]+", file.read_text(encoding="utf-8"))
        assert set(addresses) <= {"http://www.w3.org/2000/svg"}, file.name


OUTWARD = (
    "/assets/../app.py", "/assets/%2e%2e/app.py", "/assets/..%2fapp.py", "/assets/app.py", "/assets/", "/etc/passwd",
    "/api/films/../../etc/passwd", "/api/films/-1", "/api/films/a.png", "/api/films/%2e%2e%2f/pixels",
)  # fmt: skip


@pytest.mark.parametrize("path", OUTWARD)
def test_no_path_leads_out(client: Client, path: str) -> None:
    assert client.get(path).status_code in (404, 405)


def test_a_film_comes_with_its_grey_values(client: Client, films: Path) -> None:
    info = client.get("/api/films/2").json()
    assert (info["width"], info["height"], info["bits"], info["bytes"]) == (160, 120, 12, 2)
    assert (info["spacing_mm"], info["patient"]) == (0.2, "P7")
    assert info["presets"][0]["name"] == "Stated"
    grey = np.frombuffer(client.get("/api/films/2/pixels").content, "<u2").reshape(120, 160)
    shown = ((grey - info["presets"][0]["low"]) / (info["presets"][0]["high"] - info["presets"][0]["low"])).clip(0, 1)
    assert np.abs(shown - read_radiograph(films / "c.dcm").pixels).max() < 0.02
    assert client.get("/api/films/0").json()["bytes"] == 1
    assert info["no_report"] == ""
    assert "no DICOM file" in client.get("/api/films/0").json()["no_report"]
    assert client.get("/api/films/2/thumbnail").content.startswith(b"\x89PNG")
    assert client.get("/api/films/9").status_code == 400


def test_an_answer_its_map_and_its_neighbours(client: Client) -> None:
    answer = client.post("/api/films/2/answer", json={"box": MARK["box"]}).json()
    assert {each["name"] for each in answer["classes"]} == set(client.get("/api/study").json()["model"]["classes"])
    heat = client.post("/api/films/2/heat", json={"box": MARK["box"], "class": answer["predicted"]}).json()
    assert heat["window"] == [40, 25, 60, 60]
    picture = client.get(f"/api/training/{answer['neighbours'][0]['row']}")
    assert picture.headers["content-type"] == "image/png"


def test_a_box_is_saved_and_there_for_the_next_server(
    client: Client, desk: Desk, answers: Answers, films: Path
) -> None:
    assert client.post("/api/reading", json={"reader": "R1"}).json()["films"] == {}
    saved = save(client).json()
    assert (saved["revision"], saved["caution"]) == (1, "")
    desk.release()
    with opened(answers, of_folder(films), films.parent / "out") as after:
        reading = after.post("/api/reading", json={"reader": "R1"}).json()
        assert reading["table"] == "rois_R1.csv"
        assert reading["films"]["2"]["marks"] == [MARK | {"box": [40.0, 30.0, 60.0, 50.0]}]
        assert reading["films"]["2"]["done"] is True
        assert save(after, revision=1).json()["revision"] == 2


def test_an_older_page_is_told(client: Client) -> None:
    assert save(client).status_code == 200
    refused = save(client)
    assert refused.status_code == 409
    assert "saved elsewhere" in refused.json()["error"]


def test_a_doubtful_patient_id_is_cautioned(client: Client) -> None:
    assert "not the patient id that the film came with" in save(client, patient="P8").json()["caution"]
    assert save(client, 0, patient="Q1", marks=[]).json()["caution"] == ""
    assert "another spelling: Q1 (a.png)" in save(client, 1, patient="q-01", marks=[]).json()["caution"]


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"reader": "../x"}, "expected 1 to 32 letters"),
        ({"revision": "0"}, "revision"),
        ({"revision": True}, "revision"),
        ({"marks": [MARK | {"box": [900, 900, 5, 5]}]}, "outside the film of 160 × 120"),
        ({"patient": "unknown"}, "names nobody"),
        ({"patient": "P\ud800"}, "cannot hold"),
        ({"marks": "\ud800"}, "expected an object"),
        ({"marks": [MARK | {"box": "\ud800"}]}, "expected [x, y, width, height]"),
    ],
)
def test_what_cannot_be_saved_is_refused(client: Client, said: dict[str, Any], reason: str) -> None:
    refused = save(client, **said)
    assert refused.status_code == 400
    assert reason in refused.json()["error"]


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"[" * 100000, b"\xff", b'{"a":1}' + b" " * (1 << 20)])
def test_a_body_that_is_no_object_is_refused(client: Client, body: bytes) -> None:
    for headers in ({"content-type": "application/json"}, {"content-type": "text/plain"}):
        assert client.post("/api/films/0/answer", content=body, headers=headers).status_code == 400


def test_an_error_of_ours_says_where_and_quotes_nothing(
    client: Client, desk: Desk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("Meier^Anna")

    monkeypatch.setattr(desk, "film", fail)
    answer = client.get("/api/films/2")
    assert answer.status_code == 500
    assert "Meier" not in answer.text + caplog.text
    assert "ZeroDivisionError at" in caplog.text
    assert "test_app.py" in caplog.text


def test_no_name_is_in_an_answer_or_a_log(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    answers = [client.get(path).text for path in ("/api/study", "/api/films/2")] + [save(client).text]
    assert not re.search("Meier|Anna", "".join(answers) + caplog.text)


def test_given_boxes_are_shown_until_the_reader_saved(answers: Answers, films: Path, tmp_path: Path) -> None:
    table = tmp_path / "rois.csv"
    table.write_text(
        "image,patient_id,label,x,y,width,height,roi_id\nb.png,Q1,normal,1,2,30,40,g1\nb.png,Q1,,5,6,70,80,g2\n"
    )
    _, found = films_of_table(table, films, lambda _: None)
    with opened(answers, found, tmp_path / "out") as client:
        info = client.get("/api/films/0").json()
        assert [(each["roi_id"], each["label"]) for each in info["given"]] == [("g1", "normal"), ("g2", "")]
        assert info["patient"] == "Q1"
        assert save(client, 0, patient="Q1", marks=info["given"]).status_code == 200
    assert [row.mark.roi_id for row in read_rows(tmp_path / "out" / "rois_R1.csv", "R1")] == ["g1"]


def suggested(client: Client, seen: int) -> dict[str, Any]:
    """The answer once so many films were looked at."""
    until = time.monotonic() + 60
    while (found := client.post("/api/suggest", json={"reader": "R1"}).json())["seen"] < seen:
        assert time.monotonic() < until
        time.sleep(0.05)
    return found


def test_suggestions_come_once_all_films_were_looked_at(client: Client) -> None:
    found = suggested(client, 3)
    assert sorted(found["films"]) == [0, 1, 2]
    save(client, found["films"][0], marks=[], patient="")
    left = client.post("/api/suggest", json={"reader": "R1"}).json()["films"]
    assert sorted(left) == sorted(found["films"][1:])


def test_a_film_that_cannot_be_read_is_passed_over(answers: Answers, films: Path, tmp_path: Path) -> None:
    (films / "a.png").write_bytes(b"no picture")
    with opened(answers, of_folder(films), tmp_path / "out") as client:
        assert "a.png" in client.get("/api/films/0").json()["error"]
        assert sorted(suggested(client, 3)["films"]) == [1, 2]


def test_two_readers_agree_or_not(client: Client) -> None:
    other = MARK | {"roi_id": "R2-1", "box": [41, 30, 60, 50], "label": "large_opacity"}
    save(client)
    assert save(client, reader="R2", marks=[other]).status_code == 200
    found = client.post("/api/agreement", json={"first": "R1", "second": "R2"}).json()
    assert (found["regions"], found["readers"]) == (1, ["R1", "R2"])
    assert found["disagreements"] == [{"roi_id": "R1-1", "first": "normal", "second": "large_opacity", "film": 2}]
    assert "takes two readers" in client.post("/api/agreement", json={"first": "R1", "second": "R1"}).json()["error"]
    assert (
        "'R3' has labelled no box"
        in client.post("/api/agreement", json={"first": "R1", "second": "R3"}).json()["error"]
    )
    assert client.get("/api/study").json()["readers"] == ["R1", "R2"]


def test_readers_whose_names_differ_by_case_are_one_file_on_some_disks(client: Client) -> None:
    save(client)
    assert "there is a reader 'R1' already" in save(client, reader="r1").json()["error"]


def test_a_report_of_the_film_is_written(answers: Answers, shared: Path, tmp_path: Path) -> None:
    pytest.importorskip("highdicom")
    (tmp_path / "films").mkdir()
    shutil.copyfile(shared / "data/dicom/rsna_chest.dcm", tmp_path / "films" / "a.dcm")
    with opened(answers, of_folder(tmp_path / "films"), tmp_path / "out") as client:
        assert "no box" in client.post("/api/films/0/send", json={"reader": "R1"}).json()["error"]
        save(client, 0, marks=[MARK | {"box": [300, 300, 200, 200]}])
        sent = client.post("/api/films/0/send", json={"reader": "R1"}).json()
        written = (tmp_path / "out" / sent["folder"]).iterdir()
        assert {"PR", "SR"} <= {pydicom.dcmread(path).Modality for path in written} <= {"PR", "SR", "OT"}
        again = client.post("/api/films/0/send", json={"reader": "R1"}).json()
        assert again["folder"] != sent["folder"]


def test_a_picture_has_no_report(client: Client) -> None:
    pytest.importorskip("highdicom")
    save(client, 0)
    said = client.post("/api/films/0/send", json={"reader": "R1"}).json()["error"]
    assert "DICOM" in said
    assert "--dicom-sr" not in said


def test_without_highdicom_no_report_is_offered(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Film 2 is a DICOM file."""
    save(client, 2)
    needed = "needs highdicom: pip install 'keras-cwp[dicom]'"
    monkeypatch.setattr("keras_cwp.reader.sending.what_reports_need", lambda: needed)
    assert client.get("/api/films/2").json()["no_report"] == f"writing one {needed}"
    assert needed in client.post("/api/films/2/send", json={"reader": "R1"}).json()["error"]


def test_requests_at_once_do_not_disturb_each_other(client: Client) -> None:
    answers: list[Any] = []

    def ask(number: int) -> None:
        answers.append(
            (number, client.post(f"/api/films/{number}/answer", json={"box": MARK["box"]}).json()["predicted"])
        )

    expected = {
        number: client.post(f"/api/films/{number}/answer", json={"box": MARK["box"]}).json()["predicted"]
        for number in range(3)
    }
    threads = [threading.Thread(target=ask, args=(number % 3,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 12
    assert all(expected[number] == predicted for number, predicted in answers)


# Who may ask


@pytest.fixture
def guarded(desk: Desk) -> Iterator[Client]:
    with serving(desk, Access("0.0.0.0", "s" * 32, ("films.example",))) as found:
        yield found


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8600", "127.0.0.1.evil.example", "", "10.0.0.5", "[::2]"]
)
def test_another_name_of_this_machine_is_refused(client: Client, host: str) -> None:
    for path in ("/", "/api/study"):
        assert client.get(path, headers={"host": host}).status_code == 421


@pytest.mark.parametrize("host", ["127.0.0.1:8600", "localhost", "LOCALHOST:1", "[::1]:8600"])
def test_loopbacks_names_are_known(client: Client, host: str) -> None:
    assert client.get("/api/study", headers={"host": host}).status_code == 200


def test_another_pages_requests_are_refused(client: Client) -> None:
    own = f"127.0.0.1:{client.port}"
    foreign = ("http://evil.example", "null", "", f"http://{own}.evil.example", f"http://evil.example//{own}")
    for headers in (*({"origin": each} for each in foreign), {"sec-fetch-site": "cross-site"}):
        assert client.get("/api/study", headers=headers).status_code == 403
        assert client.post("/api/reading", json={"reader": "R1"}, headers=headers).status_code == 403
    for scheme in ("http", "https"):
        assert client.get("/api/study", headers={"origin": f"{scheme}://{own}"}).status_code == 200
    assert client.get("/api/study", headers={"sec-fetch-site": "same-origin"}).status_code == 200


def test_beyond_loopback_a_token_is_needed_for_everything_but_the_empty_page(guarded: Client) -> None:
    assert guarded.get("/").status_code == 200
    assert guarded.get("/assets/app.js").status_code == 200
    for path in ("/api/study", "/api/films/0/pixels", "/api/films/0/thumbnail", "/api/nothing"):
        for given in ({}, {"authorization": "Bearer wrong"}, {"authorization": "Basic " + "s" * 32}):
            assert guarded.get(path, headers=given).status_code == 401
    assert guarded.get("/api/study", headers={"authorization": "Bearer " + "s" * 32}).status_code == 200


def test_beyond_loopback_addresses_and_stated_names_are_known(guarded: Client) -> None:
    for host, status in (("10.0.0.9", 200), ("films.example:8600", 200), ("evil.example", 421)):
        assert guarded.get("/", headers={"host": host}).status_code == status


def test_which_addresses_are_loopback() -> None:
    assert all(map(is_loopback, ("127.0.0.1", "127.8.8.8", "::1", "localhost")))
    assert not any(map(is_loopback, ("0.0.0.0", "::", "10.0.0.5", "films.example", "")))


def test_answers_are_json(client: Client) -> None:
    assert json.loads(client.get("/api/state").text)["heat"]["state"] == "ready"
