"""The whole server: swaps under load, draining, token, TLS, reload, logs, and the command line."""

from __future__ import annotations

import http.client
import json
import logging
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import grpc
import numpy as np
import pytest
import tensorflow as tf
from click.testing import CliRunner
from PIL import Image
from support.serving_helpers import Running, b64, predict_request, refused, start, wait_until
from support.serving_stub import opacity, write_stub
from tensorflow_serving.apis import model_management_pb2

from keras_cwp.cli.main import cli
from keras_cwp.errors import ServingError
from keras_cwp.serving.server import wrong_scheme
from keras_cwp.serving.server.server import Server
from keras_cwp.serving.server.settings import Settings, Tls
from keras_cwp.serving.token import read_token

TOKEN = "0123456789abcdef-secret"


def copied(stub: Path, folder: Path) -> Path:
    shutil.copytree(stub, folder / "stub")
    return folder / "stub"


def test_a_swap_under_load_drops_nothing_and_mixes_nothing(stub: Path, stub_2: Path, tmp_path: Path) -> None:
    folder = copied(stub, tmp_path)
    with start([folder]) as running:
        stop, seen, faults = threading.Event(), [], []

        def client(number: int) -> None:
            images = [b"x" * (10 * number + row) for row in range(1, 4)]
            while not stop.is_set():
                try:
                    response = running.predict("serving_default", image_bytes=images)
                except grpc.RpcError as error:
                    faults.append(error.details())
                    continue
                version = response.model_spec.version.value
                found = tf.make_ndarray(response.outputs["probabilities"])[:, 1]
                if not np.allclose(found, [opacity(image, version) for image in images], atol=1e-6):
                    faults.append(f"version {version}: {found}")
                seen.append(version)

        threads = [threading.Thread(target=client, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        wait_until(lambda: len(seen) > 20)
        shutil.copytree(stub_2, tmp_path / ".2")
        (tmp_path / ".2").rename(folder / "2")
        wait_until(lambda: seen[-1] == 2)
        more = len(seen) + 20
        wait_until(lambda: len(seen) > more)
        stop.set()
        for thread in threads:
            thread.join()
        assert not faults

        def states() -> list[tuple[str, str]]:
            _, found = running.get("/v1/models/stub")
            return [(each["version"], each["state"]) for each in found["model_version_status"]]

        wait_until(lambda: states() == [("2", "AVAILABLE"), ("1", "END")])


def test_reload_over_grpc_adds_a_version_and_labels(stub: Path, stub_2: Path, tmp_path: Path) -> None:
    folder = copied(stub, tmp_path)
    shutil.copytree(stub_2, folder / "2")
    with start([folder]) as running:
        request = model_management_pb2.ReloadConfigRequest()
        config = request.config.model_config_list.config.add(name="stub", base_path=str(folder))
        config.model_version_policy.specific.versions.extend([1, 2])
        config.version_labels["stable"] = 1
        config.version_labels["canary"] = 2
        running.models.HandleReloadConfigRequest(request)
        for label, version in (("stable", 1), ("canary", 2)):
            path = f"/v1/models/stub/labels/{label}:predict"
            status, found = running.post(path, {"instances": [b64(b"x")]})
            assert status == 200
            assert found["predictions"][0]["probabilities"][1] == pytest.approx(opacity(b"x", version))
        ask = predict_request("serving_default", image_bytes=[b"x"])
        ask.model_spec.version_label = "stable"
        assert running.prediction.Predict(ask).model_spec.version.value == 1
        config.version_labels["canary"] = 9
        code, details = refused(lambda: running.models.HandleReloadConfigRequest(request))
        assert (code, "not currently available" in details) == ("FAILED_PRECONDITION", True)
        config.base_path = str(tmp_path / "nowhere")
        code, details = refused(lambda: running.models.HandleReloadConfigRequest(request))
        assert (code, str(tmp_path / "nowhere") in details) == ("NOT_FOUND", True)
        config.base_path = "/etc"
        assert refused(lambda: running.models.HandleReloadConfigRequest(request))[0] == "PERMISSION_DENIED"
        assert running.post(":predict", {"instances": [b64(b"x")]})[0] == 200


def test_stop_answers_what_it_has_taken(stub: Path) -> None:
    answers: list[Any] = []
    with start([stub]) as running:
        loops = {"signature_name": "spin", "instances": [2000]}
        threads = [
            threading.Thread(target=lambda: answers.append(running.post(":predict", loops)[0])),
            threading.Thread(target=lambda: answers.append(running.predict("spin", loops=[2000]).outputs["done"])),
        ]
        for thread in threads:
            thread.start()
        wait_until(lambda: running.server._versions.status("stub")[0].users == 2)
        port = running.server.rest_port
        running.server.stop()
        running.server.stop = lambda: None  # type: ignore[method-assign]
        for thread in threads:
            thread.join(20)
        assert 200 in answers
        assert len(answers) == 2
        with pytest.raises(OSError, match=r"refused|reset"):
            urllib.request.urlopen(f"http://127.0.0.1:{port}/v1/models/stub", timeout=5)


def test_more_requests_at_once_than_allowed(stub: Path) -> None:
    with start([stub], max_requests=1) as running:
        loops = {"signature_name": "spin", "instances": [1500]}
        thread = threading.Thread(target=lambda: running.post(":predict", loops))
        thread.start()
        wait_until(lambda: running.server._versions.status("stub")[0].users == 1)
        assert running.post(":predict", {"instances": [b64(b"x")]}) == (503, {"error": "more than 1 requests at once"})
        said = refused(lambda: running.predict("serving_default", image_bytes=[b"x"]))  # one limit for both APIs
        assert said == ("UNAVAILABLE", "more than 1 requests at once")
        assert running.get("/v1/models/stub")[0] == 200
        thread.join()
        assert len(running.predict("serving_default", image_bytes=[b"x"]).outputs["status"].string_val) == 1


def test_nothing_is_answered_without_the_token(stub: Path) -> None:
    with start([stub], token=TOKEN) as running:
        body = {"instances": [b64(b"x")]}
        for wrong in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {TOKEN}"}):
            running.headers = wrong
            for call in (lambda: running.post(":predict", body), lambda: running.get("/v1/models/stub")):
                status, found = call()
                assert status == 401
                assert "a bearer token is required" in found["error"]
            assert running.http("GET", "/monitoring/prometheus/metrics")[0] == 401
        running.headers = {"Authorization": f"Bearer {TOKEN}"}
        assert running.post(":predict", body)[0] == 200
        request = predict_request("serving_default", image_bytes=[b"x"])
        assert refused(lambda: running.prediction.Predict(request))[0] == "UNAUTHENTICATED"
        metadata = [("authorization", f"Bearer {TOKEN}")]
        assert running.prediction.Predict(request, metadata=metadata).model_spec.version.value == 1


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Tls:
    if shutil.which("openssl") is None:
        pytest.skip("no openssl, which makes the certificate; apt-get install openssl")
    folder = tmp_path_factory.mktemp("tls")
    pair = Tls(folder / "cert.pem", folder / "key.pem")
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"),
            *("-addext", "subjectAltName=DNS:localhost", "-keyout", str(pair.key), "-out", str(pair.certificate)),
        ],
        check=True,
        capture_output=True,
    )
    return pair


