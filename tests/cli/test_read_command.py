"""keras-cwp read: starts, tells its address, ends at a signal, and refuses what would be open to others."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner
from support.reading import write_films

from keras_cwp.cli.main import cli
from keras_cwp.errors import CwpError

TOKEN = "t" * 32
_END_S = 120


@pytest.fixture
def films(tmp_path: Path) -> Path:
    return write_films(tmp_path / "films")


@contextmanager
def reading(*words: object) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The command as a process, and its address."""
    command = [sys.executable, "-m", "keras_cwp", "read", *map(str, words), "--port", "0", "--json", "--device", "cpu"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process, json.loads(process.stdout.readline())["address"]
        finally:
            process.kill()


def ask(address: str, path: str, body: object = None, token: str = "") -> object:
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(address + path, data, headers)) as answer:
        return json.load(answer)


def test_it_reads_saves_and_ends_at_a_signal_without_a_trace_of_the_patient(fit_run: Path, films: Path) -> None:
    with reading(fit_run, films, "--reader", "R1") as (process, address):
        assert address.startswith("http://127.0.0.1:")
        study = ask(address, "api/study")
        assert isinstance(study, dict)
        assert ([film["name"] for film in study["films"]], study["reader"]) == (["a.png", "b.png", "c.dcm"], "R1")
        mark = {"roi_id": "1", "box": [10, 10, 50, 50], "label": "normal"}
        ask(address, "api/films/2/marks", {"reader": "R1", "revision": 0, "marks": [mark], "patient": "P7"})
        second = CliRunner().invoke(cli, ["read", str(fit_run), str(films), "--reader", "R1", "--port", "0"])
        assert isinstance(second.exception, CwpError)
        assert "in use by another process" in str(second.exception)
        process.send_signal(signal.SIGTERM)
        output, log = process.communicate(timeout=_END_S)
        assert process.returncode == 0
        assert not any(word in output + log for word in ("Meier", "P7", "GET", "POST", "c.dcm"))
    assert "c.dcm,P7,normal,10,10,50,50,1,160,120,R1" in (films / "rois_R1.csv").read_text()
    assert not list(films.glob(".*.lock"))


def test_beyond_this_machine_it_wants_a_token(fit_run: Path, films: Path, tmp_path: Path) -> None:
    refused = CliRunner().invoke(cli, ["read", str(fit_run), str(films), "--host", "0.0.0.0"])
    assert "--host 0.0.0.0 is open to the network; give --token-file" in str(refused.exception)
    (tmp_path / "token").write_text(TOKEN)
    with reading(fit_run, films, "--host", "0.0.0.0", "--token-file", tmp_path / "token") as (_, address):
        with pytest.raises(urllib.error.HTTPError, match="401"):
            ask(address, "api/study")
        assert ask(address, "api/study", token=TOKEN)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["none"], "none: no such file or folder"),
        (["FILMS", "--images", "FILMS"], "is for a ROI table"),
        (["FILMS", "--reader", "../x"], "expected 1 to 32 letters"),
        (["FILMS", "--tls-cert", "x"], "belong together"),
    ],
)
def test_what_cannot_be_read_is_said_before_anything_is_started(
    fit_run: Path, films: Path, words: list[str], said: str
) -> None:
    given = [str(films) if word == "FILMS" else word for word in words]
    refused = CliRunner().invoke(cli, ["read", str(fit_run), *given])
    assert said in str(refused.exception) + refused.output


def test_a_folder_that_cannot_be_written_is_named(fit_run: Path, films: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    refused = CliRunner().invoke(
        cli, ["read", str(fit_run), str(films), "--reader", "R1", "--out", str(tmp_path / "file"), "--port", "0"]
    )
    assert f"cannot write {tmp_path / 'file'}" in str(refused.exception)
    assert sorted(os.listdir(films)) == ["a.png", "b.png", "c.dcm"]
