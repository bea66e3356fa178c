"""The page to read films on beside the REST API: each answers its own paths, and both want the token."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from support.reading import write_films
from support.serving_helpers import start
from support.small_run import write_model

from keras_cwp.cli.main import cli
from keras_cwp.cli.served_page import served_page
from keras_cwp.errors import ServingError

TOKEN = "0123456789abcdef-secret"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    write_model(folder)
    return folder


def test_page_and_api_answer_on_one_port(stub: Path, network: Path, tmp_path: Path) -> None:
    films = write_films(tmp_path / "films")
    with served_page(films, network, "127.0.0.1", TOKEN, ()) as page, start([stub], page=page, token=TOKEN) as running:
        assert b"<title>Reading</title>" in running.http("GET", "/")[1]
        for path in ("/api/study", "/v1/models/stub", "/V1/models/stub", "/monitoring/prometheus/metrics"):
            assert running.http("GET", path)[0] == 401, path
            assert running.http("GET", path, headers=BEARER)[0] == 200, path
        study = json.loads(running.http("GET", "/api/study", headers=BEARER)[1])
        assert [film["name"] for film in study["films"]] == ["a.png", "b.png", "c.dcm"]
        said = json.dumps({"box": [40, 30, 60, 50]}).encode()
        status, body = running.http("POST", "/api/films/2/answer", said, BEARER | JSON)
        assert (status, len(json.loads(body)["classes"])) == (200, 3)
        assert running.http("GET", "/api/study", headers=BEARER | {"Host": "evil.example"})[0] == 421
        assert running.http("GET", "/v1/models/stub", headers=BEARER | {"Host": "evil.example"})[0] == 200
        assert "Malformed request" in json.loads(running.http("GET", "/v1/nothing", headers=BEARER)[1])["error"]


def test_without_a_page_nothing_answers_under_the_root(stub: Path) -> None:
    with start([stub]) as running:
        assert running.get("/") == (404, {"error": "Not found: /; models are under /v1/models/NAME"})
        assert running.http("GET", "/api/study")[0] == 404


def test_a_page_that_the_network_can_reach_needs_a_token(network: Path, tmp_path: Path) -> None:
    with pytest.raises(ServingError, match=r"--page with --host 0\.0\.0\.0 is open to the network; give --token-file"):
        served_page(tmp_path, network, "0.0.0.0", "", ()).__enter__()


@pytest.mark.parametrize("option", ["--page-model", "--page-host"])
def test_options_of_the_page_need_the_page(stub: Path, option: str) -> None:
    result = CliRunner().invoke(cli, ["serve", str(stub), option, "x"])
    assert result.exit_code == 2
    assert "are for --page" in result.output