def test_tls_on_both_ports(stub: Path, tls: Tls) -> None:
    with start([stub], tls=tls) as running:
        running.tls = ssl.create_default_context(cafile=str(tls.certificate))
        assert running.get("/v1/models/stub")[0] == 200
        credentials = grpc.ssl_channel_credentials(tls.certificate.read_bytes())
        with grpc.secure_channel(f"localhost:{running.server.grpc_port}", credentials) as channel:
            assert Running(running.server, channel).predict("one", x=[1.0]).model_spec.version.value == 1
        assert refused(lambda: running.predict("one", seconds=5, x=[1.0]))[0] in ("UNAVAILABLE", "DEADLINE_EXCEEDED")


@pytest.mark.parametrize("scheme", ["http", "grpc"])
def test_the_client_says_that_a_port_speaks_tls(scheme: str, stub: Path, tls: Tls, tmp_path: Path) -> None:
    image = tmp_path / "a.png"
    Image.new("L", (9, 9)).save(image)

    def ask(address: str) -> str:
        arguments = ["predict", address, str(image), "--out", str(tmp_path / "s.csv")]
        return str(CliRunner().invoke(cli, arguments).exception)

    def address(running: Running, written: str) -> str:
        port = running.server.rest_port if scheme == "http" else running.server.grpc_port
        return f"{written}://localhost:{port}/stub"

    with start([stub], tls=tls) as running:
        said = f"the port speaks TLS; write {scheme}s:// in place of {scheme}://"
        assert said in ask(address(running, scheme))
    with start([stub]) as running:
        said = f"the port does not speak TLS; write {scheme}:// in place of {scheme}s://"
        assert said in ask(address(running, f"{scheme}s"))


def test_the_log_says_that_a_client_speaks_the_other_scheme(
    stub: Path, tls: Tls, monkeypatch: Any, caplog: Any
) -> None:
    caplog.set_level(logging.INFO, "keras_cwp.serving.server")
    monkeypatch.setattr(wrong_scheme, "_last", {})

    def said(name: str) -> list[str]:
        return [line["reason"] for line in map(json.loads, caplog.messages) if line["event"] == name]

    with start([stub], tls=tls) as running:
        for _ in range(3):
            with pytest.raises((http.client.HTTPException, OSError)):
                running.get("/v1/models/stub")
        wait_until(lambda: said("refused_plain") != [])
    (line,) = said("refused_plain")  # once, for anyone can cause it
    assert "has to write https://" in line
    with start([stub]) as running:
        running.tls = ssl.create_default_context(cafile=str(tls.certificate))
        with pytest.raises((ssl.SSLError, ConnectionError)):
            running.get("/v1/models/stub")
        running.tls = None
        assert running.get("/v1/models/stub")[0] == 200
        wait_until(lambda: said("refused_tls") != [])
    assert "has to write http://" in said("refused_tls")[0]


