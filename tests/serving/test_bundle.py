"""The probe against a server that says what TensorFlow Serving says, and the numbering of versions."""

from __future__ import annotations

import http.server
import json
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from keras_cwp.prediction.card import versions
from keras_cwp.serving.bundle import free_version, write_bundle_files


class StatusPage(http.server.BaseHTTPRequestHandler):
    """GET /v1/models/cwp, with 200 whatever the state, as TensorFlow Serving answers."""

    state = "START"

    def do_GET(self) -> None:
        found = self.path == "/v1/models/cwp"
        status = {"version": "1", "state": self.state, "status": {"error_code": "OK", "error_message": ""}}
        body = json.dumps({"model_version_status": [status]} if found else {"error": "no such model"}, indent=1)
        self.send_response(200 if found else 404)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, format: str, *args: object) -> None:
        """Keep the test's output clean."""


@pytest.fixture
def port() -> Iterator[int]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), StatusPage) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


@pytest.mark.skipif(shutil.which("bash") is None, reason="the probe is a bash script; no bash here")
@pytest.mark.parametrize(
    ("state", "code"), [("START", 1), ("LOADING", 1), ("AVAILABLE", 0), ("UNLOADING", 1), ("END", 1)]
)
def test_the_probe_waits_for_available(
    state: str, code: int, port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(StatusPage, "state", state)
    write_bundle_files(tmp_path / "cwp")
    command = [str(tmp_path / "cwp" / "probe"), "127.0.0.1", str(port)]
    assert subprocess.run(command, check=False, timeout=60).returncode == code


@pytest.mark.skipif(shutil.which("bash") is None, reason="the probe is a bash script; no bash here")
def test_the_probe_without_a_server(port: int, tmp_path: Path) -> None:
    write_bundle_files(tmp_path / "other")  # a model that the server does not have
    command = [str(tmp_path / "other" / "probe"), "127.0.0.1"]
    assert subprocess.run([*command, str(port)], check=False, timeout=60).returncode == 1
    nobody = subprocess.run([*command, "1"], check=False, timeout=60, capture_output=True)
    assert nobody.returncode == 1


def test_the_compose_file_is_yaml_on_loopback_and_reads_only(tmp_path: Path) -> None:
    write_bundle_files(tmp_path / "cwp")
    service = yaml.safe_load((tmp_path / "cwp" / "docker-compose.yml").read_text())["services"]["cwp"]
    assert service["image"] == "tensorflow/serving:${TENSORFLOW_SERVING_TAG:-latest}"
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])
    assert service["volumes"] == [".:/models/cwp:ro"]
    files = [argument.split("/models/cwp/")[1] for argument in service["command"] if "/models/cwp/" in argument]
    assert all((tmp_path / "cwp" / name).is_file() for name in files)
    assert len(files) == 3


def test_versions_are_the_folders_whose_names_are_numbers(tmp_path: Path) -> None:
    for name in ("2", "10", ".11.abc", "12.tmp", "notes"):
        (tmp_path / name).mkdir()
    (tmp_path / "99").write_text("a file")
    assert versions(tmp_path) == [2, 10]
    assert free_version(tmp_path, None) == 11
    assert free_version(tmp_path, 5) == 5
    assert free_version(tmp_path / "new", None) == 1
