"""Bodies packed by gzip, as TensorFlow Serving reads them, and what is packed to do harm."""

from __future__ import annotations

import gzip
import http.client
import json
import tracemalloc
import zlib
from collections.abc import Iterator

import pytest
from support.serving_helpers import Running, b64, start
from support.serving_stub import write_stub

from keras_cwp.serving.server.body import gunzip
from keras_cwp.serving.server.status import Refused

LIMIT = 100_000
PATH = "/v1/models/stub:predict"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("models") / "stub"
    folder.mkdir()
    write_stub(folder, 1)
    with start([folder], max_request_bytes=LIMIT) as started:
        yield started


def post(running: Running, body: bytes, coding: str = "gzip") -> tuple[int, dict]:
    status, answer = running.http("POST", PATH, body, {"Content-Encoding": coding})
    return status, json.loads(answer)


@pytest.mark.parametrize("coding", ["gzip", "GZIP", " x-gzip"])
def test_a_packed_request_has_the_same_answer(coding: str, running: Running) -> None:
    tree = {"instances": [b64(b"abc"), b64(b"abcdef")]}
    plain = running.post(":predict", tree)
    assert plain[0] == 200
    assert post(running, gzip.compress(json.dumps(tree).encode()), coding) == plain
    assert post(running, json.dumps(tree).encode(), "identity") == plain


def test_answers_are_not_packed_as_tensorflow_serving_packs_none(running: Running) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", running.server.rest_port, timeout=20)
    connection.request("GET", "/v1/models/stub", headers={"Accept-Encoding": "gzip"})
    response = connection.getresponse()
    assert response.getheader("Content-Encoding") is None
    assert json.loads(response.read())["model_version_status"]
    connection.close()


@pytest.mark.parametrize("size", [LIMIT + 1, 500 * LIMIT])
def test_what_unpacks_to_more_than_the_limit_is_refused(size: int, running: Running) -> None:
    bomb = gzip.compress(b" " * size)
    assert len(bomb) < LIMIT
    assert post(running, bomb) == (413, {"error": f"the request has more than {LIMIT} bytes"})


def test_a_bomb_is_not_unpacked_beyond_the_limit() -> None:
    bomb = gzip.compress(b"\0" * (2**20 * 64))
    tracemalloc.start()
    with pytest.raises(Refused, match="more than 100000 bytes"):
        gunzip(bomb, LIMIT)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5 * LIMIT


def test_the_limit_itself_is_within_it() -> None:
    assert gunzip(gzip.compress(b" " * LIMIT), LIMIT) == b" " * LIMIT


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "cut short"),
        (b"{}", "Content-Encoding is gzip, but the body is not"),
        (zlib.compress(b"{}"), "Content-Encoding is gzip, but the body is not"),
        (gzip.compress(b"{}")[:-3], "cut short"),
        (gzip.compress(b"{}") + b"{}", "something stands behind its end"),
        (gzip.compress(b"{}")[:-8] + b"\0" * 8, "Content-Encoding is gzip, but the body is not"),  # wrong checksum
        (gzip.compress(b"{"), "JSON Parse error"),
    ],
    ids=["empty", "plain", "zlib", "cut", "more behind", "wrong checksum", "wrong inside"],
)
def test_bad_gzip(body: bytes, message: str, running: Running) -> None:
    status, answer = post(running, body)
    assert status == 400
    assert message in answer["error"]


@pytest.mark.parametrize("coding", ["br", "deflate", "gzip, gzip", "zstd"])
def test_other_codings(coding: str, running: Running) -> None:
    assert post(running, b"x", coding)[0] == 415