def test_files_of_tls_and_token_that_cannot_be_used(stub: Path, tmp_path: Path) -> None:
    junk = tmp_path / "junk.pem"
    junk.write_text("no certificate")
    with pytest.raises(ServingError, match=r"TLS certificate .*junk\.pem: |gRPC on "):
        Server([stub], Settings(rest_port=0, grpc_port=0, tls=Tls(junk, junk)))
    (tmp_path / "token").write_text("short\n")
    with pytest.raises(ServingError, match=r"token: 5 characters; expected one line of at least 16"):
        read_token(tmp_path / "token")
    with pytest.raises(ServingError, match=r"token file .*nowhere"):
        read_token(tmp_path / "nowhere")
    with pytest.raises(ServingError, match="'stub' is the name of several of the folders"):
        Server([stub, stub], Settings(rest_port=0, grpc_port=0))


def test_a_warm_up_record_that_fails_keeps_the_version_out(tmp_path: Path) -> None:
    folder = tmp_path / "stub"
    folder.mkdir()
    write_stub(folder, 1, warmup=b"\xff no record")
    with start([folder]) as running:
        assert not running.server.ready()
        status, found = running.get("/v1/models/stub")
        (version,) = found["model_version_status"]
        assert (status, version["state"]) == (200, "END")  # 200 also then, as TensorFlow Serving answers
        assert version["status"]["error_code"] == "INTERNAL"
        assert "warm-up record 1 cannot be replayed" in version["status"]["error_message"]


def test_the_log_has_no_word_of_a_request(running: Running, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "keras_cwp.serving.server")
    secret = "MUELLER_HANS_1950"
    running.post(":predict", {"signature_name": secret, "instances": [secret]})
    running.post(f"/v1/models/{secret}:predict", {"instances": [secret]})
    running.post(":classify", {"signature_name": "classify", "examples": [{"image_bytes": 1, secret: secret}]})
    refused(lambda: running.predict(secret, model=secret, x=[1.0]))
    wait_until(lambda: len(caplog.messages) >= 4)
    assert secret not in caplog.text
    line = json.loads(caplog.messages[0])
    assert {"event", "api", "over", "model", "status", "ms"} == set(line)


def test_an_error_of_our_own_is_internal_and_says_nothing(running: Running, monkeypatch: Any, caplog: Any) -> None:
    from keras_cwp.serving.server import json_input

    def fail(*_: Any) -> None:
        raise KeyError("secret")

    monkeypatch.setattr(json_input, "predict_inputs", fail)
    status, found = running.post(":predict", {"instances": ["x"]})
    assert (status, found["error"]) == (500, "internal error; the server's log has its place")
    fault = next(json.loads(message) for message in caplog.messages if '"fault"' in message)
    assert (fault["type"], "secret" in caplog.text) == ("KeyError", False)


@pytest.mark.slow
def test_the_command_serves_until_it_is_told_to_stop(stub: Path) -> None:
    command = [sys.executable, "-m", "keras_cwp", "serve", str(stub), "--rest-port", "0", "--grpc-port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("REST http://127.0.0.1:")
        with urllib.request.urlopen(f"{line.split()[1]}/stub", timeout=20) as response:
            assert b'"AVAILABLE"' in response.read()
        with socket.create_connection(("127.0.0.1", urlsplit(line.split()[1]).port or 0), timeout=20) as stranger:
            stranger.sendall(b"no HTTP\r\n\r\n")
            assert stranger.recv(100).startswith(b"HTTP/1.1 400")
        process.send_signal(signal.SIGTERM)
        _, log = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == 0
    lines = [json.loads(line) for line in log.splitlines()]
    assert [each["event"] for each in lines][-1] == "stopped"
    assert {"time", "level", "event"} <= set(lines[0])


def test_the_command_says_what_is_wrong(stub: Path, tmp_path: Path) -> None:
    def run(*arguments: object) -> Any:
        return CliRunner().invoke(cli, ["serve", *map(str, arguments)])

    assert "belong together" in run(stub, "--tls-cert", "x").output
    assert "no such folder; name one" in str(run(tmp_path / "nowhere").exception)
    (tmp_path / "empty").mkdir()
    empty = run(tmp_path / "empty", "--rest-port", 0, "--grpc-port", 0).exception
    assert f"no version folder, whose name is a whole number, lies in {tmp_path / 'empty'}" in str(empty)
    version = run(stub / "1", "--rest-port", 0, "--grpc-port", 0).exception
    assert f"{stub / '1'} is itself a version; name the folder that it lies in, {stub}" in str(version)
